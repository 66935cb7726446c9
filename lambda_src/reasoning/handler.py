"""The Lambda entry point: every event gets an HTTP response, never an exception."""

from __future__ import annotations

import gc

# Disable GC during imports: modules are never freed.
gc.disable()

import contextlib
import functools
import os
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from reasoning import log, metrics
from reasoning.cors import CorsPolicy
from reasoning.deadline import Deadline
from reasoning.errors import ApiError, ConfigurationError, InternalError, NotFoundError
from reasoning.events import PATH, HttpRequest
from reasoning.models import Query
from reasoning.responses import LambdaResponse, failure, no_content, success
from reasoning.runtime import Runtime
from reasoning.service import ReasoningService

# Clients can set this header, so only the format that CloudFront writes is logged.
_CLOUDFRONT_ID = re.compile(r"[A-Za-z0-9_=-]{20,100}")
_SAME_ORIGIN = CorsPolicy()


class LambdaContext(Protocol):
    """The members of Lambda's context object that are used here."""

    @property
    def aws_request_id(self) -> str:
        """Id of the invocation, also in Lambda's own log lines."""

    @property
    def function_name(self) -> str:
        """Name of the function."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""


def handler(event: object, context: LambdaContext) -> LambdaResponse:
    """Answer one invocation."""
    return respond(
        event, context, lambda deadline: _runtime().service(deadline), cors=_cors_policy()
    )


def respond(
    event: object,
    context: LambdaContext,
    current_service: Callable[[Deadline], ReasoningService],
    *,
    cors: CorsPolicy = _SAME_ORIGIN,
) -> LambdaResponse:
    """Answer an event with the given service; every error becomes a problem document."""
    started = time.perf_counter()
    log.request_id.set(context.aws_request_id)
    metrics.begin()
    request: HttpRequest | None = None
    try:
        deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000)
        request = HttpRequest.from_event(event)
        response = _answer(request, deadline, current_service, cors)
    except ApiError as problem:
        response = failure(problem, context.aws_request_id)
        write = log.error if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.info
        write(
            "problem",
            kind=problem.kind,
            detail=problem.detail,
            reason=problem.reason,
            invalid_fields=len(problem.field_errors),
        )
    # Lambda would respond to an uncaught exception with 502 and log its message.
    except Exception as error:  # noqa: BLE001
        response = failure(InternalError(), context.aws_request_id)
        log.error("defect", **log.exception_fields(error))
    if request and request.method == "HEAD":
        response["body"] = ""
    response["headers"] |= {
        "X-Request-Id": context.aws_request_id,
        **cors.headers(request),
    }
    log.info(
        "request",
        metrics.emf_members(context.function_name),
        status=response["statusCode"],
        cache=response["headers"].get("X-Cache"),
        duration_ms=round(1000 * (time.perf_counter() - started), 1),
        edge_request_id=_edge_request_id(request),
    )
    return response


def _answer(
    request: HttpRequest,
    deadline: Deadline,
    current_service: Callable[[Deadline], ReasoningService],
    cors: CorsPolicy,
) -> LambdaResponse:
    if request.path != PATH:
        raise NotFoundError(f"The only path is {PATH}.")
    preflight = cors.preflight_headers(request)
    if preflight is not None:
        return no_content(preflight)
    query = Query.parse(request.fields())
    service = current_service(deadline)
    find = service.cached if request.method == "HEAD" else service.answer
    outcome = find(query, deadline)
    if_none_match = "" if request.method == "POST" else request.headers.get("if-none-match", "")
    return success(query, outcome, service.lifetimes, if_none_match=if_none_match)


def _edge_request_id(request: HttpRequest | None) -> str | None:
    value = request.headers.get("x-amz-cf-id", "") if request else ""
    return value if _CLOUDFRONT_ID.fullmatch(value) else None


@functools.cache
def _cors_policy() -> CorsPolicy:
    return CorsPolicy.parse(os.environ.get("CORS_ORIGINS", ""))


@functools.cache
def _runtime() -> Runtime:
    # An exception is not cached, so the next invocation tries again.
    return Runtime(os.environ)


gc.freeze()
gc.enable()

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # The init phase has a full CPU, whatever the memory size.
    with contextlib.suppress(ConfigurationError):
        _runtime()
