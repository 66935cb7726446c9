"""HTTP to this machine, signed for AWS where asked for; no proxy and no setting has a say."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ops.common.errors import OperatorError
from ops.common.local_address import ACCESS_KEY, REGION, SECRET_KEY
from ops.local.ports import Ports

_PROBE_SECONDS = 3.0
_CALL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer, and how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: float

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            OperatorError: It is none.

        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            shown = self.body[:200].decode(errors="replace")
            raise OperatorError(
                f"HTTP {self.status} with a body that is no JSON: {shown}"
            ) from error


def is_ok(port: int, path: str) -> bool:
    """Return whether ``path`` on ``port`` of this machine answers with 200."""
    try:
        return _request(port, "GET", path, seconds=_PROBE_SECONDS).status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def signed(
    ports: Ports,
    *,
    service: str,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Response:
    """Send a request meant for ``url`` to the emulator, signed for ``service``.

    The emulator finds out by the host name whom the request is for, as AWS does.

    Raises:
        OperatorError: It does not answer.

    """
    # Imported late: neither --help nor status needs it, and it takes a tenth of a second.
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, REGION).add_auth(request)
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    sent = {**dict(request.headers.items()), "Host": parts.netloc}
    try:
        return _request(
            ports.emulator, method, path, headers=sent, body=body, seconds=_CALL_SECONDS
        )
    except (OSError, http.client.HTTPException) as error:
        raise OperatorError(
            f"the emulator on port {ports.emulator} does not answer: {error!r}",
            remedy="python -m ops local status",
        ) from error


def _request(
    port: int,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float,
) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        begin = time.perf_counter()
        connection.request(method, path, body=body or None, headers=dict(headers or {}))
        answer = connection.getresponse()
        content = answer.read()
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=content,
            milliseconds=(time.perf_counter() - begin) * 1000,
        )
    finally:
        connection.close()
