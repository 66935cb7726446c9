"""Scripted responses of Gemini's generateContent."""

from __future__ import annotations

import json
import time

from testing.questions import ANSWER
from tests.lambda_src.scripted_server import Behaviour, Exchange, ScriptedServer, drip, reply

USAGE = {"promptTokenCount": 700, "candidatesTokenCount": 300, "thoughtsTokenCount": 200}
MODEL_VERSION = "gemini-3.8-flash-001"


def _response(text: str, finish_reason: object) -> dict[str, object]:
    return {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [{"text": "thinking aloud", "thought": True}, {"text": text}],
                },
                "finishReason": finish_reason,
            }
        ],
        "usageMetadata": USAGE,
        "modelVersion": MODEL_VERSION,
    }


def saying(text: str) -> Behaviour:
    """Return a complete answer with this text."""
    return reply(200, _response(text, "STOP"))


def answering(answer: object = ANSWER) -> Behaviour:
    return saying(json.dumps(answer))


def slowly(seconds: float, then: Behaviour | None = None) -> Behaviour:
    """Return a valid answer, or behave otherwise, after a delay."""

    def behaviour(exchange: Exchange) -> None:
        time.sleep(seconds)
        (then or answering())(exchange)

    return behaviour


def finished_by(finish_reason: object) -> Behaviour:
    """Return a valid answer with another finish reason than STOP."""
    return reply(200, _response(json.dumps(ANSWER), finish_reason))


def blocked_prompt() -> Behaviour:
    return reply(200, {"promptFeedback": {"blockReason": "SAFETY"}})


def status(
    code: int, headers: dict[str, str] | None = None, retry_delay: object = None
) -> Behaviour:
    error: dict[str, object] = {"code": code, "message": "scripted", "status": "X"}
    if retry_delay is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        error["details"] = [{"@type": kind, "retryDelay": retry_delay}]
    return reply(code, {"error": error}, headers)


def unknown_key() -> Behaviour:
    """Reject the key as Gemini does if it is unknown or expired."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = {"code": 400, "message": "scripted", "status": "INVALID_ARGUMENT", "details": [detail]}
    return reply(400, {"error": error})


def drip_answer() -> Behaviour:
    """Send a valid answer byte by byte, so that it never completes but no read times out."""
    body = json.dumps(_response(json.dumps(ANSWER), "STOP"))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    return drip((head + body).encode())


def drip_headers() -> Behaviour:
    return drip(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 1000)


def reject_keys_except(server: ScriptedServer, key: str) -> Behaviour:
    """Accept one key only, as Gemini does after a rotation."""

    def behaviour(exchange: Exchange) -> None:
        given = server.requests[-1].headers.get("x-goog-api-key")
        (answering() if given == key else status(403))(exchange)

    return behaviour
