"""Pages of other sites: let in where they are named, and never through a shared cache."""

from __future__ import annotations

import pytest
from reasoning.cross_origin import CrossOrigin
from reasoning.handler import respond
from reasoning.responses import LambdaResponse

from testing.questions import FIELDS, Context, get_event
from tests.lambda_src.builders import Api

NAMED = CrossOrigin.parse("https://a.example.org, https://b.example.org")
EVERYONE = CrossOrigin.parse("*")
NOBODY = CrossOrigin.parse("")


def ask(
    allowed: CrossOrigin, origin: str | None, fields: dict[str, str] | None = None
) -> LambdaResponse:
    event = get_event(FIELDS if fields is None else fields, {"Origin": origin} if origin else {})
    service = Api().service
    return respond(event, Context(), lambda _: service, cross_origin=allowed)


def preflight(allowed: CrossOrigin, origin: str, path: str = "/api/reasoning") -> LambdaResponse:
    event = get_event("", {"Origin": origin, "Access-Control-Request-Method": "POST"})
    event |= {"rawPath": path, "requestContext": {"http": {"method": "OPTIONS"}}}
    service = Api().service
    return respond(event, Context(), lambda _: service, cross_origin=allowed)


@pytest.mark.parametrize(
    ("allowed", "origin", "named"),
    [
        (NAMED, "https://a.example.org", "https://a.example.org"),
        (NAMED, "https://b.example.org", "https://b.example.org"),
        (NAMED, "https://a.example.org.evil.test", None),
        (NAMED, "null", None),
        (NAMED, None, None),
        (EVERYONE, "https://anyone.test", "*"),
        (EVERYONE, None, "*"),
        (NOBODY, "https://a.example.org", None),
    ],
)
def test_an_answer_names_the_origin_that_is_let_in(
    allowed: CrossOrigin, origin: str | None, named: str | None
) -> None:
    headers = ask(allowed, origin)["headers"]

    assert headers.get("Access-Control-Allow-Origin") == named
    assert ("X-Cache" in headers.get("Access-Control-Expose-Headers", "")) == (named is not None)


def test_an_answer_that_depends_on_the_origin_says_so_to_caches() -> None:
    for origin in ("https://a.example.org", "https://other.test", None):
        assert ask(NAMED, origin)["headers"]["Vary"] == "Origin"
    assert "Vary" not in ask(EVERYONE, "https://a.example.org")["headers"]
    assert "Vary" not in ask(NOBODY, "https://a.example.org")["headers"]


def test_a_page_may_read_errors_too() -> None:
    response = ask(NAMED, "https://a.example.org", fields={})

    assert response["statusCode"] == 400
    assert response["headers"]["Access-Control-Allow-Origin"] == "https://a.example.org"


def test_a_preflight_says_what_may_be_sent() -> None:
    response = preflight(NAMED, "https://a.example.org")

    assert (response["statusCode"], response["body"]) == (204, "")
    headers = response["headers"]
    assert headers["Access-Control-Allow-Origin"] == "https://a.example.org"
    assert headers["Access-Control-Allow-Methods"] == "GET, POST"
    # Without the last one, no page could POST through CloudFront's signed origin.
    assert headers["Access-Control-Allow-Headers"] == (
        "Content-Type, If-None-Match, X-Amz-Content-Sha256"
    )


def test_a_preflight_of_a_stranger_lets_nobody_in() -> None:
    assert "Access-Control-Allow-Origin" not in preflight(NAMED, "https://evil.test")["headers"]


def test_there_is_no_preflight_where_there_is_no_path_or_nobody_is_let_in() -> None:
    assert preflight(NAMED, "https://a.example.org", path="/x")["statusCode"] == 404
    assert preflight(NOBODY, "https://a.example.org")["statusCode"] == 405
