"""The response parser agrees with http.client, and rejects ambiguous responses."""

from __future__ import annotations

import http.client
import io
import socket
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoning.response_parser import HttpResponse


class _Socket:
    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._sent)


def _socket(sent: bytes) -> socket.socket:
    return cast("socket.socket", _Socket(sent))


def _ours(sent: bytes) -> tuple[HttpResponse, bytes]:
    response = HttpResponse(_socket(sent), method="POST")
    response.begin()
    return response, response.read()


def _stock(sent: bytes) -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(_socket(sent), method="POST")
    response.begin()
    return response, response.read()


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef",
        b"HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_status_body_and_connection_are_those_of_http_client(sent: bytes) -> None:
    ours, body = _ours(sent)
    stock, expected = _stock(sent)
    assert body == expected
    assert (ours.status, ours.will_close) == (stock.status, stock.will_close)
    assert ours.fields == {name.lower(): value for name, value in stock.headers.items()}


@given(
    st.dictionaries(
        st.text(alphabet="abcXYZ-", min_size=1, max_size=8).map(str.lower),
        st.text(alphabet="ab 12;=\"'é", max_size=12).map(str.strip),
        max_size=5,
    )
)
def test_headers_are_those_of_http_client(fields: dict[str, str]) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    sent = f"HTTP/1.1 200 OK\r\n{head}Content-Length: 0\r\n\r\n".encode("latin-1")
    ours, _ = _ours(sent)
    stock, _ = _stock(sent)
    for name in fields:
        assert ours.fields[name] == stock.headers[name].strip()


def test_repeated_headers_are_joined() -> None:
    response, _ = _ours(b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n")
    assert response.fields["a"] == "1, 2"


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 99 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n",
    ],
)
def test_ambiguous_responses_are_rejected(sent: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        _ours(sent)


def test_a_closed_connection_is_distinguished_from_a_bad_response() -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        _ours(b"")
