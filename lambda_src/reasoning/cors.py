"""Cross-origin resource sharing (CORS): which other sites' pages may call this API.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from dataclasses import dataclass

from reasoning.events import METHODS, HttpRequest

_ALLOWED_HEADERS = "Content-Type, If-None-Match, X-Amz-Content-Sha256"
_EXPOSED_HEADERS = "Age, ETag, Retry-After, X-Cache, X-Request-Id"
_PREFLIGHT_MAX_AGE_SECONDS = "3600"


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """The allowed origins; `*` allows all, and by default there are none."""

    origins: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> CorsPolicy:
        """Parse comma-separated origins."""
        return cls(frozenset(origin.strip() for origin in text.split(",") if origin.strip()))

    def headers(self, request: HttpRequest | None) -> dict[str, str]:
        """Return the CORS headers of a response; `request` is None if it could not be parsed."""
        if not self.origins:
            return {}
        if "*" in self.origins:
            return {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
            }
        origin = request.headers.get("origin", "") if request else ""
        if origin not in self.origins:
            # Without Vary, a shared cache would serve this response to allowed origins, too.
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        }

    def preflight_headers(self, request: HttpRequest) -> dict[str, str] | None:
        """Return the headers of the response to a preflight request, None for other requests."""
        preflight = "access-control-request-method" in request.headers
        if not (self.origins and preflight and request.method == "OPTIONS"):
            return None
        return {
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_MAX_AGE_SECONDS,
        }
