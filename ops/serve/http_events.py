"""HTTP requests as events of a function URL (payload format 2.0), and the context object.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

_TEXT_TYPES = ("application/json", "application/xml", "application/javascript", "text/")


def event(
    *, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> dict[str, object]:
    """Return the event of a request; ``target`` is its path with the query string.

    A body without a text content type is base64-encoded.
    """
    path, _, query = target.partition("?")
    lowered = {name.lower(): value for name, value in headers.items()}
    document: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": lowered,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": lowered.get("host", ""),
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": lowered.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(1000 * time.time()),
        },
        "isBase64Encoded": False,
    }
    if body:
        document |= _body(body, lowered.get("content-type", ""))
    return document


def _body(body: bytes, content_type: str) -> dict[str, object]:
    if content_type.lower().startswith(_TEXT_TYPES):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


@dataclass(frozen=True, kw_only=True)
class Context:
    """The attributes of Lambda's context object that the function uses."""

    function_name: str
    timeout_seconds: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation times out."""
        left = self.timeout_seconds - (time.monotonic() - self.started)
        return max(0, int(1000 * left))
