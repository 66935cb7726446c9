"""The Lambda's entry point: an event in, an HTTP response out, never an exception."""

from __future__ import annotations

import gc

# What is imported stays. The collector would search it again and again for something to free.
gc.disable()

import contextlib
import functools
import os
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from reasoning import log, metrics
from reasoning.cross_origin import CrossOrigin
from reasoning.deadline import Deadline
from reasoning.errors import ApiError, ConfigurationError, InternalError
from reasoning.events import HttpRequest, check_path
from reasoning.models import Query
from reasoning.responses import LambdaResponse, failure, no_content, success
from reasoning.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from reasoning.service import ReasoningService

# A client can send this header, too, so only what CloudFront would write is logged.
_EDGE_ID = re.compile(r"[A-Za-z0-9_=-]{20,100}")
_SAME_ORIGIN = CrossOrigin()


class LambdaContext(Protocol):
    """What this program uses of Lambda's context object."""

    @property
    def aws_request_id(self) -> str:
        """Id of this invocation in Lambda's own log lines."""

    @property
    def function_name(self) -> str:
        """Name of the function."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""


def handler(event: object, context: LambdaContext) -> LambdaResponse:
    """Answer one invocation."""
    return respond(
        event, context, lambda deadline: _runtime().service(deadline), cross_origin=_cross_origin()
    )


def respond(
    event: object,
    context: LambdaContext,
    current_service: Callable[[Deadline], ReasoningService],
    *,
    cross_origin: CrossOrigin = _SAME_ORIGIN,
) -> LambdaResponse:
    """Answer an event with the service at hand; every failure becomes a problem document."""
    started = time.perf_counter()
    log.request_id.set(context.aws_request_id)
    metrics.begin()
    request: HttpRequest | None = None
    try:
        deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000)
        request = HttpRequest.from_event(event)
        response = _answer(request, deadline, current_service, cross_origin)
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
    # The last line of defence: Lambda would answer an exception with its message and a 502.
    except Exception as error:  # noqa: BLE001
        response = failure(InternalError(), context.aws_request_id)
        log.error("defect", **log.exception_fields(error))
    response["headers"] |= {
        "X-Request-Id": context.aws_request_id,
        **cross_origin.headers(request),
    }
    log.info(
        "request",
        metrics.embedded(context.function_name),
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
    cross_origin: CrossOrigin,
) -> LambdaResponse:
    check_path(request)
    preflight = cross_origin.preflight_headers(request)
    if preflight is not None:
        return no_content(preflight)
    query = Query.parse(request.fields())
    outcome = current_service(deadline).answer(query, deadline)
    if_none_match = request.headers.get("if-none-match", "") if request.method == "GET" else ""
    return success(query, outcome, if_none_match=if_none_match)


def _edge_request_id(request: HttpRequest | None) -> str | None:
    given = request.headers.get("x-amz-cf-id", "") if request else ""
    return given if _EDGE_ID.fullmatch(given) else None


@functools.cache
def _cross_origin() -> CrossOrigin:
    return CrossOrigin.parse(os.environ.get("CORS_ORIGINS", ""))


@functools.cache
def _runtime() -> Runtime:
    # A failure is not kept, so the next invocation tries again.
    return Runtime(os.environ)


gc.freeze()
gc.enable()

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # While Lambda starts an instance, it has a whole processor, whatever its memory.
    with contextlib.suppress(ConfigurationError):
        _runtime()
