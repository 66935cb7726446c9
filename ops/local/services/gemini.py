"""A stand-in for the Gemini API on this machine, so that the path of a cache miss can be tested.

``python -m ops.local.services.gemini PORT`` answers every ``generateContent`` request with the same
answer, which satisfies the schema of lambda_src and says that no model was asked.
"""

from __future__ import annotations

import http.server
import json
import re
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from ops.common import processes
from ops.common.environment import scrubbed
from ops.common.paths import LocalPaths
from ops.common.processes import ProcessIdentity
from ops.local.services.client import is_ok
from ops.local.services.ports import Ports

TEXT = "Local stand-in, not Gemini: no model was asked."
ANSWER = {
    "summary": TEXT,
    "causes": [{"cause": "none", "explanation": TEXT, "likelihood": "low"}],
    "distinguishing_evidence": TEXT,
    "confidence": 0,
}
HEALTH_PATH = "/healthz"
STOP_SECONDS = 2.0

_GENERATE = re.compile(r"/v1(?:beta)?/models/(?P<model>[A-Za-z0-9._-]+):generateContent")
_MAX_BODY_BYTES = 1_000_000
_IDLE_SECONDS = 60
_STATUS_NAMES = {
    HTTPStatus.BAD_REQUEST: "INVALID_ARGUMENT",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Handles ``generateContent`` requests and health checks."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        if self.path == HEALTH_PATH:
            self._send(HTTPStatus.OK, {"stand_in": "gemini"})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "not found")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MAX_BODY_BYTES:
            # The body stays unread, so the connection cannot be reused.
            self.close_connection = True
            self._refuse(HTTPStatus.BAD_REQUEST, "the body is missing or too large")
            return
        body = self.rfile.read(int(length))
        call = _GENERATE.fullmatch(self.path.partition("?")[0])
        if call is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such method")
        elif not self.headers.get("x-goog-api-key"):
            self._refuse(HTTPStatus.FORBIDDEN, "the header x-goog-api-key is missing")
        elif not _has_contents(body):
            self._refuse(HTTPStatus.BAD_REQUEST, "the body is not JSON, or has no contents")
        else:
            self._send(HTTPStatus.OK, _response(call["model"]))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        """Log one line without headers and query string, which may contain an API key."""
        path = self.path.partition("?")[0]
        sys.stderr.write(f"{self.log_date_time_string()} {self.command} {path} {code}\n")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        error = {"code": status, "message": message, "status": _STATUS_NAMES[status]}
        self._send(status, {"error": error})

    def _send(self, status: HTTPStatus, document: Mapping[str, object]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(http.server.ThreadingHTTPServer):
    """The stand-in on a port of this machine, 0 for any; not reachable from other machines."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)


def start(paths: LocalPaths, ports: Ports, user_environment: Mapping[str, str]) -> ProcessIdentity:
    """Start the stand-in without waiting until it is ready.

    Raises OSError if it cannot be started.
    """
    return processes.start(
        processes.python("-m", "ops.local.services.gemini", str(ports.stand_in)),
        environment=scrubbed(user_environment),
        folder=paths.checkout,
        log=_log(paths),
    )


def is_ready(ports: Ports) -> bool:
    """Return whether the stand-in answers."""
    return is_ok(ports.stand_in, HEALTH_PATH)


def wait_until_ready(paths: LocalPaths, ports: Ports, process: ProcessIdentity) -> None:
    """Wait until the stand-in answers.

    Raises:
        OperatorError: It ended, or does not answer in time.

    """
    processes.wait_until_ready(
        "the Gemini stand-in",
        ready=lambda: is_ready(ports),
        running=lambda: processes.is_running(process),
        log=_log(paths),
    )


def _log(paths: LocalPaths) -> Path:
    return paths.logs / "gemini-stand-in.log"


def _has_contents(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and bool(document.get("contents"))


def _response(model: str) -> dict[str, object]:
    content = {"parts": [{"text": json.dumps(ANSWER)}], "role": "model"}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"totalTokenCount": 0},
        "modelVersion": model,
        "responseId": "local-stand-in",
    }


if __name__ == "__main__":
    with Server(int(sys.argv[1])) as server:
        server.serve_forever()
