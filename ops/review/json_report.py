"""A review as JSON, whose schema is review.schema.json beside this file."""

from __future__ import annotations

from pathlib import Path

from ops.review.acceptance import Acceptance
from ops.review.plan import Json
from ops.review.report import COLUMNS, Item, Judged, Line, Review, Stack

FORMAT = "1.0"
SCHEMA = Path(__file__).with_name("review.schema.json")


def document(review: Review) -> dict[str, Json]:
    """Return the document."""
    return {
        "format_version": FORMAT,
        "exit_code": review.exit_code,
        "verdict": review.verdict,
        "open_dangers": review.open_dangers,
        "stacks": [_stack(stack) for stack in review.stacks],
        "acceptances": {
            "expired": [_acceptance(one) for one in review.expired],
            "unneeded": [_acceptance(one) for one in review.unneeded],
        },
    }


def _stack(stack: Stack) -> Json:
    return {
        "name": stack.name,
        "environment": stack.environment,
        "layer": stack.layer or None,
        "source": stack.source,
        "errored": stack.errored,
        "has_changes": stack.has_changes,
        "waits_for": list(stack.waits_for),
        "waits_because": stack.waits_because or None,
        "counts": {column: stack.counts[column] for column in COLUMNS},
        "noise": stack.noise,
        "changes": [_item(item) for item in stack.items],
        "drift": [_item(item) for item in stack.drift],
        "deferred": [_item(item) for item in stack.deferred],
        "outputs": [{"operation": what, **_line(line)} for what, line in stack.outputs],
        "failed_checks": [
            {"address": address, "status": status, "problems": list(problems)}
            for address, status, problems in stack.failed_checks
        ],
    }


def _item(item: Item) -> Json:
    return {
        "address": item.address,
        "type": item.type,
        "operations": list(item.operations),
        "previous_address": item.previous_address,
        "imports": item.imports,
        "deposed": item.deposed,
        "reason": item.reason,
        "attributes": [_line(line) for line in item.lines],
        "rights": [{"path": path, "lines": list(lines)} for path, lines in item.rights],
        "known_after_apply": list(item.later),
        "owned_elsewhere": list(item.elsewhere),
        "noise": item.noise,
        "dangers": [_danger(judged) for judged in item.dangers],
    }


def _line(line: Line) -> dict[str, Json]:
    return {
        "path": line.path,
        "before": line.before,
        "after": line.after,
        "owner": line.owner or None,
    }


def _danger(judged: Judged) -> Json:
    return {
        "kind": judged.danger.kind,
        "rank": judged.danger.rank.label,
        "cause": judged.danger.cause,
        "loses": judged.danger.loses,
        "accepted": _acceptance(judged.accepted) if judged.accepted else None,
    }


def _acceptance(one: Acceptance) -> Json:
    return {
        "address": one.address,
        "kind": one.kind,
        "stacks": list(one.stacks),
        "who": one.who,
        "why": one.why,
        "until": one.until,
    }
