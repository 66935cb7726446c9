"""Asking the function questions before anyone else does, so that the answers are cached."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ops.common.aws import Client
from ops.common.errors import OperatorError
from ops.common.output import Counter

if TYPE_CHECKING:
    from reasoning.models import Query

_PATH = "/api/reasoning"


@dataclass(kw_only=True)
class Warmed:
    """Answers by where they came from (HIT, MISS, STALE), and the questions that got none."""

    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def warm(
    lambda_: Client, function: str, queries: Sequence[Query], *, parallel: int, counter: Counter
) -> Warmed:
    """Ask every question once. Each that is not cached yet costs a call of Gemini."""
    tally: Tally[str] = Tally()
    done = Warmed()

    def ask(query: Query) -> tuple[str, str | None]:
        found = _ask(lambda_, function, query.canonical_json())
        counter.add(1)
        return found

    with ThreadPoolExecutor(parallel) as pool:
        for query, (cache, fault) in zip(queries, pool.map(ask, queries), strict=True):
            if fault is None:
                tally[cache] += 1
            else:
                done.failures.append(f"{query.canonical_json()}: {fault}")
    done.answers = dict(tally)
    return done


def _ask(lambda_: Client, function: str, body: str) -> tuple[str, str | None]:
    event = {
        "version": "2.0",
        "rawPath": _PATH,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": _PATH}},
        "body": body,
        "isBase64Encoded": False,
    }
    answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    document = _json(answer["Payload"].read())
    if "FunctionError" in answer:
        return "", str(document.get("errorMessage", "the function failed"))
    if document.get("statusCode") != HTTPStatus.OK:
        problem = _json(document.get("body") or "{}")
        return "", f"{document.get('statusCode')} {problem.get('detail') or problem.get('title')}"
    headers = {name.lower(): value for name, value in document.get("headers", {}).items()}
    return str(headers.get("x-cache", "?")), None


def _json(text: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise OperatorError(
            "the function's answer is no JSON object", remedy="python -m ops doctor"
        )
    return document
