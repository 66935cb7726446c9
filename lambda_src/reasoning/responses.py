"""HTTP responses: the answer with its cache metadata, or a problem document (RFC 9457)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypedDict

from reasoning.cache import Outcome
from reasoning.errors import ApiError
from reasoning.freshness import Lifetimes
from reasoning.models import Query, utc_text


class LambdaResponse(TypedDict):
    """A Lambda response in payload format 2.0."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


def success(
    query: Query, outcome: Outcome, lifetimes: Lifetimes, *, if_none_match: str
) -> LambdaResponse:
    """Return the answer (200), or 304 if `if_none_match` contains its entity tag.

    In the body, `reasoning` conforms to `prompt.ANSWER_SCHEMA`, `query` has the canonical values
    and `cache` is the cache metadata.
    """
    entry = outcome.entry
    identity = "\n".join((entry.key, str(entry.cached_at), entry.model, entry.reasoning_json))
    # A weak tag, because status and age in the body differ between responses.
    tag = f'W/"{hashlib.sha256(identity.encode()).hexdigest()[:32]}"'
    headers = {
        "X-Cache": outcome.status.value,
        "ETag": tag,
        "Cache-Control": lifetimes.cache_control(outcome.remaining_seconds),
    }
    if _matches(if_none_match, tag):
        return _response(HTTPStatus.NOT_MODIFIED, headers, "")
    # Not json.dumps of the whole, which is slower; only the model's name may need escapes.
    body = (
        f'{{"reasoning":{entry.reasoning_json},"query":{query.canonical_json()},'
        f'"cache":{{"status":"{outcome.status.value}","key":"{entry.key}",'
        f'"model":{json.dumps(entry.model)},"model_version":{json.dumps(entry.model_version)},'
        f'"cached_at":"{utc_text(entry.cached_at)}",'
        f'"expires_at":"{utc_text(entry.expires_at)}","age_seconds":{outcome.age_seconds}}}}}'
    )
    return _response(HTTPStatus.OK, {"Content-Type": "application/json", **headers}, body)


def failure(problem: ApiError, request_id: str) -> LambdaResponse:
    """Return the problem document of an error; `errors` lists invalid fields, if any."""
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
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _response(problem.status, headers, body)


def no_content(headers: Mapping[str, str]) -> LambdaResponse:
    """Return a response without a body (204)."""
    return _response(HTTPStatus.NO_CONTENT, {**headers, "Cache-Control": "no-store"}, "")


def _response(status: HTTPStatus, headers: dict[str, str], body: str) -> LambdaResponse:
    return {"statusCode": int(status), "headers": headers, "body": body, "isBase64Encoded": False}


def _matches(if_none_match: str, tag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    opaque = tag.removeprefix("W/")
    return any(given.strip().removeprefix("W/") == opaque for given in if_none_match.split(","))
