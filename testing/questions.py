"""A valid question, the Lambda events and context that carry it, and a valid answer."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

# Of no emulator: for servers that do not verify signatures.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test-session-token",
}

FIELDS: dict[str, str] = {
    "lat": "35.6762",
    "lon": "139.6503",
    "date": "2026-05-14",
    "co2": "428.5",
    "deviation": "8.25",
    "severity": "high",
    "zscore": "3.1",
}
VARIABLES = {
    "GEMINI_HOSTS": "127.0.0.1",
    "BROWSER_SECONDS": "300",
    "EDGE_SECONDS": "3600",
    "STALE_WHILE_REVALIDATE_SECONDS": "60",
    "CONSISTENT_READS": "0",
}
"""The function's environment variables that are the same in every environment of the tests."""

NUMBERS = ("lat", "lon", "co2", "deviation", "zscore")

ANSWER: dict[str, object] = {
    "summary": "Night-time traffic under an inversion is the likeliest explanation.",
    "causes": [
        {
            "cause": "Traffic",
            "explanation": "A motorway lies upwind, 3 km away; CO₂ pools in winter.",
            "likelihood": "high",
        }
    ],
    "distinguishing_evidence": "Carbon monoxide and nitrogen dioxide measured at the same time.",
    "confidence": 0.6,
}


class Context:
    """Lambda's context object with a fixed remaining time."""

    aws_request_id = "request-1"
    function_name = "co2-analysis-test-reasoning-function"

    def __init__(self, remaining_ms: int = 10_000) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining_ms


def get_event(
    query: dict[str, str] | str, headers: dict[str, str] | None = None
) -> dict[str, object]:
    """Return the function URL event of a GET request."""
    return {
        "version": "2.0",
        "rawPath": "/api/reasoning",
        "rawQueryString": query
        if isinstance(query, str)
        else urlencode(query, errors="surrogatepass"),
        "headers": headers or {},
        "requestContext": {"http": {"method": "GET", "path": "/api/reasoning"}},
        "isBase64Encoded": False,
    }


def head_event(query: dict[str, str], headers: dict[str, str] | None = None) -> dict[str, object]:
    """Return the function URL event of a HEAD request."""
    http = {"method": "HEAD", "path": "/api/reasoning"}
    return {**get_event(query, headers), "requestContext": {"http": http}}


def post_event(
    body: str | bytes, content_type: str = "application/json", path: str = "/api/reasoning"
) -> dict[str, object]:
    """Return the function URL event of a POST request; bytes are base64-encoded."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": content_type},
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": body if isinstance(body, str) else base64.b64encode(body).decode(),
        "isBase64Encoded": isinstance(body, bytes),
    }
