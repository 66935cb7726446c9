"""An HTTP server that invokes a function, with one instance for each concurrent request."""

from __future__ import annotations

import http.server
import queue
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypedDict

from ops.serve.http_events import event

# The largest event that Lambda accepts.
_MAX_BODY_BYTES = 6 * 1024 * 1024
_IDLE_SECONDS = 60


class FunctionResponse(TypedDict):
    """A response in payload format 2.0."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


Invoke = Callable[[Mapping[str, object]], FunctionResponse]


class Instances:
    """Instances of a function. As in Lambda, each handles one request at a time."""

    def __init__(self, create: Callable[[], Invoke]) -> None:
        self._create = create
        self._idle: queue.LifoQueue[Invoke] = queue.LifoQueue()

    @contextmanager
    def borrowed(self) -> Iterator[Invoke]:
        """Lend an idle instance, or a new one if there is none."""
        try:
            instance = self._idle.get_nowait()
        except queue.Empty:
            instance = self._create()
        try:
            yield instance
        finally:
            self._idle.put(instance)


class FunctionServer(http.server.ThreadingHTTPServer):
    """Serves a function on a port of this machine, 0 for any; not reachable from other machines."""

    daemon_threads = True

    def __init__(self, port: int, instances: Instances) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.instances = instances


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: FunctionServer

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            return
        request = event(
            method=self.command,
            target=self.path,
            headers={name: ",".join(self.headers.get_all(name, [])) for name in self.headers},
            body=body,
        )
        started = time.perf_counter()
        with self.server.instances.borrowed() as invoke:
            response = invoke(request)
        self._send(response, 1000 * (time.perf_counter() - started))

    # The base class dispatches on these names.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > _MAX_BODY_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            return self.rfile.read(int(length))
        # The body stays unread, so the connection cannot be reused.
        self.close_connection = True
        return None

    def _send(self, response: FunctionResponse, milliseconds: float) -> None:
        content = response["body"].encode()
        self.send_response_only(response["statusCode"])
        for name, value in response["headers"].items():
            self.send_header(name, value)
        # Without its body, the length of a HEAD's response is unknown.
        bodiless = response["statusCode"] in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if not bodiless and self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        cache = response["headers"].get("X-Cache", "-")
        path = self.path.partition("?")[0]
        sys.stderr.write(
            f"{self.command} {path} {response['statusCode']} {cache} {milliseconds:.1f} ms\n"
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing; `_send` logs each request."""
