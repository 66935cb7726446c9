"""Reads one HTTP/1.1 response from a stream of bytes (docs/decisions/0017).

It is stricter than RFC 9112 requires: bare line feeds, folded headers, repeated Content-Length and
Content-Length beside Transfer-Encoding are errors, because two readers could take them for
different messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

MAX_BODY_BYTES = 1024 * 1024
MAX_HEAD_BYTES = 65_536
_MAX_LINE_BYTES = 4096
_MAX_FIELDS = 100
_MAX_INFORMATIONAL = 10

# Without control characters, so that a line break ends every value.
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_FIELD = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:" + _VALUE
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: " + _VALUE + rb")?((?:\r\n" + _FIELD + rb")*+)"
)
_TRAILER = re.compile(_FIELD)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;" + _VALUE + rb")?[\t ]*")
_CONTENT_LENGTH = re.compile(r"[0-9]{1,15}")
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class ProtocolError(Exception):
    """The bytes are not one complete, unambiguous response within the limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A complete response; header names are lower-case, values of repeated ones comma-joined."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ResponseReader:
    """Reads one response.

    `received` are its first bytes; `receive` returns the next ones, none at the end of the stream.
    """

    def __init__(self, received: bytes, receive: Callable[[], bytes]) -> None:
        self._buffer = bytearray(received)
        self._receive = receive

    def read(self) -> tuple[Response, bool]:
        """Return the response, and whether another one may follow on the same connection.

        Raises:
            ProtocolError: The response is truncated, invalid, ambiguous or too large.

        """
        minor, status, headers = self._head()
        framed = True
        if status in _WITHOUT_BODY:
            body = b""
        elif "transfer-encoding" in headers:
            chunked = headers["transfer-encoding"].lower() == "chunked"
            if not chunked or minor == b"0" or "content-length" in headers:
                raise ProtocolError("ambiguous length")
            body = self._chunks()
        elif "content-length" in headers:
            body = self._body(headers["content-length"])
        else:
            framed = False
            body = self._rest()
        closing = minor == b"0" or "close" in headers.get("connection", "").lower()
        response = Response(status=status, headers=headers, body=body)
        return response, framed and not closing and not self._buffer

    def _head(self) -> tuple[bytes, int, dict[str, str]]:
        for _ in range(_MAX_INFORMATIONAL + 1):
            match = _HEAD.fullmatch(self._until(b"\r\n\r\n", MAX_HEAD_BYTES))
            if match is None:
                raise ProtocolError("invalid head")
            status = int(match[2])
            if status >= HTTPStatus.OK:
                return match[1], status, _fields(match[3])
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                break
        raise ProtocolError("no final response")

    def _body(self, content_length: str) -> bytes:
        if not _CONTENT_LENGTH.fullmatch(content_length):
            raise ProtocolError("invalid Content-Length")
        length = int(content_length)
        if length > MAX_BODY_BYTES:
            raise ProtocolError("body too large")
        return self._take(length)

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            match = _CHUNK.fullmatch(self._until(b"\r\n", _MAX_LINE_BYTES))
            if match is None:
                raise ProtocolError("invalid chunk")
            size = int(match[1], 16)
            if len(body) + size > MAX_BODY_BYTES:
                raise ProtocolError("body too large")
            if not size:
                break
            body += self._take(size)
            if self._take(2) != b"\r\n":
                raise ProtocolError("invalid chunk")
        for _ in range(_MAX_FIELDS):
            line = self._until(b"\r\n", _MAX_LINE_BYTES)
            if not line:
                return bytes(body)
            if not _TRAILER.fullmatch(line):
                break
        raise ProtocolError("invalid trailers")

    def _rest(self) -> bytes:
        while received := self._receive():
            self._buffer += received
            if len(self._buffer) > MAX_BODY_BYTES:
                raise ProtocolError("body too large")
        return bytes(self._buffer)

    def _until(self, end: bytes, limit: int) -> bytes:
        start = 0
        while (at := self._buffer.find(end, start, limit)) < 0:
            start = max(0, len(self._buffer) - len(end) + 1)
            if start >= limit:
                raise ProtocolError("line or head too long")
            self._fill()
        taken = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        return taken

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _fill(self) -> None:
        received = self._receive()
        if not received:
            raise ProtocolError("truncated")
        self._buffer += received


def _fields(lines: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    split = lines.decode("latin-1").split("\r\n")[1:]
    if len(split) > _MAX_FIELDS:
        raise ProtocolError(f"more than {_MAX_FIELDS} headers")
    for line in split:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
