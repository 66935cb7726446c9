"""HTTP requests to this machine, optionally signed with SigV4. Proxy settings do not apply."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ops.common.errors import OperatorError
from ops.common.local_address import REGION, Key
from ops.local.services.ports import Ports

_PROBE_SECONDS = 3.0
_CALL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP response with its latency. The names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: float

    def json(self) -> Any:
        """Parse the body.

        Raises:
            OperatorError: The body is not JSON.

        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            shown = self.body[:200].decode(errors="replace")
            raise OperatorError(
                f"HTTP {self.status} with a body that is not JSON: {shown}"
            ) from error


def is_ok(port: int, path: str) -> bool:
    """Return whether ``GET path`` on ``port`` of this machine returns 200."""
    try:
        response = request(port, "GET", path, seconds=_PROBE_SECONDS)
    except (OSError, http.client.HTTPException):
        return False
    return response.status == http.HTTPStatus.OK


def signed(
    ports: Ports,
    key: Key,
    *,
    service: str,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Response:
    """Sign a request to ``url`` for ``service`` and send it to the emulator.

    Like AWS, the emulator dispatches on the host name.

    Raises:
        OperatorError: The emulator does not answer.

    """
    # Imported late: 0.1 s that neither --help nor status needs.
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    unsent = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    SigV4Auth(Credentials(key.id, key.secret), service, REGION).add_auth(unsent)
    try:
        return request(ports.emulator, method, url, headers=dict(unsent.headers.items()), body=body)
    except (OSError, http.client.HTTPException) as error:
        raise OperatorError(
            f"the emulator on port {ports.emulator} does not answer: {error!r}",
            remedy="python -m ops local status",
        ) from error


def request(
    port: int,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = _CALL_SECONDS,
) -> Response:
    """Send a request for ``url`` to ``port`` of this machine, with the URL's host as ``Host``.

    Raises OSError or http.client.HTTPException if there is no response.
    """
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
    host = {"Host": parts.netloc} if parts.netloc else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        begin = time.perf_counter()
        connection.request(method, target, body=body or None, headers={**(headers or {}), **host})
        answer = connection.getresponse()
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=answer.read(),
            milliseconds=(time.perf_counter() - begin) * 1000,
        )
    finally:
        connection.close()
