"""A signed client for the AWS services that speak JSON, over one kept connection each.

The signature is botocore's; the rest of the SDK stays unloaded, since its clients cost more
processor time than everything else this function does.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import random
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders

from reasoning.connection import Connection, Origin, Response, TransportError
from reasoning.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reasoning.deadline import Deadline

# At debug level the signer logs what it signs, and that includes the session token.
logging.getLogger("botocore").setLevel(logging.INFO)

_MAX_ATTEMPTS = 3
_ATTEMPT_SECONDS = 1.0
_FIRST_BACKOFF_SECONDS = 0.05
_THROTTLING_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class AwsError(Exception):
    """An AWS call failed; `code` is the service's error code or the kind of transport failure."""

    def __init__(self, service: str, operation: str, code: str) -> None:
        # Not the service's message: that of a signature mismatch quotes the session token.
        super().__init__(f"{service} {operation}: {code}")
        self.service = service
        self.operation = operation
        self.code = code


class AwsUnavailableError(AwsError):
    """Throttled, failing or unreachable, and still so after the retries."""


class AwsRejectedError(AwsError):
    """The service refused the request; sending it again would not help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonService:
    """How one AWS service names itself in host, signature and operation header."""

    name: str
    target: str
    json_version: str


DYNAMODB = JsonService(name="dynamodb", target="DynamoDB_20120810", json_version="1.0")
SSM = JsonService(name="ssm", target="AmazonSSM", json_version="1.1")
SECRETS_MANAGER = JsonService(name="secretsmanager", target="secretsmanager", json_version="1.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Credentials:
    """The three attributes botocore's signer reads."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, with a memory for what it would work out again and again."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        known = request.context.get("headers_to_sign")
        if known is None:
            known = request.context["headers_to_sign"] = super().headers_to_sign(request)
        return known

    def payload(self, request: AWSRequest) -> str:
        # The signer would prepare the whole request to find its body.
        return hashlib.sha256(request.data).hexdigest()

    def _sign(self, key: bytes, msg: str, hex: bool = False) -> bytes | str:  # noqa: A002
        # The steps to the day's key are the same all day; the last one, in hexadecimal, is not.
        if hex:
            return _SIGN(self, key, msg, hex=True)
        return _derived(key, msg)


_SIGN: Callable[..., bytes] = SigV4Auth._sign


@functools.lru_cache(maxsize=32)
def _derived(key: bytes, msg: str) -> bytes:
    return _SIGN(None, key, msg)


class AwsClient:
    """Calls one AWS service in one Region.

    `environment` is read at every call, because Lambda may hand a process new credentials.
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
        """Send one operation and return its decoded result.

        Throttling, server errors and transport failures are tried again, with a random
        pause, while the deadline allows.

        Raises:
            AwsUnavailableError: No attempt succeeded.
            AwsRejectedError: The service refused the request.
            ConfigurationError: The environment holds no credentials.

        """
        body = json.dumps(payload).encode()
        for attempt in range(_MAX_ATTEMPTS):
            try:
                return self._attempt(operation, body, deadline.within(_ATTEMPT_SECONDS))
            except AwsUnavailableError:
                # Full jitter keeps callers that failed together from returning together.
                pause = random.uniform(0, _FIRST_BACKOFF_SECONDS * 2**attempt)  # noqa: S311
                if attempt + 1 == _MAX_ATTEMPTS or deadline.remaining() <= pause:
                    raise
                time.sleep(pause)
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
        if _may_pass(response.status, code):
            raise AwsUnavailableError(self._service.name, operation, code)
        raise AwsRejectedError(self._service.name, operation, code)

    def _signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        request = AWSRequest(
            method="POST",
            url=f"{self._connection.origin.url}/",
            data=body,
            headers={
                "Content-Type": f"application/x-amz-json-{self._service.json_version}",
                "X-Amz-Target": f"{self._service.target}.{operation}",
                # Given it, the signer need not find it out in a slower way.
                "Host": self._connection.origin.authority,
            },
        )
        signer = _Signer(_credentials(self._environment), self._service.name, self._region)
        signer.add_auth(request)
        # Not items(): it looks into each value for what no header here can hold.
        return dict(request.headers.raw_items())


def _credentials(environment: Mapping[str, str]) -> _Credentials:
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        raise ConfigurationError(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set; Lambda sets them from the"
            " function's execution role"
        )
    return _Credentials(
        access_key=access_key,
        secret_key=secret_key,
        token=environment.get("AWS_SESSION_TOKEN") or None,
    )


def _public_endpoint(service: JsonService, region: str) -> Origin:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Origin.parse(f"https://{service.name}.{region}.{suffix}")


def _may_pass(status: int, code: str) -> bool:
    # A 200 gets here if its body is no JSON object, which is a failure of the service.
    return (
        status in {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or code in _THROTTLING_CODES
    )


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        document: object = json.loads(body.decode())
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _error_code(response: Response, document: dict[str, object] | None) -> str:
    code = (document or {}).get("__type") or response.headers.get("x-amzn-errortype")
    if not isinstance(code, str):
        return f"HTTP {response.status}"
    return code.rpartition("#")[2].partition(":")[0]
