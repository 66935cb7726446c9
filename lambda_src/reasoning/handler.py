"""The Lambda's entry point: an event in, an HTTP response out, never an exception."""

from __future__ import annotations

import functools
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from reasoning import log
from reasoning.deadline import Deadline
from reasoning.errors import ApiError, InternalError
from reasoning.events import HttpRequest
from reasoning.models import Query
from reasoning.responses import LambdaResponse, failure, success
from reasoning.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from reasoning.service import ReasoningService


class LambdaContext(Protocol):
    """What this program uses of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""


def handler(event: object, context: LambdaContext) -> LambdaResponse:
    """Answer one invocation."""
    return respond(event, context, lambda deadline: _runtime().service(deadline))


def respond(
    event: object,
    context: LambdaContext,
    current_service: Callable[[Deadline], ReasoningService],
) -> LambdaResponse:
    """Answer an event with the service at hand; every failure becomes a problem document."""
    started = time.perf_counter()
    log.request_id.set(context.aws_request_id)
    try:
        response = _answer(event, context, current_service)
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
    log.info(
        "request",
        status=response["statusCode"],
        cache=response["headers"].get("X-Cache"),
        duration_ms=round(1000 * (time.perf_counter() - started), 1),
    )
    return response


def _answer(
    event: object,
    context: LambdaContext,
    current_service: Callable[[Deadline], ReasoningService],
) -> LambdaResponse:
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000)
    request = HttpRequest.from_event(event)
    query = Query.parse(request.fields())
    outcome = current_service(deadline).answer(query, deadline)
    if_none_match = request.headers.get("if-none-match", "") if request.method == "GET" else ""
    return success(query, outcome, if_none_match=if_none_match)


@functools.cache
def _runtime() -> Runtime:
    # A failure is not kept, so the next invocation tries again.
    return Runtime(os.environ)
