"""API errors, each with its HTTP status and problem type (RFC 9457).

`ApiError.detail` is sent to the client; `ApiError.reason` is only logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """An invalid field of a request; `value` is truncated for display, None if not given."""

    field: str
    value: str | None
    reason: str


class ApiError(Exception):
    """Base class: a subclass sets the status, the problem type and the default detail.

    `headers` are added to the response; `retry_after` is in seconds, 0 if unknown.
    `negative_caching_seconds` is how long the same query is not sent to Gemini again.
    """

    status: ClassVar[HTTPStatus]
    kind: ClassVar[str]
    default_detail: ClassVar[str] = ""
    negative_caching_seconds: ClassVar[int] = 0

    def __init__(self, detail: str | None = None, *, reason: str = "") -> None:
        self.detail = self.default_detail if detail is None else detail
        super().__init__(self.detail)
        self.reason = reason
        self.headers: dict[str, str] = {}
        self.field_errors: tuple[FieldError, ...] = ()
        self.retry_after = 0


class InvalidRequestError(ApiError):
    """The request cannot be parsed, or some of its fields are invalid (400)."""

    status = HTTPStatus.BAD_REQUEST
    kind = "invalid-request"

    def __init__(self, detail: str, *, field_errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.field_errors = field_errors


class NotFoundError(ApiError):
    """The path does not exist, or a HEAD asks for an answer that is not cached (404)."""

    status = HTTPStatus.NOT_FOUND
    kind = "not-found"


class MethodNotAllowedError(ApiError):
    """The path exists, but does not support the method (405 with Allow)."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    kind = "method-not-allowed"

    def __init__(self, detail: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.headers["Allow"] = ", ".join(allowed)


class BodyTooLargeError(ApiError):
    """The body exceeds the size limit (413)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    kind = "body-too-large"


class UnsupportedMediaTypeError(ApiError):
    """The content type of the body is not JSON in UTF-8 (415)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "unsupported-media-type"


class ConfigurationError(ApiError):
    """A setting is missing or invalid (500); `reason` tells operators which, and how to fix it."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "not-configured"
    default_detail = "The service is not configured correctly."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class InternalError(ApiError):
    """An unexpected exception (500)."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "internal-error"
    default_detail = "An internal error occurred."


class UpstreamRejectedError(ApiError):
    """Gemini rejected the query: status 400 or a safety block (502)."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "upstream-rejected"
    default_detail = "Gemini rejected this request."
    negative_caching_seconds = 120


class UpstreamAuthenticationError(ApiError):
    """Gemini rejected the API key, even after it was fetched again (502)."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "upstream-authentication"
    default_detail = "Gemini rejected the credentials of this service."


class UpstreamAnswerError(ApiError):
    """Gemini returned an incomplete or invalid answer (502); the next one may be like it."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "upstream-answer"
    default_detail = "Gemini returned no valid answer."
    negative_caching_seconds = 60


class UpstreamStatusError(UpstreamAnswerError):
    """Gemini responded with an HTTP error that has no class of its own (502)."""

    default_detail = "Gemini responded with an error."
    negative_caching_seconds = 0


class UpstreamUnavailableError(ApiError):
    """A service that this one depends on is overloaded or down (503 with Retry-After)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "upstream-unavailable"
    default_detail = "Gemini is unavailable."

    def __init__(self, detail: str | None = None, *, retry_after: int, reason: str = "") -> None:
        super().__init__(detail, reason=reason)
        self.retry_after = retry_after
        self.headers["Retry-After"] = str(retry_after)


class UpstreamTimeoutError(UpstreamUnavailableError):
    """Gemini did not answer before the deadline (503 with Retry-After)."""

    kind = "upstream-timeout"
    default_detail = "Gemini did not answer in time."


class NotAskedError(UpstreamUnavailableError):
    """Gemini was not asked, so this is no failure of Gemini (503 with Retry-After)."""


class BudgetExhaustedError(NotAskedError):
    """The budget of calls for this UTC day is used up (503 with Retry-After)."""

    kind = "budget-exhausted"
    default_detail = "The daily budget of calls to Gemini is used up."


def shared_failure(kind: str, retry_after: int) -> ApiError:
    """Return the error of the given `kind` that another request for the same key met."""
    reason = f"shared: {kind}"
    for error in (UpstreamRejectedError, UpstreamAuthenticationError, UpstreamAnswerError):
        if kind == error.kind:
            return error(reason=reason)
    if kind == ConfigurationError.kind:
        return ConfigurationError(reason)
    return UpstreamUnavailableError(retry_after=retry_after or 1, reason=reason)


class CacheUnavailableError(Exception):
    """The cache cannot be read or written; the request bypasses it."""


class ItemTooLargeError(CacheUnavailableError):
    """The answer exceeds the size of an item, so it was not sent."""
