"""A stand-in for the Gemini API on this machine, so that the whole way of a miss can be walked.

``python -m ops.local.gemini_standin PORT`` answers ``generateContent`` in the shape in which Gemini
does, with a text that satisfies the schema of the request and says that no model was asked.
"""

from __future__ import annotations

import argparse
import http.server
import json
import re
import sys
from http import HTTPStatus
from typing import Any

from ops.local.schema_answers import TEXT, UnsupportedSchemaError, answer

HEALTH_PATH = "/healthz"

_GENERATE = re.compile(r"/v1(?:beta)?/models/(?P<model>[A-Za-z0-9._-]+):generateContent")
_LARGEST_BODY = 1_000_000
_IDLE_SECONDS = 60
_STATUS_NAMES = {
    HTTPStatus.BAD_REQUEST: "INVALID_ARGUMENT",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
}


class RefusedRequestError(Exception):
    """A request that Gemini would refuse, too."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def generate(model: str, request: Any) -> dict[str, Any]:
    """Return Gemini's response to a generateContent request.

    Raises:
        RefusedRequestError: The request has no contents, or a schema that cannot be satisfied.

    """
    if not isinstance(request, dict) or not request.get("contents"):
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "contents is not specified")
    config = request.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    try:
        text = json.dumps(answer(schema)) if schema else TEXT
    except UnsupportedSchemaError as error:
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, f"local stand-in: {error}") from error
    asked, answered = _tokens(json.dumps(request["contents"])), _tokens(text)
    return {
        "candidates": [
            {
                "content": {"parts": [{"text": text}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": answered,
            "totalTokenCount": asked + answered,
        },
        "modelVersion": model,
        "responseId": "local-stand-in",
    }


def _tokens(text: str) -> int:
    return len(text) // 4 + 1  # the rule of thumb for English


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers ``generateContent``, and a question for health."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        """Answer the question for health."""
        if self.path == HEALTH_PATH:
            self._send(HTTPStatus.OK, {"stand_in": "gemini"})
        else:
            self._refuse(RefusedRequestError(HTTPStatus.NOT_FOUND, "not found"))

    def do_POST(self) -> None:
        """Answer generateContent."""
        try:
            document = self._generated()
        except RefusedRequestError as error:
            self._refuse(error)
        else:
            self._send(HTTPStatus.OK, document)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        """Write one line without headers and query, which could hold a key."""
        path = self.path.partition("?")[0]
        sys.stderr.write(f"{self.log_date_time_string()} {self.command} {path} {code}\n")

    def _generated(self) -> dict[str, Any]:
        # The body is read in any case, so that another request can follow on the connection.
        body = self._body()
        call = _GENERATE.fullmatch(self.path.partition("?")[0])
        if call is None:
            raise RefusedRequestError(HTTPStatus.NOT_FOUND, "no such method")
        if not self.headers.get("x-goog-api-key"):
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, "the header x-goog-api-key is missing")
        return generate(call["model"], body)

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            # The body stays unread, so nothing else can come over this connection.
            self.close_connection = True
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "no body, or too large a one")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "the body is no JSON") from error

    def _refuse(self, error: RefusedRequestError) -> None:
        problem = {
            "code": int(error.status),
            "message": str(error),
            "status": _STATUS_NAMES[error.status],
        }
        self._send(error.status, {"error": problem})

    def _send(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(http.server.ThreadingHTTPServer):
    """The stand-in on a port of this machine, not reachable from others."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="A local stand-in for the Gemini API.")
    parser.add_argument("port", type=int)
    with Server(parser.parse_args().port) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
