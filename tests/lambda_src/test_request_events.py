"""Parsing of events: methods, paths, bodies, query strings and fuzzed events."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reasoning.errors import InvalidRequestError
from reasoning.events import MAX_BODY_BYTES, HttpRequest
from reasoning.models import NumberLiteral

from testing.questions import FIELDS, get_event, post_event
from tests.lambda_src.builders import Api, json_body


def status_of(event: object) -> int:
    return Api().send(event)["statusCode"]


def test_get_and_post_share_an_entry() -> None:
    api = Api()

    first = api.send(get_event(FIELDS))
    second = api.send(post_event(json_body(FIELDS)))
    third = api.send(post_event(json_body(FIELDS).encode()))

    assert [r["headers"]["X-Cache"] for r in (first, second, third)] == ["MISS", "HIT", "HIT"]


@pytest.mark.parametrize("path", ["/", "/reasoning", "/api/reasoning/", "/api/Reasoning", ""])
def test_other_paths_are_not_found_whatever_the_method(path: str) -> None:
    event = {**get_event(FIELDS), "rawPath": path}
    event["requestContext"] = {"http": {"method": "DELETE"}}

    assert status_of(event) == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "get", "head", ""])
def test_other_methods_get_405_with_allow(method: str) -> None:
    response = Api().send({**get_event(FIELDS), "requestContext": {"http": {"method": method}}})

    assert response["statusCode"] == 405
    assert response["headers"]["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("as_base64", [False, True])
def test_the_body_size_is_limited(as_base64: bool) -> None:
    def padded(size: int) -> dict[str, object]:
        body = json_body(FIELDS).encode().ljust(size)
        return post_event(body if as_base64 else body.decode())

    assert status_of(padded(MAX_BODY_BYTES)) == 200
    assert status_of(padded(MAX_BODY_BYTES + 1)) == 413


def test_the_body_limit_counts_bytes_not_characters() -> None:
    assert status_of(post_event("é" * (MAX_BODY_BYTES // 2 + 1))) == 413


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ('\tapplication/json ;; CharSet="ut\\f-8" ; ', 200),
        ('application/json; profile="a;charset=latin-1"', 200),
        ('application/json; profile="\\";charset=latin-1"; charset=utf8', 200),
        ("application/json; charset=latin-1", 415),
        ('application/json; charset="latin-1"', 415),
        ('application/json; profile="a"; charset=latin-1', 415),
        ("application/json; charset=utf-8; charset=latin-1", 415),
        ("application/json; charset='utf-8'", 415),
        ("application/json; charset = utf-8", 415),
        ('application/json; charset="utf-8', 415),
        ("application/json; charset", 415),
        ("application/json charset=utf-8", 415),
        ("application/json, application/json", 415),
        ("application/jsonp", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
def test_the_content_type_must_be_json(content_type: str, expected: int) -> None:
    assert status_of(post_event(json_body(FIELDS), content_type)) == expected


def test_a_hostile_content_type_is_rejected_in_linear_time() -> None:
    started = time.perf_counter()
    for part in ("; ", ' ;\t a="\\" ', ";a=b", '"', "\\"):
        hostile = "application/json" + part * (8_000 // len(part)) + "\x00"
        assert status_of(post_event(json_body(FIELDS), hostile)) == 415

    assert time.perf_counter() - started < 5


def test_header_names_are_case_insensitive() -> None:
    event = post_event(json_body(FIELDS))
    event["headers"] = {"Content-Type": "application/json"}

    assert status_of(event) == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"text"',
        "1",
        "null",
        "[" * 16_000,
        '{"lat":' * 2_000,
        '{"lat": ' + "9" * 5_000,
        "\ud800",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        json_body({**FIELDS, "lat": "1e"}),
        json_body({**FIELDS, "lat": "-"}),
        json_body(FIELDS) + "x",
    ],
)
def test_a_body_that_is_not_a_json_object_is_a_bad_request(body: str | bytes) -> None:
    assert status_of(post_event(body)) == 400


def test_an_invalid_base64_body_is_a_bad_request() -> None:
    assert status_of({**post_event("not base64!"), "isBase64Encoded": True}) == 400


@pytest.mark.parametrize(
    "query_string", ["lat", "%ff=1", "lat=%ed%a0%80", "&&", "a=1&" * 100 + "a=1"]
)
def test_an_invalid_query_string_is_a_bad_request(query_string: str) -> None:
    assert status_of(get_event(query_string)) == 400


@given(st.text(alphabet="ab=&.-_1+%é", min_size=1, max_size=12))
def test_a_query_string_without_escapes_is_parsed_as_by_urllib(query_string: str) -> None:
    """The fast path must agree with the general one."""
    request = HttpRequest.from_event(get_event(query_string))
    try:
        expected = parse_qsl(query_string, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        with pytest.raises(InvalidRequestError):
            request.fields()
    else:
        read = [(name, NumberLiteral.from_text(value)) for name, value in expected]
        assert request.fields() == read


@pytest.mark.parametrize(
    "event", [None, [], "x", {}, {"requestContext": {}}, {"requestContext": {"http": None}}]
)
def test_an_event_that_is_not_an_http_request_is_a_bad_request(event: object) -> None:
    assert status_of(event) == 400


UNUSUAL_TEXTS = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(), max_size=5),
    st.sampled_from(
        [
            *("NaN", "-Infinity", "1e999", "-0", "9" * 400, "20260514", "2026-W20-4"),
            *("2026-02-30", "true", "null", '"', "\ud800", "\x00", "\uff11", "[" * 40),
        ]
    ),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([*FIELDS, "unknown"])


@st.composite
def nearly_valid_fields(draw: st.DrawFn) -> dict[str, str]:
    changed = draw(st.dictionaries(NAMES, UNUSUAL_TEXTS, max_size=3))
    removed = draw(st.sets(NAMES, max_size=2))
    return {name: text for name, text in {**FIELDS, **changed}.items() if name not in removed}


@st.composite
def bodies(draw: st.DrawFn) -> str | bytes:
    text = draw(
        nearly_valid_fields().map(json_body)
        | JSON_VALUES.map(json.dumps)
        | st.dictionaries(NAMES, JSON_VALUES).map(json.dumps)
        | UNUSUAL_TEXTS
    )
    return text.encode("utf-8", "surrogatepass") if draw(st.booleans()) else text


EVENTS = st.one_of(
    nearly_valid_fields().map(
        lambda fields: get_event(
            "&".join(f"{name}={text}" for name, text in fields.items()),
        )
    ),
    UNUSUAL_TEXTS.map(get_event),
    st.builds(
        post_event, bodies(), st.sampled_from(["application/json", "text/html"]) | UNUSUAL_TEXTS
    ),
    st.builds(
        lambda event, key, value: {**event, key: value},
        nearly_valid_fields().map(get_event),
        st.sampled_from(
            ["rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded"]
        ),
        JSON_VALUES,
    ),
    JSON_VALUES,
)


@settings(max_examples=200)
@given(EVENTS)
def test_no_event_is_an_internal_error(event: object) -> None:
    response = Api().send(event)

    assert response["statusCode"] in {200, 400, 404, 405, 413, 415}
    response["body"].encode("utf-8")
    document = json.loads(response["body"])
    if response["statusCode"] == 200:
        assert document["cache"]["status"] == "MISS"
    else:
        assert document["status"] == response["statusCode"]
        assert response["headers"]["Cache-Control"] == "no-store"
