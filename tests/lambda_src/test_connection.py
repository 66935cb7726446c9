"""Connections: keep-alive, reopening, deadlines and TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from reasoning.connection import Connection, Origin, TransportError, TransportTimeoutError
from reasoning.deadline import Deadline
from reasoning.response_parser import Response

from tests.lambda_src.scripted_server import (
    Behaviour,
    Exchange,
    ScriptedServer,
    close,
    drip,
    hang,
    reply,
    reply_bytes,
    reply_then_close,
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(default=reply(200, {})) as running:
        yield running


@pytest.fixture
def connection(server: ScriptedServer) -> Connection:
    return Connection(Origin.parse(server.url))


def post(connection: Connection, seconds: float = 5) -> Response:
    return connection.request(
        "POST", "/path", headers={}, body=b"body", deadline=Deadline.after(seconds)
    )


def test_a_connection_is_reused(server: ScriptedServer, connection: Connection) -> None:
    for _ in range(3):
        assert post(connection).status == 200

    assert server.connections == 1
    assert [request.body for request in server.requests] == [b"body"] * 3


def test_an_error_status_keeps_the_connection(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(reply(503, {"big": "x" * 100_000}, {"Retry-After": "7"}))

    assert post(connection).headers["retry-after"] == "7"
    assert post(connection).status == 200
    assert server.connections == 1


def test_connection_close_is_respected(server: ScriptedServer, connection: Connection) -> None:
    server.will(reply(200, {}, {"Connection": "close"}))
    post(connection)

    assert post(connection).status == 200
    assert server.connections == 2


@pytest.mark.parametrize("value", ["a\r\nInjected: b", "a\nInjected: b", "a\rInjected: b"])
def test_a_line_break_in_a_header_is_rejected(
    server: ScriptedServer, connection: Connection, value: str
) -> None:
    with pytest.raises(ValueError, match="line break"):
        connection.request("POST", "/", headers={"X": value}, body=b"", deadline=Deadline.after(1))
    assert server.requests == []


def test_a_connection_closed_while_idle_is_reopened_once(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(reply_then_close(200, {}))
    post(connection)
    time.sleep(0.05)

    assert post(connection).status == 200
    assert server.connections == 2


def test_a_connection_is_reopened_only_once(server: ScriptedServer, connection: Connection) -> None:
    server.default = close
    server.will(reply_then_close(200, {}))
    post(connection)

    with pytest.raises(TransportError):
        post(connection)
    # At most one on the stale connection and one on the fresh one: no endless reopening.
    assert len(server.requests) <= 3


def test_a_new_connection_that_fails_is_not_retried(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(close)

    with pytest.raises(TransportError):
        post(connection)
    assert len(server.requests) == 1


def test_without_keep_alive_every_request_has_its_own_connection(server: ScriptedServer) -> None:
    connection = Connection(Origin.parse(server.url), keep_alive=False)
    for _ in range(3):
        assert post(connection).status == 200

    assert server.connections == 3
    assert {request.headers["connection"] for request in server.requests} == {"close"}


UNSOLICITED = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def surplus(more: bytes, seconds: float) -> Behaviour:
    """Send more bytes after the reply, with it or later."""

    def behaviour(exchange: Exchange) -> None:
        first = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
        exchange.send([first, more] if seconds else [first + more], seconds)

    return behaviour


@pytest.mark.parametrize("seconds", [0, 0.02], ids=["at once", "later"])
@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst", UNSOLICITED, b"\r\n"],
    ids=["the reply again", "unsolicited 408", "line break"],
)
def test_surplus_bytes_are_not_read_as_the_next_reply(
    server: ScriptedServer, connection: Connection, more: bytes, seconds: float
) -> None:
    server.will(surplus(more, seconds), reply_bytes(200, b"second"), reply_bytes(200, b"third"))

    assert post(connection).body == b"first"
    time.sleep(3 * seconds)
    assert [post(connection).body for _ in range(2)] == [b"second", b"third"]
    assert server.connections == 2


def test_a_408_that_crosses_the_request_is_not_its_reply(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(reply(200, {}), drip(UNSOLICITED, 0), reply_bytes(200, b"second"))
    post(connection)

    assert post(connection).body == b"second"


def test_a_408_on_a_new_connection_is_returned(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(drip(UNSOLICITED, 0))

    assert post(connection).status == 408


def announced_close(exchange: Exchange) -> None:
    exchange.reply(200, b"x" * 100_000, {"Connection": "close"})
    exchange.close()


def test_the_body_is_read_even_if_the_server_closes_the_connection(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(announced_close)

    assert post(connection).body == b"x" * 100_000
    assert post(connection).status == 200


@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        drip(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 100),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000),
    ],
    ids=["hang", "drip headers", "drip body"],
)
def test_the_deadline_bounds_the_whole_exchange(
    server: ScriptedServer, connection: Connection, behaviour: Behaviour
) -> None:
    server.will(behaviour)
    started = time.monotonic()

    with pytest.raises(TransportTimeoutError):
        post(connection, seconds=0.2)

    assert 0.15 < time.monotonic() - started < 0.7


def test_nothing_is_sent_after_the_deadline(server: ScriptedServer, connection: Connection) -> None:
    post(connection)

    with pytest.raises(TransportTimeoutError):
        post(connection, seconds=-1)
    assert len(server.requests) == 1


def test_a_connection_is_usable_after_a_timeout(
    server: ScriptedServer, connection: Connection
) -> None:
    server.will(hang)
    with pytest.raises(TransportTimeoutError):
        post(connection, seconds=0.1)

    assert post(connection).status == 200


def truncated(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 0)
    exchange.close()


def truncated_chunk(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf", 0)
    exchange.close()


@pytest.mark.parametrize(
    "behaviour",
    [
        truncated,
        truncated_chunk,
        reply_bytes(200, b"x" * (1024 * 1024 + 1)),
        drip(b"SSH-2.0-OpenSSH\r\n\r\n", 0),
    ],
    ids=["truncated", "truncated chunk", "too large", "not HTTP"],
)
def test_an_incomplete_or_invalid_response_is_a_transport_error(
    server: ScriptedServer, connection: Connection, behaviour: Behaviour
) -> None:
    server.will(behaviour)

    with pytest.raises(TransportError):
        post(connection)
    assert post(connection).status == 200


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def endless(start: bytes, repeated: bytes, taken: list[int]) -> Behaviour:
    """Send until the client closes the connection; record how many bytes it took."""

    def behaviour(exchange: Exchange) -> None:
        taken.append(0)
        exchange.send([start])
        piece = repeated * (1 + 10_000 // len(repeated))
        while taken[0] < 64 * 1024 * 1024:
            exchange.send([piece])
            taken[0] += len(piece)

    return behaviour


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        (HEAD, b"A: 1\r\n"),
        (HEAD + b"A: ", b"a"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\n"),
        (HEAD + b"\r\n", b"until the end "),
        (HEAD + b"Content-Length: 999999999\r\n\r\n", b"x"),
        (CHUNKED + b"-1\r\n", b"x"),
        (CHUNKED + b"ffffffffff\r\n", b"x"),
        (CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"),
        (CHUNKED + b"5;", b"extension"),
        (CHUNKED + b"0\r\n", b"Trailer: 1\r\n"),
        (CHUNKED + b"0\r\nTrailer: ", b"1"),
    ],
)
def test_an_endless_response_is_rejected_at_the_limit(
    server: ScriptedServer, connection: Connection, start: bytes, repeated: bytes
) -> None:
    taken: list[int] = []
    server.will(endless(start, repeated, taken))

    tracemalloc.start()
    with pytest.raises(TransportError) as raised:
        post(connection)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert not isinstance(raised.value, TransportTimeoutError)
    assert peak < 4 * 1024 * 1024
    # 1 MiB of a body, and what the buffers of two sockets hold.
    assert taken[0] < 16 * 1024 * 1024


def test_a_refused_connection_is_a_transport_error() -> None:
    with pytest.raises(TransportError):
        post(Connection(Origin.parse("http://127.0.0.1:1")))


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.org", "example.org"),
        ("https://example.org/", "example.org"),
        ("https://example.org:443", "example.org"),
        ("https://example.org:8443", "example.org:8443"),
        ("http://localhost:4566", "localhost:4566"),
        ("http://127.0.0.1", "127.0.0.1"),
        ("http://[::1]:80", "[::1]"),
    ],
)
def test_an_origin_is_parsed(url: str, authority: str) -> None:
    assert Origin.parse(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org",
        "https://",
        "https://example.org/path",
        "https://example.org?x=1",
        "https://user@example.org",
        "https://example.org:port",
        "http://example.org",
        "http://169.254.169.254",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "https://exämple.org",
        "https://.example.org",
        "https://example.org.",
        "https://[fe80::1%25eth0]",
    ],
)
def test_other_urls_are_rejected(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must .+"):
        Origin.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org:SECRET",
        "https://example.org:99999SECRET",
        "https://[SECRET",
        "https://[SECRET]",
        "https://exam\u2100ple.SECRET",
        "https://SECRET@example.org",
    ],
)
def test_an_error_has_no_part_of_the_value(url: str) -> None:
    """A key that was pasted into the wrong parameter would be logged."""
    with pytest.raises(ValueError, match=r"^must ") as raised:
        Origin.parse(url)
    assert "SECRET" not in str(raised.value).upper()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a key and a self-signed certificate for 127.0.0.1 in one file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is required to create a certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ScriptedServer(default=reply(200, {}), tls=context) as running:
        yield running


@pytest.fixture
def tls_connection(
    tls_server: ScriptedServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    trusting = ssl.create_default_context(cafile=str(certificate.with_suffix(".crt")))
    monkeypatch.setattr("reasoning.connection._tls", lambda: trusting)
    return Connection(Origin.parse(tls_server.url))


def test_tls_is_verified_by_default(tls_server: ScriptedServer) -> None:
    with pytest.raises(TransportError):
        post(Connection(Origin.parse(tls_server.url)))
    assert tls_server.requests == []


def test_tls_connections_are_reused_and_reopened(
    tls_server: ScriptedServer, tls_connection: Connection
) -> None:
    tls_server.will(reply(200, {}), reply_then_close(200, {}))

    for _ in range(2):
        assert post(tls_connection).status == 200
    time.sleep(0.05)
    assert post(tls_connection).status == 200
    assert tls_server.connections == 2


def test_the_deadline_applies_to_tls(
    tls_server: ScriptedServer, tls_connection: Connection
) -> None:
    tls_server.will(drip(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 100))
    started = time.monotonic()

    with pytest.raises(TransportTimeoutError):
        post(tls_connection, seconds=0.3)
    assert time.monotonic() - started < 0.8


@pytest.mark.parametrize("seconds", [0, 0.05], ids=["in one record", "in two records"])
def test_surplus_bytes_are_not_read_over_tls(
    tls_server: ScriptedServer, tls_connection: Connection, seconds: float
) -> None:
    again = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
    tls_server.will(surplus(again, seconds), reply_bytes(200, b"second"))

    assert post(tls_connection).body == b"first"
    time.sleep(3 * seconds)
    assert post(tls_connection).body == b"second"


def test_the_deadline_applies_to_sending(
    tls_server: ScriptedServer, tls_connection: Connection
) -> None:
    """A server that reads slowly takes each piece of a large request in time, but not all."""
    tls_server.reads_slowly = True
    started = time.monotonic()

    with pytest.raises(TransportTimeoutError):
        tls_connection.request(
            "POST", "/", headers={}, body=bytes(32 * 1024 * 1024), deadline=Deadline.after(0.5)
        )
    assert time.monotonic() - started < 1.2


def slow_lookup(seconds: float, calls: list[object]) -> Callable[..., object]:
    real = socket.getaddrinfo

    def getaddrinfo(host: bytes, port: int, *, flags: int = 0, **kinds: int) -> object:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror
        calls.append(host)
        time.sleep(seconds)
        return real("127.0.0.1", port, **kinds)

    return getaddrinfo


def test_the_deadline_applies_to_the_dns_lookup(
    server: ScriptedServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", slow_lookup(1, []))
    started = time.monotonic()

    with pytest.raises(TransportTimeoutError):
        post(connection, seconds=0.1)
    assert time.monotonic() - started < 0.5


def test_a_slow_dns_lookup_is_awaited_by_the_next_request(
    server: ScriptedServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr("socket.getaddrinfo", slow_lookup(0.3, calls))
    for _ in range(3):
        with pytest.raises(TransportTimeoutError):
            post(connection, seconds=0.02)

    assert post(connection).status == 200
    assert len(calls) == 1


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), socket.gaierror(-3, "again")])
def test_a_failed_dns_lookup_is_a_transport_error(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, error: socket.gaierror
) -> None:
    def getaddrinfo(*_address: object, **_kinds: object) -> None:
        raise error

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)

    with pytest.raises(TransportError, match="gaierror"):
        post(connection)


def test_neither_an_ip_address_nor_a_kept_connection_starts_a_thread(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_thread: threading.Thread) -> None:
        raise AssertionError("a thread was started")

    post(connection)
    monkeypatch.setattr("reasoning.connection._Lookup.start", start)
    # The server of the test starts threads, too, but not of this class.
    post(connection)
    post(Connection(connection.origin))


def test_connect_and_handshake_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def slow_connect(opened: socket.socket, address: object) -> None:
        time.sleep(0.6)
        connect(opened, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", slow_connect)
    with socket.create_server(("127.0.0.1", 0)) as unresponsive:
        connection = Connection(Origin.parse(f"https://127.0.0.1:{unresponsive.getsockname()[1]}"))
        started = time.monotonic()

        with pytest.raises(TransportTimeoutError):
            post(connection, seconds=0.7)
    assert time.monotonic() - started < 1.1


def test_the_deadline_applies_to_the_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unresponsive:
        connection = Connection(Origin.parse(f"https://127.0.0.1:{unresponsive.getsockname()[1]}"))
        started = time.monotonic()

        with pytest.raises(TransportTimeoutError):
            post(connection, seconds=0.2)
    assert time.monotonic() - started < 0.7
