"""A persistent HTTP/1.1 connection with one deadline for each request.

A socket timeout restarts with every read, so a server that drips bytes could block the caller
forever. Here the timeout of each read is what is left of the deadline.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from reasoning.deadline import Deadline
from reasoning.response_parser import HttpResponse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MAX_BODY_BYTES = 1024 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}


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
        """Parse `https://host[:port]`; plain http is accepted for loopback hosts only.

        Raises:
            ValueError: The URL is invalid; the message completes a sentence with its name.

        """
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("must be a URL like https://host")
        if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
            raise ValueError("must consist of scheme, host and port only")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("must use https; plain http is for loopback hosts only")
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return cls(scheme=parts.scheme, host=parts.hostname, port=port)

    @property
    def authority(self) -> str:
        """The value of the Host header: host, and port unless it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

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
    """A connection to one origin, opened on demand and kept alive between requests."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        if origin.scheme == "https":
            _tls()  # slow, so it is done during the init phase rather than in a request
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

        A kept-alive connection that the server has closed is reopened once.

        Raises:
            TransportTimeoutError: The deadline passed first.
            TransportError: The connection failed, or the response is not HTTP or too large.
            ValueError: A header contains a line break.

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
            # A bounded read does not raise on a truncated body, but leaves a length.
            self._close()
            raise TransportError("the response is too large or truncated")
        if response.will_close:
            self._close()
        return Response(status=response.status, headers=response.fields, body=content)

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        # http.client would send head and body as two packets, which takes longer than the rest of
        # the exchange.
        fields = {
            "Host": self.origin.authority,
            "Accept-Encoding": "identity",
            **headers,
            "Content-Length": str(len(body)),
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {fields[name]}" for name in fields)]
        text = "\r\n".join(lines)
        if text.count("\n") != len(fields) or text.count("\r") != len(fields):
            raise ValueError("a header contains a line break")
        return f"{text}\r\n\r\n".encode("latin-1")

    def _exchange(self, method: str, message: bytes, deadline: Deadline) -> HttpResponse:
        reused = self._socket is not None
        try:
            return self._send(method, message, deadline)
        except (ConnectionError, ssl.SSLError):
            # Expected of an idle connection: the server closed it while Lambda had frozen this
            # process between two invocations.
            self._close()
            if not reused:
                raise
        return self._send(method, message, deadline)

    def _send(self, method: str, message: bytes, deadline: Deadline) -> HttpResponse:
        if self._socket is None:
            self._socket = _open_socket(self.origin, deadline)
        self._socket.settimeout(deadline.timeout())
        self._socket.sendall(message)
        # HTTPResponse only calls makefile() of its socket.
        readable = cast("socket.socket", _DeadlineReader(self._socket, deadline))
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


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket with the rest of the deadline as the timeout of each read."""

    def __init__(self, opened: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._socket = opened
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._socket.settimeout(self._deadline.timeout())
        return self._socket.recv_into(buffer)


@functools.cache
def _tls() -> ssl.SSLContext:
    # Loading the CA certificates is the most expensive part of a TLS client: once per process.
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
        # A dotted quad, not a host name like 127.0.0.1.example.org or a short form like 127.1.
        return host.count(".") == 3 and socket.inet_aton(host)[0] == 127  # noqa: PLR2004
    except OSError:
        return False
