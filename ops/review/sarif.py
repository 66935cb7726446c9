"""The dangers of a review as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from ops.review.plan import Json
from ops.review.report import Item, Judged, Review, Stack

_LEVELS = {"critical": "error", "high": "error", "medium": "warning"}


def document(review: Review) -> Json:
    """Return the log; accepted dangers are in it, as suppressed."""
    found = list(review.dangers())
    kinds = sorted({judged.danger.kind for _, _, judged in found})
    rules: list[Json] = [
        {"id": kind, "shortDescription": {"text": kind.replace("-", " ")}} for kind in kinds
    ]
    failed: list[Json] = [
        {"level": "error", "message": {"text": f"the plan of {stack.name} failed"}}
        for stack in review.stacks
        if stack.errored
    ]
    results: list[Json] = [
        _result(stack, item, judged, kinds.index(judged.danger.kind))
        for stack, item, judged in found
    ]
    run: dict[str, Json] = {
        "tool": {"driver": {"name": "ops review", "rules": rules}},
        "invocations": [{"executionSuccessful": not failed, "toolExecutionNotifications": failed}],
        "columnKind": "utf16CodeUnits",
        "results": results,
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _result(stack: Stack, item: Item, judged: Judged, rule: int) -> Json:
    one = judged.danger
    name = f"{stack.name}/{item.address}"
    result: dict[str, Json] = {
        "ruleId": one.kind,
        "ruleIndex": rule,
        "level": _LEVELS[one.rank.label],
        "message": {"text": f"{one.kind} of {name}: {one.cause}. Lost: {one.loses}."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(stack.source)},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {
            "danger/v1": hashlib.sha256(f"{name}:{one.kind}".encode()).hexdigest()
        },
    }
    if judged.accepted:
        text = f"{judged.accepted.who}: {judged.accepted.why}"
        result["suppressions"] = [{"kind": "external", "justification": text}]
    return result
