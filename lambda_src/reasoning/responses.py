"""HTTP responses: the answer with its cache metadata, or a problem (RFC 9457)."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict

from reasoning.models import utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reasoning.errors import ApiError
    from reasoning.models import Query
    from reasoning.outcome import Outcome


class LambdaResponse(TypedDict):
    """A response in payload format 2.0."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


def success(query: Query, outcome: Outcome, *, if_none_match: str) -> LambdaResponse:
    """Return the answer (200), or 304 if the client already has it.

    The body's `reasoning` conforms to `answer.ANSWER_SCHEMA`, `query` is the query in its
    canonical values, `cache` says where the answer came from and how long it is valid.
    `Age` counts against `max-age`, so that no cache on the way keeps an answer beyond its
    expiry; it may drop it sooner and ask again.
    """
    entry = outcome.entry
    tag = _entity_tag(entry.key, str(entry.cached_at), entry.model, entry.reasoning_json)
    headers = {
        "X-Cache": outcome.status.value,
        "Age": str(outcome.age_seconds),
        "ETag": tag,
        "Cache-Control": f"public, max-age={outcome.remaining_seconds}",
    }
    if _matches(if_none_match, tag):
        return _response(HTTPStatus.NOT_MODIFIED, headers, "")
    # Only the model's name may need escapes.
    body = (
        f'{{"reasoning":{entry.reasoning_json},"query":{query.canonical_json()},'
        f'"cache":{{"status":"{outcome.status.value}","key":"{entry.key}",'
        f'"model":{json.dumps(entry.model)},"cached_at":"{utc_text(entry.cached_at)}",'
        f'"expires_at":"{utc_text(entry.expires_at)}","age_seconds":{outcome.age_seconds}}}}}'
    )
    return _response(HTTPStatus.OK, {"Content-Type": "application/json", **headers}, body)


def failure(problem: ApiError, request_id: str) -> LambdaResponse:
    """Return a problem document; `errors` lists the fields at fault, if there are any."""
    document: dict[str, object] = {
        "type": f"/problems/{problem.kind}",
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "request_id": request_id,
    }
    if problem.field_errors:
        document["errors"] = [
            {"field": error.field, "value": error.value, "reason": error.reason}
            for error in problem.field_errors
        ]
    headers = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        **problem.headers,
    }
    return _response(problem.status, headers, _compact(document))


def no_content(headers: Mapping[str, str]) -> LambdaResponse:
    """Return a response that is all headers (204)."""
    return _response(HTTPStatus.NO_CONTENT, {**headers, "Cache-Control": "no-store"}, "")


def _response(status: HTTPStatus, headers: dict[str, str], body: str) -> LambdaResponse:
    return {"statusCode": int(status), "headers": headers, "body": body, "isBase64Encoded": False}


def _compact(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _entity_tag(*parts: str) -> str:
    """Identify the answer; weakly, because status and age differ between its deliveries."""
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f'W/"{digest[:32]}"'


def _matches(if_none_match: str, tag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    opaque = tag.removeprefix("W/")
    return any(given.strip().removeprefix("W/") == opaque for given in if_none_match.split(","))
