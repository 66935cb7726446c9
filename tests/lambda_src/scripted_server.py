"""An HTTP server on the loopback interface with scripted responses."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class RecordedRequest:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


class Exchange:
    """A request in progress, and the ways to respond to it."""

    def __init__(self, handler: BaseHTTPRequestHandler, stopping: threading.Event) -> None:
        self._handler = handler
        self._stopping = stopping

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._handler.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def drip(self, payload: bytes, seconds_between_bytes: float) -> None:
        self.send([bytes([byte]) for byte in payload], seconds_between_bytes)

    def send(self, pieces: Iterable[bytes], seconds_between_pieces: float = 0) -> None:
        for piece in pieces:
            self._handler.wfile.write(piece)
            if self._stopping.wait(seconds_between_pieces):
                return

    def hang(self) -> None:
        self._stopping.wait()

    def close(self) -> None:
        self._handler.close_connection = True


Behaviour = Callable[[Exchange], None]


def reply(status: int, document: object, headers: Mapping[str, str] | None = None) -> Behaviour:
    return reply_bytes(status, json.dumps(document).encode(), headers)


def reply_bytes(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Behaviour:
    return lambda exchange: exchange.reply(status, body, headers or {})


def reply_then_close(status: int, document: object) -> Behaviour:
    """Respond, then close the connection without having announced it."""

    def behaviour(exchange: Exchange) -> None:
        exchange.reply(status, json.dumps(document).encode(), {})
        exchange.close()

    return behaviour


def hang(exchange: Exchange) -> None:
    exchange.hang()


def close(exchange: Exchange) -> None:
    exchange.close()


def drip(payload: bytes, seconds_between_bytes: float = 0.05) -> Behaviour:
    return lambda exchange: exchange.drip(payload, seconds_between_bytes)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: clients under test disconnect at any time, also during a handshake."""


class ScriptedServer:
    """Responds with the scripted behaviours in turn, then always with the default one."""

    def __init__(self, default: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.default = default
        self.script: deque[Behaviour] = deque()
        self.requests: list[RecordedRequest] = []
        self.connections = 0
        self.reads_slowly = False
        self._stopping = threading.Event()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def setup(self) -> None:
                super().setup()
                recorder.connections += 1

            def do_POST(self) -> None:
                if recorder.reads_slowly:
                    while self.rfile.read(65_536) and not recorder._stopping.wait(0.02):
                        pass
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                recorder.requests.append(RecordedRequest("POST", self.path, headers, body))
                behaviour = recorder.script.popleft() if recorder.script else recorder.default
                try:
                    behaviour(Exchange(self, recorder._stopping))
                except OSError:
                    # The client disconnected, as it should when its deadline has passed.
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep the test output clean."""

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._scheme = "https" if tls else "http"
        if tls:
            # The thread of the connection does the handshake.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def will(self, *behaviours: Behaviour) -> None:
        self.script.extend(behaviours)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        # Not server_close: it waits for handler threads with idle keep-alive connections.
        self._server.socket.close()
