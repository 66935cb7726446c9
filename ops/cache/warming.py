"""Asks the cache Lambda questions in advance, so that the answers are cached."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ops.common.errors import OperatorError
from ops.common.output import Progress

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from reasoning.models import Query

_PATH = "/api/reasoning"


@dataclass(kw_only=True)
class WarmResult:
    """Numbers of answers by cache status (HIT, MISS, STALE), and the questions that failed."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def warm(
    lambda_: LambdaClient,
    function: str,
    queries: Sequence[Query],
    *,
    parallel: int,
    progress: Progress,
) -> WarmResult:
    """Ask every question once; each that is not cached yet costs a Gemini call."""
    result = WarmResult()

    def ask(query: Query) -> tuple[str, str | None]:
        answer = _ask(lambda_, function, query.canonical_json())
        progress.add(1)
        return answer

    with ThreadPoolExecutor(parallel) as pool:
        for query, (status, fault) in zip(queries, pool.map(ask, queries), strict=True):
            if fault is None:
                result.answers[status] += 1
            else:
                result.failures.append(f"{query.canonical_json()}: {fault}")
    return result


def _ask(lambda_: LambdaClient, function: str, body: str) -> tuple[str, str | None]:
    """Return the answer's cache status, or the reason why there is none."""
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
    document = _object(answer["Payload"].read())
    if "FunctionError" in answer:
        return "", str(document.get("errorMessage", "the function failed"))
    if document.get("statusCode") != HTTPStatus.OK:
        problem = _object(document.get("body") or "{}")
        return "", f"{document.get('statusCode')} {problem.get('detail') or problem.get('title')}"
    headers = {name.lower(): value for name, value in document.get("headers", {}).items()}
    return str(headers.get("x-cache", "?")), None


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise OperatorError(
            "the function's answer is not a JSON object", remedy="python -m ops doctor"
        )
    return document
