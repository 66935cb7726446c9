"""The response parser agrees with h11, and rejects what is ambiguous."""

from __future__ import annotations

import pytest
from reasoning.response_parser import ProtocolError, Response, ResponseReader

from tests.lambda_src.test_mutated_responses import read_with_h11


def read(sent: bytes) -> tuple[Response, bool]:
    return ResponseReader(sent, lambda: b"").read()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: Chunked\r\n\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "reusable"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", True),
        (OK + b"Content-Length: 3\r\n\r\nabcdef", False),
        (b"HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc", True),
        (CHUNKED + b"3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n", True),
        (CHUNKED + b"1\r\na\r\n0\r\nTrailer: 1\r\n\r\n", True),
        (CHUNKED + b"0\r\n\r\n\r\n", False),
        (OK + b"\r\nuntil the end", False),
        (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", False),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + EMPTY, True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + EMPTY, True),
    ],
)
def test_status_and_body_are_those_of_h11(sent: bytes, *, reusable: bool) -> None:
    response, may_follow = read(sent)

    assert may_follow is reusable
    expected = read_with_h11(sent)
    assert expected is not None
    assert (response.status, response.body) == expected[:2]


def test_header_names_are_lower_case_and_repeated_values_joined() -> None:
    response, _ = read(b"HTTP/1.1 200 OK\r\nA:\t1 \r\na: 2\r\nB:\r\nContent-Length: 0\r\n\r\n")

    assert response.headers == {"a": "1, 2", "b": "", "content-length": "0"}


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nabcdefg\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11 + EMPTY,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + EMPTY,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n",
    ],
)
def test_invalid_and_ambiguous_responses_are_rejected(sent: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(sent)
