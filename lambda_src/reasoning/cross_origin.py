"""Which other sites' pages may ask this API, said in the headers that browsers look for.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reasoning.events import METHODS

if TYPE_CHECKING:
    from reasoning.events import HttpRequest

_ALLOWED_HEADERS = "Content-Type, If-None-Match, X-Amz-Content-Sha256"
_EXPOSED_HEADERS = "Age, ETag, Retry-After, X-Cache, X-Request-Id"
_PREFLIGHT_SECONDS = "3600"


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The origins let in: none unless named, all with `*`."""

    origins: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> CrossOrigin:
        """Read origins separated by commas."""
        return cls(frozenset(origin.strip() for origin in text.split(",") if origin.strip()))

    def headers(self, request: HttpRequest | None) -> dict[str, str]:
        """Return what every response to a request carries; None is a request nobody could read."""
        if not self.origins:
            return {}
        if "*" in self.origins:
            return {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
            }
        origin = request.headers.get("origin", "") if request else ""
        if origin not in self.origins:
            # A cache must not give this response to a page that is let in.
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        }

    def preflight_headers(self, request: HttpRequest) -> dict[str, str] | None:
        """Return the answer to a browser that asks before it sends, None if this is none."""
        asks = request.method == "OPTIONS" and "access-control-request-method" in request.headers
        if not (self.origins and asks):
            return None
        return {
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
