"""Errors of AWS and botocore, translated into a message and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ops.common.errors import AccessError, MissingError, OperatorError
from ops.common.output import printable

Response = TypeVar("Response")


@dataclass(frozen=True, kw_only=True)
class _Translation:
    kind: type[OperatorError]
    message: str
    remedy: str


_LOGIN = "log in again (aws sso login), or choose a profile: AWS_PROFILE=... python -m ops ..."
_EXPIRED = _Translation(kind=AccessError, message="the credentials have expired", remedy=_LOGIN)
_REJECTED = _Translation(kind=AccessError, message="AWS rejects these credentials", remedy=_LOGIN)
_THROTTLED = _Translation(
    kind=OperatorError, message="AWS throttles the requests", remedy="wait a minute and retry"
)
_DENIED = _Translation(
    kind=AccessError,
    message="access denied",
    remedy="request the permission that the message names, or choose another profile",
)
_UNREACHABLE = _Translation(
    kind=AccessError,
    message="AWS cannot be reached",
    remedy="check the network and the proxy; for --env local: make status",
)
_MISSING = _Translation(
    kind=MissingError,
    message="the resource does not exist",
    remedy="deploy the environment's layers, or choose another --env; "
    "`python -m ops doctor` shows what is missing",
)

_BY_CODE = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
         "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"),
        _REJECTED,
    ),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "Forbidden", "403"), _DENIED),
    **dict.fromkeys(
        ("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling",
         "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"),
        _THROTTLED,
    ),
    **dict.fromkeys(
        ("ResourceNotFoundException", "TableNotFoundException", "NoSuchBucket", "NoSuchKey",
         "ParameterNotFound", "NoSuchEntity", "NotFoundException", "NotFound", "404"),
        _MISSING,
    ),
}  # fmt: skip

# By class name, because importing botocore's classes would slow every command down.
_BY_EXCEPTION = {
    "NoCredentialsError": _Translation(
        kind=AccessError, message="no AWS credentials were found", remedy=_LOGIN
    ),
    "PartialCredentialsError": _Translation(
        kind=AccessError, message="the AWS credentials are incomplete", remedy=_LOGIN
    ),
    "ProfileNotFound": _Translation(
        kind=AccessError,
        message="the AWS profile does not exist",
        remedy="list the profiles: aws configure list-profiles",
    ),
    **dict.fromkeys(
        ("TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError",
         "CredentialRetrievalError"),
        _EXPIRED,
    ),
    **dict.fromkeys(
        ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError",
         "ConnectionClosedError", "ProxyConnectionError"),
        _UNREACHABLE,
    ),
}  # fmt: skip


def translate(error: Exception) -> OperatorError | None:
    """Return the OperatorError for an error of AWS or its SDK, None for any other error."""
    if not type(error).__module__.startswith(("botocore.", "boto3.", "s3transfer.")):
        return None
    code, message = _code_and_message(error)
    known = _BY_CODE.get(code) if code else _BY_EXCEPTION.get(type(error).__name__)
    if known is None:
        return OperatorError(f"AWS answers {code or type(error).__name__}: {message}")
    return known.kind(f"{known.message}: {message}", remedy=known.remedy)


def if_exists(request: Callable[[], Response]) -> Response | None:
    """Return the response of a request, None if the resource does not exist.

    Raises:
        Exception: The request failed for another reason.

    """
    try:
        return request()
    except Exception as error:
        if _BY_CODE.get(error_code(error)) is _MISSING:
            return None
        raise


def error_code(error: Exception) -> str:
    """Return the error code that AWS sent, "" without one."""
    return _code_and_message(error)[0]


def _code_and_message(error: Exception) -> tuple[str, str]:
    response = getattr(error, "response", None)
    details = response.get("Error", {}) if isinstance(response, dict) else {}
    operation = getattr(error, "operation_name", "")
    message = printable(" ".join(str(details.get("Message") or error).split()))
    return str(details.get("Code", "")), f"{operation}: {message}" if operation else message
