"""A minimal signed client for AWS services with a JSON protocol, over one persistent connection.

Signing is botocore's. The rest of the SDK is not imported: its clients use more CPU time than
everything else in this function (docs/decisions/0008).
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from reasoning.connection import Connection, Origin, TransportError
from reasoning.deadline import Deadline
from reasoning.errors import ConfigurationError
from reasoning.response_parser import Response
from reasoning.untrusted_json import parse_json

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from botocore.credentials import ReadOnlyCredentials

# At debug level the signer logs the string to sign, which includes the session token.
logging.getLogger("botocore").setLevel(logging.INFO)

_MAX_ATTEMPTS = 3
_ATTEMPT_SECONDS = 1.0
_FIRST_BACKOFF_SECONDS = 0.05
_ERROR_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
THROTTLING_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class AwsError(Exception):
    """An AWS call failed; `code` is the service's error code or the kind of transport failure.

    `item` is the item that failed DynamoDB's condition, empty unless the request asked for it.
    """

    def __init__(
        self, service: str, operation: str, code: str, item: Mapping[str, object] | None = None
    ) -> None:
        # Without the service's message: that of SignatureDoesNotMatch quotes the session token.
        super().__init__(f"{service} {operation}: {code}")
        self.service = service
        self.operation = operation
        self.code = code
        self.item = item or {}


class AwsUnavailableError(AwsError):
    """The service throttled the call, failed or was unreachable, after all retries."""


class AwsRejectedError(AwsError):
    """The service rejected the request; a retry would not help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonService:
    """An AWS service: endpoint prefix, X-Amz-Target prefix and version of its JSON protocol."""

    name: str
    target: str
    json_version: str


DYNAMODB = JsonService(name="dynamodb", target="DynamoDB_20120810", json_version="1.0")
SSM = JsonService(name="ssm", target="AmazonSSM", json_version="1.1")
SECRETS_MANAGER = JsonService(name="secretsmanager", target="secretsmanager", json_version="1.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Credentials:
    """The attributes that botocore's signer reads; botocore.credentials is slow to import."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)


class _Signer(SigV4Auth):
    """botocore's signer, memoizing what it would compute repeatedly."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        headers: HTTPMessage | None = request.context.get("headers_to_sign")
        if headers is None:
            headers = request.context["headers_to_sign"] = super().headers_to_sign(request)
        return headers

    def payload(self, request: AWSRequest) -> str:
        # The inherited method prepares the whole request to find its body.
        return hashlib.sha256(request.data or b"").hexdigest()

    def _sign(self, key: bytes, msg: str, hex: bool = False) -> bytes | str:  # noqa: A002
        # The steps that derive the signing key repeat all day; the signature (hex) does not.
        return _SIGN(self, key, msg, hex=True) if hex else _derived_key(key, msg)


# Private, so the type stubs do not declare it.
_SIGN: Callable[..., bytes] = SigV4Auth._sign  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=32)
def _derived_key(key: bytes, msg: str) -> bytes:
    return _SIGN(None, key, msg)


class AwsClient:
    """Calls one AWS service in one Region.

    Credentials are read from `environment` at every call, because Lambda may rotate them.
    """

    def __init__(
        self,
        service: JsonService,
        *,
        region: str,
        endpoint: Origin | None,
        environment: Mapping[str, str],
    ) -> None:
        self._service = service
        self._region = region
        self._connection = Connection(endpoint or _public_endpoint(service, region))
        self._environment = environment

    def call(
        self, operation: str, payload: Mapping[str, object], deadline: Deadline
    ) -> dict[str, object]:
        """Call an operation and return its decoded result.

        Throttling, server errors and transport failures are retried with exponential backoff
        and full jitter until the deadline.

        Raises:
            AwsUnavailableError: All attempts failed.
            AwsRejectedError: The service rejected the request.
            ConfigurationError: The environment has no credentials.

        """
        body = json.dumps(payload).encode()
        for attempt in range(_MAX_ATTEMPTS):
            try:
                return self._attempt(operation, body, deadline.within(_ATTEMPT_SECONDS))
            except AwsUnavailableError:
                backoff = random.uniform(0, _FIRST_BACKOFF_SECONDS * 2**attempt)  # noqa: S311
                if attempt + 1 == _MAX_ATTEMPTS or deadline.remaining() <= backoff:
                    raise
                time.sleep(backoff)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, operation: str, body: bytes, deadline: Deadline) -> dict[str, object]:
        headers = self._signed_headers(operation, body)
        try:
            response = self._connection.request(
                "POST", "/", headers=headers, body=body, deadline=deadline
            )
        except TransportError as error:
            raise AwsUnavailableError(
                self._service.name, operation, type(error).__name__
            ) from error
        document = _json_object(response.body)
        if response.status == HTTPStatus.OK and document is not None:
            return document
        code = _error_code(response, document)
        retryable = _is_retryable(response.status, code)
        error_class = AwsUnavailableError if retryable else AwsRejectedError
        item = (document or {}).get("Item")
        raise error_class(
            self._service.name, operation, code, item if isinstance(item, dict) else None
        )

    def _signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        request = AWSRequest(
            method="POST",
            url=f"{self._connection.origin.url}/",
            data=body,
            headers={
                "Content-Type": f"application/x-amz-json-{self._service.json_version}",
                "X-Amz-Target": f"{self._service.target}.{operation}",
                # Set here because the signer derives it more slowly.
                "Host": self._connection.origin.authority,
            },
        )
        signer = _Signer(_credentials(self._environment), self._service.name, self._region)
        signer.add_auth(request)
        # Not items(), which checks every value for surrogates; there are none.
        return dict(request.headers.raw_items())


def _credentials(environment: Mapping[str, str]) -> ReadOnlyCredentials:
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        raise ConfigurationError(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set; Lambda sets them from the"
            " function's execution role"
        )
    credentials = _Credentials(
        access_key=access_key,
        secret_key=secret_key,
        token=environment.get("AWS_SESSION_TOKEN") or None,
    )
    return cast("ReadOnlyCredentials", credentials)


def _public_endpoint(service: JsonService, region: str) -> Origin:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Origin.parse(f"https://{service.name}.{region}.{suffix}")


def _is_retryable(status: int, code: str) -> bool:
    # A 200 whose body is not a JSON object is a failure of the service, too.
    return (
        status in {HTTPStatus.OK, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or code in THROTTLING_CODES
    )


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        document = parse_json(body.decode())
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _error_code(response: Response, document: dict[str, object] | None) -> str:
    text = (document or {}).get("__type") or response.headers.get("x-amzn-errortype")
    code = text.rpartition("#")[2].partition(":")[0] if isinstance(text, str) else ""
    # The code is logged, so it may be nothing but a code.
    return code if _ERROR_CODE.fullmatch(code) else f"HTTP {response.status}"
