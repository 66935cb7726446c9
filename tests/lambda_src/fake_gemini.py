"""A fake Gemini that speaks generateContent over real HTTP."""

from __future__ import annotations

import json
import time

from testing.questions import ANSWER
from tests.lambda_src.scripted_server import Behaviour, Exchange, ScriptedServer, drip, hang, reply

__all__ = [
    "FakeGemini",
    "answering",
    "blocked_prompt",
    "drip_answer",
    "drip_headers",
    "finished_by",
    "hang",
    "refuse_keys_except",
    "saying",
    "slowly",
    "status",
    "unknown_key",
]


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
        "usageMetadata": {"totalTokenCount": 1},
    }


def saying(text: str) -> Behaviour:
    """Answer completely, with this text."""
    return reply(200, _response(text, "STOP"))


def answering(answer: object = ANSWER) -> Behaviour:
    return saying(json.dumps(answer))


def slowly(seconds: float) -> Behaviour:
    """Answer validly after a while."""

    def behaviour(exchange: Exchange) -> None:
        time.sleep(seconds)
        answering()(exchange)

    return behaviour


def finished_by(finish_reason: object) -> Behaviour:
    """Answer validly, but say that the model did not end by itself."""
    return reply(200, _response(json.dumps(ANSWER), finish_reason))


def blocked_prompt() -> Behaviour:
    return reply(200, {"promptFeedback": {"blockReason": "SAFETY"}})


def status(code: int, headers: dict[str, str] | None = None) -> Behaviour:
    return reply(code, {"error": {"code": code, "message": "scripted", "status": "X"}}, headers)


def unknown_key() -> Behaviour:
    """Refuse the key the way Gemini refuses one that it does not know or that has expired."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = {"code": 400, "message": "scripted", "status": "INVALID_ARGUMENT", "details": [detail]}
    return reply(400, {"error": error})


def drip_answer() -> Behaviour:
    """Send a valid answer so slowly that it never ends, but never pause for long."""
    body = json.dumps(_response(json.dumps(ANSWER), "STOP"))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    return drip((head + body).encode())


def drip_headers() -> Behaviour:
    return drip(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 1000)


def refuse_keys_except(fake: FakeGemini, key: str) -> Behaviour:
    """Accept one key only, as Gemini does after a rotation."""

    def behaviour(exchange: Exchange) -> None:
        given = fake.requests[-1].headers.get("x-goog-api-key")
        (answering() if given == key else status(403))(exchange)

    return behaviour


class FakeGemini(ScriptedServer):
    """Gives a valid answer unless a test scripts something else."""

    def __init__(self) -> None:
        super().__init__(default=answering())
