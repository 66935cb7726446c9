"""What AWS and its library say, as a message and a remedy for the operator."""

from __future__ import annotations

from dataclasses import dataclass

from ops.common.errors import OperatorError
from ops.common.output import printable


class AccessError(OperatorError):
    """AWS did not let the operator in, or could not be reached."""

    exit_code = 6


class MissingError(OperatorError):
    """What the command works on does not exist."""

    exit_code = 7


@dataclass(frozen=True, kw_only=True)
class _Known:
    kind: type[OperatorError]
    message: str
    remedy: str


_LOGIN = "log in again (aws sso login), or choose a profile: AWS_PROFILE=... python -m ops ..."
_APPLY = "apply the environment's layers, or choose another --env; `python -m ops doctor` compares"
_EXPIRED = _Known(kind=AccessError, message="the credentials have expired", remedy=_LOGIN)
_WRONG = _Known(kind=AccessError, message="AWS does not accept these credentials", remedy=_LOGIN)
_THROTTLED = _Known(
    kind=OperatorError, message="AWS throttles", remedy="wait a minute and run it again"
)
_DENIED = _Known(
    kind=AccessError,
    message="not allowed",
    remedy="ask for the right that the message names, or choose another profile",
)

_BY_CODE = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
         "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"),
        _WRONG,
    ),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "Forbidden", "403"), _DENIED),
    **dict.fromkeys(
        ("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling",
         "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"),
        _THROTTLED,
    ),
    **dict.fromkeys(
        ("ResourceNotFoundException", "TableNotFoundException", "NoSuchBucket",
         "ParameterNotFound"),
        _Known(kind=MissingError, message="it does not exist", remedy=_APPLY),
    ),
}  # fmt: skip

_BY_EXCEPTION = {
    "NoCredentialsError": _Known(
        kind=AccessError, message="there are no AWS credentials", remedy=_LOGIN
    ),
    "PartialCredentialsError": _Known(
        kind=AccessError, message="the AWS credentials are incomplete", remedy=_LOGIN
    ),
    **dict.fromkeys(
        ("TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError",
         "CredentialRetrievalError"),
        _EXPIRED,
    ),
    "ProfileNotFound": _Known(
        kind=AccessError, message="there is no such profile", remedy="aws configure list-profiles"
    ),
    **dict.fromkeys(
        ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError",
         "ConnectionClosedError", "ProxyConnectionError"),
        _Known(
            kind=AccessError,
            message="AWS does not answer",
            remedy="check the network and the proxy; for --env local: make status",
        ),
    ),
}  # fmt: skip


def explained(error: Exception) -> OperatorError | None:
    """Return the operator's error for one of AWS or its library, None for any other."""
    if not type(error).__module__.startswith(("botocore.", "boto3.", "s3transfer.")):
        return None
    code, said = _code_and_message(error)
    known = _BY_CODE.get(code) if code else _BY_EXCEPTION.get(type(error).__name__)
    if known is None:
        return OperatorError(f"AWS answers {code or type(error).__name__}: {_flat(said)}")
    return known.kind(f"{known.message}: {_flat(said)}", remedy=known.remedy)


def code_of(error: Exception) -> str:
    """Return the error code that AWS sent, "" if it sent none."""
    return _code_and_message(error)[0]


def _code_and_message(error: Exception) -> tuple[str, str]:
    response = getattr(error, "response", None)
    details = response.get("Error", {}) if isinstance(response, dict) else {}
    operation = getattr(error, "operation_name", "")
    said = str(details.get("Message") or error)
    return str(details.get("Code", "")), f"{operation}: {said}" if operation else said


def _flat(text: str) -> str:
    return printable(" ".join(text.split()))
