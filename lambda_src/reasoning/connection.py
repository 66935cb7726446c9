"""HTTP/1.1 requests to one origin, each with one deadline for everything it does.

A socket timeout restarts with every read, so a server that drips bytes could block the caller
forever. Here the timeout of each read is what is left of the deadline.
"""

from __future__ import annotations

import functools
import re
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reasoning.deadline import Deadline
from reasoning.response_parser import ProtocolError, Response, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    _Addresses = Sequence[
        tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]
    ]

# At least a TLS record: a read must leave no decrypted bytes behind, because poll misses them.
_RECEIVE_BYTES = 32_768
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")


class TransportError(Exception):
    """No complete HTTP response was received."""


class TransportTimeoutError(TransportError):
    """The deadline passed before the response was complete."""


class InvalidResponseError(TransportError):
    """The response violates the protocol, is truncated or too large."""


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
            ValueError: The URL is invalid; the message completes a sentence with its name, and has
                no part of the URL.

        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # Its message has parts of the value, which can be a key that was pasted there.
            raise ValueError("must be a URL like https://host") from None
        if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(parts.hostname or ""):
            raise ValueError("must be a URL like https://host")
        if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
            raise ValueError("must consist of scheme, host and port only")
        host = parts.hostname or ""
        if parts.scheme == "http" and not _is_loopback(host):
            raise ValueError("must use https; plain http is for loopback hosts only")
        return cls(scheme=parts.scheme, host=host, port=port or _DEFAULT_PORTS[parts.scheme])

    @property
    def authority(self) -> str:
        """The value of the Host header: host, and port unless it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The origin as a URL without a path."""
        return f"{self.scheme}://{self.authority}"


class Connection:
    """Sends requests to one origin.

    With `keep_alive` the connection is kept for the next request, unless something is left to read
    from it: that would be taken for the reply to the next request, and so on for all later ones.
    """

    def __init__(self, origin: Origin, *, keep_alive: bool = True) -> None:
        self.origin = origin
        if origin.scheme == "https":
            _tls()  # slow, so it is done during the init phase rather than in a request
        self._keep_alive = keep_alive
        self._idle: socket.socket | None = None
        self._lookup: _Lookup | None = None

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

        If the server has closed the kept connection, the request is sent on a new one.

        Raises:
            TransportTimeoutError: The deadline passed first.
            InvalidResponseError: The response is invalid or too large.
            TransportError: The connection failed.
            ValueError: A header contains a line break.

        """
        message = self._head(method, path, headers, body) + body
        try:
            response = self._on_idle(message, deadline)
            return response or self._exchange(self._open(deadline), message, deadline)
        except TimeoutError as error:
            raise TransportTimeoutError(type(error).__name__) from error
        except OSError as error:
            raise TransportError(type(error).__name__) from error
        except ProtocolError as error:
            raise InvalidResponseError(str(error)) from error

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        # http.client would send head and body as two packets, which takes longer than the rest of
        # the exchange.
        fields = {
            "Host": self.origin.authority,
            "Accept-Encoding": "identity",
            **({} if self._keep_alive else {"Connection": "close"}),
            **headers,
            "Content-Length": str(len(body)),
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {fields[name]}" for name in fields)]
        text = "\r\n".join(lines)
        if text.count("\n") != len(fields) or text.count("\r") != len(fields):
            raise ValueError("a header contains a line break")
        return f"{text}\r\n\r\n".encode("latin-1")

    def _on_idle(self, message: bytes, deadline: Deadline) -> Response | None:
        """Use the kept connection; return None if the request needs a new one."""
        idle, self._idle = self._idle, None
        if idle is None:
            return None
        if _is_readable(idle):
            # Closed by the server, usually while Lambda had frozen this process; or surplus bytes.
            idle.close()
            return None
        try:
            response = self._exchange(idle, message, deadline)
        except (ConnectionError, ssl.SSLError):
            return None
        # A 408 was sent because the connection was idle, before the request arrived.
        return None if response.status == HTTPStatus.REQUEST_TIMEOUT else response

    def _exchange(self, opened: socket.socket, message: bytes, deadline: Deadline) -> Response:
        """Send a request and read the response; then keep the connection or close it."""
        kept = False
        try:
            opened.settimeout(deadline.timeout())
            opened.sendall(message)
            receive = functools.partial(_receive, opened, deadline)
            received = receive()
            if not received:
                raise ConnectionResetError("closed without a response")
            response, reusable = ResponseReader(received, receive).read()
            kept = self._keep_alive and reusable and response.status != HTTPStatus.REQUEST_TIMEOUT
        finally:
            if kept:
                self._idle = opened
            else:
                opened.close()
        return response

    def _open(self, deadline: Deadline) -> socket.socket:
        failure: OSError = OSError("no address")
        for family, kind, protocol, _, address in self._addresses(deadline):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(deadline.timeout())
                opened.connect(address)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.origin.scheme == "http":
                    return opened
                opened.settimeout(deadline.timeout())
                # Bytes, because text would load the codec for international host names.
                return _tls().wrap_socket(opened, server_hostname=self.origin.host.encode())
            except OSError as error:
                opened.close()
                failure = error
        raise failure

    def _addresses(self, deadline: Deadline) -> _Addresses:
        with suppress(socket.gaierror):
            # An IP address needs no DNS.
            return _getaddrinfo(self.origin, socket.AI_NUMERICHOST)
        # A lookup that outlived the last deadline is awaited again: one thread at most.
        if self._lookup is None or not self._lookup.is_alive():
            self._lookup = _Lookup(self.origin)
            self._lookup.start()
        return self._lookup.addresses(deadline)


def _receive(opened: socket.socket, deadline: Deadline) -> bytes:
    opened.settimeout(deadline.timeout())
    return opened.recv(_RECEIVE_BYTES)


def _is_readable(opened: socket.socket) -> bool:
    poll = select.poll()
    poll.register(opened, select.POLLIN)
    return bool(poll.poll(0))


@functools.cache
def _tls() -> ssl.SSLContext:
    # Loading the CA certificates is the most expensive part of a TLS client: once per process.
    return ssl.create_default_context()


class _Lookup(threading.Thread):
    """A DNS lookup on a thread of its own, because getaddrinfo has no timeout."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(daemon=True)
        self._origin = origin
        self._outcome: _Addresses | OSError = []

    def run(self) -> None:
        try:
            self._outcome = _getaddrinfo(self._origin)
        except OSError as error:
            self._outcome = error

    def addresses(self, deadline: Deadline) -> _Addresses:
        self.join(deadline.timeout())
        if self.is_alive():
            raise TimeoutError("the DNS lookup takes too long")
        if isinstance(self._outcome, OSError):
            raise self._outcome
        return self._outcome


def _getaddrinfo(origin: Origin, flags: int = 0) -> _Addresses:
    # Bytes, because text would load the codec for international host names.
    return socket.getaddrinfo(
        origin.host.encode(), origin.port, type=socket.SOCK_STREAM, flags=flags
    )


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "::1"}:
        return True
    try:
        # A dotted quad, not a host name like 127.0.0.1.example.org or a short form like 127.1.
        return host.count(".") == 3 and socket.inet_aton(host)[0] == 127  # noqa: PLR2004
    except OSError:
        return False
