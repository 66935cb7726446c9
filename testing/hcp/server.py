"""The HTTP server of the stand-in: tokens, faults, and the table of endpoints.

with HcpStandIn(organization="my-company") as hcp:
    TFEClient(TFEConfig(address=hcp.address, token=hcp.token))
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from testing.hcp.api import (
    MEDIA_TYPE,
    ApiError,
    Caller,
    NotFoundError,
    Request,
    Response,
    Routes,
)
from testing.hcp.connection import Connection
from testing.hcp.faults import Cut, Faults, RateLimit
from testing.hcp.routes import organizations, runs, states, subscriptions, variables, workspaces
from testing.hcp.runner import Engine, Runner
from testing.hcp.scripted import ScriptedEngine
from testing.hcp.service import Service
from testing.hcp.store import Store
from testing.hcp.tokens import Tokens

HOSTNAME = "app.terraform.io"
API_VERSION = "2.6"
USER = "user-tester"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that the stand-in answered."""

    method: str
    path: str
    status: int


class HcpStandIn:
    """A running stand-in with one organization, whose owner holds ``token``.

    ``requests`` lists what was asked; ``faults`` switches faults on. ``assessments`` says whether
    the plan of the organization includes health assessments. ``engine`` does the work of remote
    runs, by default without Terraform.
    """

    def __init__(
        self,
        *,
        organization: str,
        token: str | None = None,
        hostname: str = HOSTNAME,
        assessments: bool = True,
        engine: Engine | None = None,
        requests_per_second: int | None = None,
    ) -> None:
        self.organization = organization
        self.token = token or f"user.atlasv1.{secrets.token_urlsafe(24)}"
        self.store = Store(organization, assessments=assessments)
        self.requests: list[Seen] = []
        self._rate = RateLimit(requests_per_second)
        self._server = _Server(self)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.connection = Connection(hostname=hostname, address=self.address)
        self.store.objects.address = self.address
        self.tokens = Tokens()
        self.tokens.accept(self.token, Caller(id=USER))
        self.service = Service(
            store=self.store,
            runner=Runner(
                store=self.store,
                connection=self.connection,
                tokens=self.tokens,
                engine=engine or ScriptedEngine(),
            ),
        )
        self.faults = Faults()
        self.routes = _routes()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.service.runner.close()
        self._server.shutdown()
        self._server.server_close()

    def environment(self, folder: Path, user_environment: Mapping[str, str]) -> dict[str, str]:
        """Return Terraform's environment with the owner's token (see `Connection.environment`)."""
        return self.connection.environment(folder, user_environment, token=self.token)

    def answer(self, method: str, target: str, authorization: str | None, body: bytes) -> Response:
        parts = urlsplit(target)
        try:
            response = self._answer(method, parts.path, parts.query, authorization, body)
        except ApiError as error:
            response = error.response()
        except Exception as error:  # noqa: BLE001 - its client would only see a lost connection
            response = ApiError(500, f"{type(error).__name__}: {error}").response()
        self.requests.append(Seen(method=method, path=parts.path, status=response.status))
        return response

    def _answer(
        self, method: str, path: str, query: str, authorization: str | None, body: bytes
    ) -> Response:
        found = self.routes.find(method, path)
        caller = (
            Caller(id="anyone", kind="anyone")
            if found and found[0].is_open
            else self.tokens.caller(authorization)
        )
        if found is None:
            raise NotFoundError
        route, identities = found
        if not route.is_open:
            self._rate.check()
        if caller.kind == "runs" and not route.is_for_runs:
            raise NotFoundError
        request = Request(
            method=method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            body=body,
            caller=caller,
        )
        with self.store.lock:
            return route.handler(self.service, request, *identities)


def _routes() -> Routes:
    routes = Routes()
    routes.include(
        organizations.ROUTES,
        workspaces.ROUTES,
        variables.ROUTES,
        subscriptions.ROUTES,
        states.ROUTES,
        runs.ROUTES,
    )
    return routes


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stand_in: HcpStandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stand_in = stand_in


class _Handler(BaseHTTPRequestHandler):
    """Reads a request and writes the answer of the stand-in, unless a fault is due."""

    protocol_version = "HTTP/1.1"
    # Header and body are written apart, so each answer would wait for an acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: paths of uploads are secrets."""

    def _handle(self) -> None:
        stand_in = self.server.stand_in
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        fault = stand_in.faults.next(self.command, path)
        if fault:
            time.sleep(fault.seconds)
            if fault.cut is Cut.UPLOAD:
                self.rfile.read(length // 2)
                self._cut()
                return
        body = self.rfile.read(length) if length else self._chunks()
        if fault and fault.error:
            response = fault.error.response()
            stand_in.requests.append(Seen(method=self.command, path=path, status=response.status))
        else:
            response = stand_in.answer(
                self.command, self.path, self.headers.get("Authorization"), body
            )
        self._write(response, cut=bool(fault and fault.cut is Cut.DOWNLOAD))

    def _chunks(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return b""
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _write(self, response: Response, *, cut: bool) -> None:
        content_type, body = response.content_type, response.body
        if response.document is not None:
            content_type, body = MEDIA_TYPE, json.dumps(response.document).encode()
        with suppress(ConnectionError):
            self.send_response(response.status)
            self.send_header("TFP-API-Version", API_VERSION)
            self.send_header("TFP-AppName", "HCP Terraform")
            for name, value in response.headers.items():
                self.send_header(name, value)
            if response.status != 204:
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if cut:
                self.wfile.write(body[: len(body) // 2])
                self._cut()
            else:
                self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
