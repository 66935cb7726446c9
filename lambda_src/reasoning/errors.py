"""Every failure the API answers for, each with its HTTP status.

`ApiError.detail` is shown to the client; `ApiError.reason` is for the log alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """What is wrong with one field of a request.

    `value` is what was given, shortened for display; None if nothing was given.
    """

    field: str
    value: str | None
    reason: str


class ApiError(Exception):
    """A failure with an HTTP answer; subclasses fix the status and the problem type."""

    status: ClassVar[HTTPStatus]
    kind: ClassVar[str]

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason

    @property
    def headers(self) -> dict[str, str]:
        """Headers this answer needs beside the common ones."""
        return {}

    @property
    def field_errors(self) -> tuple[FieldError, ...]:
        """The fields at fault, empty unless the request was invalid."""
        return ()


class InvalidRequestError(ApiError):
    """The request cannot be understood, or some of its fields are invalid (400)."""

    status = HTTPStatus.BAD_REQUEST
    kind = "invalid-request"

    def __init__(self, detail: str, *, field_errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self._field_errors = field_errors

    @property
    def field_errors(self) -> tuple[FieldError, ...]:
        """The fields at fault, in the order they were found."""
        return self._field_errors


class UnknownPathError(ApiError):
    """The path is not one this API serves (404)."""

    status = HTTPStatus.NOT_FOUND
    kind = "not-found"


class MethodNotAllowedError(ApiError):
    """The path exists, the method does not (405 with Allow)."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    kind = "method-not-allowed"

    def __init__(self, detail: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        """The methods that do exist."""
        return {"Allow": ", ".join(self.allowed)}


class BodyTooLargeError(ApiError):
    """The body is larger than any valid request (413)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    kind = "body-too-large"


class UnsupportedMediaTypeError(ApiError):
    """The body is not declared as UTF-8 JSON (415)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "unsupported-media-type"


class ConfigurationError(ApiError):
    """Something an operator has to set is missing or invalid (500); `reason` says what and how."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "not-configured"

    def __init__(self, reason: str) -> None:
        super().__init__("The service is not configured completely.", reason=reason)


class InternalError(ApiError):
    """A defect of this program (500)."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "internal-error"

    def __init__(self) -> None:
        super().__init__("The request failed because of a defect of the service.")


class UpstreamRejectedError(ApiError):
    """Gemini refuses this very request: 400, or a safety block (502)."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "upstream-rejected"


class UpstreamAuthenticationError(ApiError):
    """Gemini refuses the API key, also after it was fetched anew (502)."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "upstream-authentication"


class UpstreamAnswerError(ApiError):
    """Gemini answered, but with nothing that may be shown or cached (502)."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "upstream-answer"


class UpstreamUnavailableError(ApiError):
    """A service behind this one is overloaded or down (503 with Retry-After, seconds)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "upstream-unavailable"

    def __init__(self, detail: str, *, retry_after: int, reason: str = "") -> None:
        super().__init__(detail, reason=reason)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """How long to wait before the next attempt."""
        return {"Retry-After": str(self.retry_after)}


class UpstreamTimeoutError(UpstreamUnavailableError):
    """Gemini did not finish its answer in time (503 with Retry-After)."""

    kind = "upstream-timeout"


def shared_failure(kind: str, retry_after: int) -> ApiError:
    """Return the failure that another request met under the same key, told by its `kind`."""
    reason = f"shared: {kind}"
    if kind == UpstreamRejectedError.kind:
        return UpstreamRejectedError("Gemini refuses this request.", reason=reason)
    if kind == UpstreamAuthenticationError.kind:
        return UpstreamAuthenticationError("Gemini refuses this service.", reason=reason)
    if kind == UpstreamAnswerError.kind:
        return UpstreamAnswerError("Gemini gave no usable answer.", reason=reason)
    if kind == ConfigurationError.kind:
        return ConfigurationError(reason)
    return UpstreamUnavailableError(
        "Gemini is not available.", retry_after=retry_after or 1, reason=reason
    )


class CacheUnavailableError(Exception):
    """The cache cannot be read or written right now; the request goes on without it."""
