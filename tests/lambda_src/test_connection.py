"""Connections: keep-alive, reopening, deadlines and TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from reasoning.connection import Connection, Origin, Response, TransportError, TransportTimeoutError
from reasoning.deadline import Deadline

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
    ],
)
def test_other_urls_are_rejected(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Origin.parse(url)


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


def test_the_deadline_applies_to_the_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unresponsive:
        connection = Connection(Origin.parse(f"https://127.0.0.1:{unresponsive.getsockname()[1]}"))
        started = time.monotonic()

        with pytest.raises(TransportTimeoutError):
            post(connection, seconds=0.2)
    assert time.monotonic() - started < 0.7
