"""A kept-alive HTTP/1.1 connection whose every exchange meets one deadline.

The standard library's timeout restarts with every read, so a server that sends a byte now
and then holds the caller for ever. Here each read gets only what is left of the deadline.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from reasoning.http_response import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import WriteableBuffer

    from reasoning.deadline import Deadline

_MAX_BODY_BYTES = 1024 * 1024


class TransportError(Exception):
    """No complete HTTP response was received."""


class TransportTimeoutError(TransportError):
    """The deadline passed before the response was complete."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Scheme, host and port of a server."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Read `https://host[:port]`; plain http is accepted for loopback hosts only.

        Raises:
            ValueError: The text is not such a URL; the message says why.

        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be a URL like https://host")
        if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
            raise ValueError("must be scheme, host and port alone")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("must use https, as every host but the local one must")
        default_port = 443 if parts.scheme == "https" else 80
        return cls(scheme=parts.scheme, host=parts.hostname, port=parts.port or default_port)

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's default, port: the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default_port = 443 if self.scheme == "https" else 80
        return host if self.port == default_port else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The origin as a URL without a path."""
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A complete response; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One connection to one origin, opened when needed and kept between requests."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        if origin.scheme == "https":
            _tls()  # now, while the process starts, rather than at its first request
        self._socket: socket.socket | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        deadline: Deadline,
    ) -> Response:
        """Send a request and read the whole response.

        A kept connection that the server closed in the meantime is opened once more.

        Raises:
            TransportTimeoutError: The deadline passed first.
            TransportError: The connection failed, or the response is no HTTP or too large.
            ValueError: A header holds a line break.

        """
        message = self._head(method, path, headers, body) + body
        try:
            response = self._exchange(method, message, deadline)
            content = response.read(_MAX_BODY_BYTES + 1)
        except TimeoutError as error:
            self._close()
            raise TransportTimeoutError(type(error).__name__) from error
        except (OSError, http.client.HTTPException) as error:
            self._close()
            raise TransportError(type(error).__name__) from error
        if len(content) > _MAX_BODY_BYTES or response.length:
            # A bounded read does not complain about an early end; it leaves a length instead.
            self._close()
            raise TransportError("the response is too large or was cut off")
        if response.will_close:
            self._close()
        return Response(status=response.status, headers=response.fields, body=content)

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        # Written here, because http.client takes head and body apart: two packets, and more time
        # than the rest of the exchange.
        fields = {
            "Host": self.origin.authority,
            "Accept-Encoding": "identity",
            **headers,
            "Content-Length": str(len(body)),
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {fields[name]}" for name in fields)]
        text = "\r\n".join(lines)
        if text.count("\n") != len(fields) or text.count("\r") != len(fields):
            raise ValueError("a header holds a line break")
        return f"{text}\r\n\r\n".encode("latin-1")

    def _exchange(self, method: str, message: bytes, deadline: Deadline) -> HttpResponse:
        kept = self._socket is not None
        try:
            return self._send(method, message, deadline)
        except (ConnectionError, ssl.SSLError):
            # The usual end of an idle connection, seen only when it is used again: the server
            # closed it while this process was frozen between two invocations.
            self._close()
            if not kept:
                raise
        return self._send(method, message, deadline)

    def _send(self, method: str, message: bytes, deadline: Deadline) -> HttpResponse:
        if self._socket is None:
            self._socket = _open_socket(self.origin, deadline)
        self._socket.settimeout(deadline.timeout())
        self._socket.sendall(message)
        # http.client asks a response's socket for nothing but makefile.
        readable = cast("socket.socket", _Readable(self._socket, deadline))
        response = HttpResponse(readable, method=method)
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        return response

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Readable:
    def __init__(self, opened: socket.socket, deadline: Deadline) -> None:
        self._socket = opened
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._socket, self._deadline))


class _DeadlineReader(io.RawIOBase):
    def __init__(self, opened: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._socket = opened
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._socket.settimeout(self._deadline.timeout())
        return self._socket.recv_into(buffer)


@functools.cache
def _tls() -> ssl.SSLContext:
    # Loading the certificate authorities is the dearest part of a TLS client: once a process.
    return ssl.create_default_context()


def _open_socket(origin: Origin, deadline: Deadline) -> socket.socket:
    failure: OSError = OSError(f"{origin.host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        origin.host, origin.port, type=socket.SOCK_STREAM
    ):
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(deadline.timeout())
            opened.connect(address)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme == "https":
                return _tls().wrap_socket(opened, server_hostname=origin.host)
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    raise failure


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "::1"}:
        return True
    try:
        # An address in four parts, and no name that begins like one.
        return host.count(".") == 3 and socket.inet_aton(host)[0] == 127  # noqa: PLR2004
    except OSError:
        return False
