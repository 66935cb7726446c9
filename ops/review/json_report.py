"""A review as JSON, whose schema is review.schema.json beside this file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.common.errors import OperatorError
from ops.review.acceptance import Acceptance
from ops.review.dangers import Danger, Rank
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
        "changes": [resource(one) for one in stack.items],
        "drift": [resource(one) for one in stack.drift],
        "deferred": [resource(one) for one in stack.deferred],
        "outputs": [{"operation": what, **_line(line)} for what, line in stack.outputs],
        "failed_checks": [
            {"address": address, "status": status, "problems": list(problems)}
            for address, status, problems in stack.failed_checks
        ],
    }


def resource(item: Item) -> Json:
    """Return the document of a resource."""
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


def read(document: Any, where: str) -> tuple[Stack, ...]:
    """Return the stacks of a review; who accepted their dangers is left out.

    Raises:
        OperatorError: It is no review of this format.

    """
    try:
        if document["format_version"] != FORMAT:
            raise _unreadable(where, f"its format is {document['format_version']}, not {FORMAT}")
        return tuple(map(_read_stack, document["stacks"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(where, f"{type(error).__name__}: {error}") from error


def _unreadable(where: str, why: str) -> OperatorError:
    return OperatorError(
        f"{where} is no review that can be read ({why})",
        remedy="write it with the same version of this command",
    )


def _read_stack(one: Mapping[str, Any]) -> Stack:
    return Stack(
        name=one["name"],
        environment=one["environment"],
        layer=one["layer"] or "",
        source=one["source"],
        items=tuple(map(_read_item, one["changes"])),
        drift=tuple(map(_read_item, one["drift"])),
        drift_noise=one["noise"] - sum(item["noise"] for item in (*one["changes"], *one["drift"])),
        deferred=tuple(map(_read_item, one["deferred"])),
        outputs=tuple((output["operation"], _read_line(output)) for output in one["outputs"]),
        failed_checks=tuple(
            (check["address"], check["status"], tuple(check["problems"]))
            for check in one["failed_checks"]
        ),
        waits_for=tuple(one["waits_for"]),
        waits_because=one["waits_because"] or "",
        errored=one["errored"],
        has_changes=one["has_changes"],
    )


def _read_item(one: Mapping[str, Any]) -> Item:
    return Item(
        address=one["address"],
        type=one["type"],
        operations=tuple(one["operations"]),
        previous_address=one["previous_address"],
        imports=one["imports"],
        deposed=one["deposed"],
        reason=one["reason"],
        lines=tuple(map(_read_line, one["attributes"])),
        rights=tuple((right["path"], tuple(right["lines"])) for right in one["rights"]),
        later=tuple(one["known_after_apply"]),
        elsewhere=tuple(one["owned_elsewhere"]),
        noise=one["noise"],
        dangers=tuple(Judged(danger=_read_danger(danger)) for danger in one["dangers"]),
    )


def _read_line(one: Mapping[str, Any]) -> Line:
    return Line(
        path=one["path"], before=one["before"], after=one["after"], owner=one["owner"] or ""
    )


def _read_danger(one: Mapping[str, Any]) -> Danger:
    return Danger(
        kind=one["kind"],
        rank=next(rank for rank in Rank if rank.label == one["rank"]),
        cause=one["cause"],
        loses=one["loses"],
    )
