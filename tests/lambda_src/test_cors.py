"""CORS: allowed origins, preflight requests and Vary for shared caches."""

from __future__ import annotations

import pytest
from reasoning.cors import CorsPolicy
from reasoning.responses import LambdaResponse

from testing.questions import FIELDS, get_event
from tests.lambda_src.builders import Api

NAMED = CorsPolicy.parse("https://a.example.org, https://b.example.org")
ANY_ORIGIN = CorsPolicy.parse("*")
NO_ORIGIN = CorsPolicy.parse("")


def send(
    allowed: CorsPolicy, origin: str | None, fields: dict[str, str] | None = None
) -> LambdaResponse:
    event = get_event(FIELDS if fields is None else fields, {"Origin": origin} if origin else {})
    return Api().send(event, allowed)


def preflight(allowed: CorsPolicy, origin: str, path: str = "/api/reasoning") -> LambdaResponse:
    event = get_event("", {"Origin": origin, "Access-Control-Request-Method": "POST"})
    event |= {"rawPath": path, "requestContext": {"http": {"method": "OPTIONS"}}}
    return Api().send(event, allowed)


@pytest.mark.parametrize(
    ("allowed", "origin", "named"),
    [
        (NAMED, "https://a.example.org", "https://a.example.org"),
        (NAMED, "https://b.example.org", "https://b.example.org"),
        (NAMED, "https://a.example.org.evil.test", None),
        (NAMED, "null", None),
        (NAMED, None, None),
        (ANY_ORIGIN, "https://anyone.test", "*"),
        (ANY_ORIGIN, None, "*"),
        (NO_ORIGIN, "https://a.example.org", None),
    ],
)
def test_a_response_names_the_allowed_origin(
    allowed: CorsPolicy, origin: str | None, named: str | None
) -> None:
    headers = send(allowed, origin)["headers"]

    assert headers.get("Access-Control-Allow-Origin") == named
    assert ("X-Cache" in headers.get("Access-Control-Expose-Headers", "")) == (named is not None)


def test_a_response_that_depends_on_the_origin_has_vary() -> None:
    for origin in ("https://a.example.org", "https://other.test", None):
        assert send(NAMED, origin)["headers"]["Vary"] == "Origin"
    assert "Vary" not in send(ANY_ORIGIN, "https://a.example.org")["headers"]
    assert "Vary" not in send(NO_ORIGIN, "https://a.example.org")["headers"]


def test_errors_have_cors_headers() -> None:
    response = send(NAMED, "https://a.example.org", fields={})

    assert response["statusCode"] == 400
    assert response["headers"]["Access-Control-Allow-Origin"] == "https://a.example.org"


def test_a_preflight_response_lists_methods_and_headers() -> None:
    response = preflight(NAMED, "https://a.example.org")

    assert (response["statusCode"], response["body"]) == (204, "")
    headers = response["headers"]
    assert headers["Access-Control-Allow-Origin"] == "https://a.example.org"
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    # X-Amz-Content-Sha256 is required to POST through CloudFront with origin access control.
    assert headers["Access-Control-Allow-Headers"] == (
        "Content-Type, If-None-Match, X-Amz-Content-Sha256"
    )


def test_a_preflight_of_another_origin_allows_nothing() -> None:
    assert "Access-Control-Allow-Origin" not in preflight(NAMED, "https://evil.test")["headers"]


def test_a_preflight_needs_a_known_path_and_allowed_origins() -> None:
    assert preflight(NAMED, "https://a.example.org", path="/x")["statusCode"] == 404
    assert preflight(NO_ORIGIN, "https://a.example.org")["statusCode"] == 405
