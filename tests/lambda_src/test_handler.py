"""The HTTP contract: bodies, headers, problem documents and logs."""

from __future__ import annotations

import json

import pytest
from reasoning.cache import Lease
from reasoning.errors import (
    ApiError,
    ConfigurationError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.handler import handler

from testing.questions import ANSWER, FIELDS, Context, get_event, head_event, post_event
from tests.lambda_src.builders import DAY, KEY, NOW, Api, LogLines, entry, json_body, key
from tests.lambda_src.builders import query as parsed

CACHE_CONTROL = "public, max-age=300, s-maxage=3600, stale-while-revalidate=60, stale-if-error=0"


def test_a_miss_returns_the_answer_with_its_cache_metadata() -> None:
    response = Api().send(get_event(FIELDS))

    assert response["statusCode"] == 200
    assert response["isBase64Encoded"] is False
    assert json.loads(response["body"]) == {
        "reasoning": ANSWER,
        "query": json.loads(parsed().canonical_json()),
        "cache": {
            "status": "MISS",
            "key": key(),
            "model": "test-model",
            "model_version": "test-model-001",
            "cached_at": "2026-05-17T06:40:00Z",
            "expires_at": "2026-08-15T06:40:00Z",
            "age_seconds": 0,
        },
    }
    headers = response["headers"]
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Cache"] == "MISS"
    assert headers["Cache-Control"] == CACHE_CONTROL
    assert "Age" not in headers


def test_a_hit_returns_the_same_answer_with_its_age() -> None:
    api = Api()
    miss = api.send(get_event(FIELDS))
    api.clock.now += 100

    hit = api.send(get_event(FIELDS))

    assert json.loads(hit["body"])["reasoning"] == ANSWER
    assert json.loads(hit["body"])["cache"]["status"] == "HIT"
    assert json.loads(hit["body"])["cache"]["age_seconds"] == 100
    assert hit["headers"]["X-Cache"] == "HIT"
    assert hit["headers"]["Cache-Control"] == CACHE_CONTROL
    assert hit["headers"]["ETag"] == miss["headers"]["ETag"]


def test_non_ascii_text_is_not_escaped() -> None:
    assert "CO₂" in Api().send(get_event(FIELDS))["body"]


@pytest.mark.parametrize("template", ["{0}", "W/{0}", '"other", {0}', "*", ' "a" , W/{0} '])
def test_a_matching_entity_tag_gets_304_without_a_body(template: str) -> None:
    api = Api()
    tag = api.send(get_event(FIELDS))["headers"]["ETag"]
    api.clock.now += 1

    known = template.format(tag.removeprefix("W/"))
    response = api.send(get_event(FIELDS, {"If-None-Match": known}))

    assert (response["statusCode"], response["body"]) == (304, "")
    assert response["headers"]["ETag"] == tag
    assert response["headers"]["Cache-Control"] == CACHE_CONTROL


@pytest.mark.parametrize("given", ["", '"other"', "W/", "other"])
def test_another_entity_tag_gets_the_answer(given: str) -> None:
    assert Api().send(get_event(FIELDS, {"if-none-match": given}))["statusCode"] == 200


def test_the_entity_tag_is_weak_and_changes_with_the_answer() -> None:
    api = Api()
    before = api.send(get_event(FIELDS))["headers"]["ETag"]
    api.clock.now += 90 * DAY
    after = api.send(get_event(FIELDS))["headers"]["ETag"]
    other = api.send(get_event({**FIELDS, "lat": "1"}))["headers"]["ETag"]

    assert before.startswith('W/"')
    assert before.endswith('"')
    assert len({before, after, other}) == 3


def test_a_conditional_post_is_answered_in_full() -> None:
    api = Api()
    event = post_event(json_body(FIELDS))
    tag = api.send(event)["headers"]["ETag"]

    event["headers"] = {"content-type": "application/json", "if-none-match": tag}
    assert api.send(event)["statusCode"] == 200


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        (3659, "public, max-age=300, s-maxage=3600, stale-while-revalidate=59, stale-if-error=0"),
        (300.9, "public, max-age=300, s-maxage=300, stale-while-revalidate=0, stale-if-error=0"),
        (0.5, "public, max-age=0, s-maxage=0, stale-while-revalidate=0, stale-if-error=0"),
    ],
)
def test_no_cache_keeps_an_answer_beyond_its_expiry(remaining: float, expected: str) -> None:
    api = Api()
    api.send(get_event(FIELDS))
    api.clock.now += 90 * DAY - remaining

    response = api.send(get_event(FIELDS))

    assert response["headers"]["X-Cache"] == "HIT"
    assert response["headers"]["Cache-Control"] == expected


def test_a_stale_answer_must_be_validated() -> None:
    api = Api(UpstreamUnavailableError("scripted", retry_after=1))
    api.cache.entries[KEY] = entry(cached_at=NOW - DAY, expires_at=NOW - 1)

    headers = api.send(get_event(FIELDS))["headers"]

    assert headers["X-Cache"] == "STALE"
    assert (
        headers["Cache-Control"]
        == "public, max-age=0, s-maxage=0, stale-while-revalidate=0, stale-if-error=0"
    )


def test_an_answer_of_another_request_is_coalesced() -> None:
    api = Api()
    api.cache.leases[KEY] = Lease(key=KEY, owner="other", until=1000 * (NOW + 9))
    api.service = api.instance(sleep=lambda _: api.cache.entries.update({KEY: entry()}))

    response = api.send(get_event(FIELDS))

    assert response["headers"]["X-Cache"] == "COALESCED"
    assert json.loads(response["body"])["cache"]["status"] == "COALESCED"


@pytest.mark.parametrize("known", [False, True])
def test_head_has_the_headers_of_get_and_no_body(known: bool) -> None:
    api = Api()
    tag = api.send(get_event(FIELDS))["headers"]["ETag"]
    headers = {"If-None-Match": tag} if known else {}

    get, head = (api.send(event(FIELDS, headers)) for event in (get_event, head_event))

    assert head == {**get, "body": ""}
    assert head["statusCode"] == (304 if known else 200)


def test_head_never_generates_an_answer_and_counts_nothing(log_lines: LogLines) -> None:
    api = Api()
    missing = api.send(head_event(FIELDS))
    api.cache.entries[KEY] = entry(cached_at=NOW - DAY, expires_at=NOW - 1)
    expired = api.send(head_event(FIELDS))
    api.cache.entries[KEY] = entry()
    cached = api.send(head_event(FIELDS))

    assert [r["statusCode"] for r in (missing, expired, cached)] == [404, 404, 200]
    assert (missing["body"], missing["headers"]["Cache-Control"]) == ("", "no-store")
    assert api.model.queries == []
    assert api.cache.leases == {}
    assert not any("_aws" in line for line in log_lines())


def test_head_of_an_invalid_query_or_a_broken_cache_fails_like_get_without_a_body() -> None:
    api = Api()
    api.cache.broken = True

    invalid, unknown = api.send(head_event({})), api.send(head_event(FIELDS))

    assert (invalid["statusCode"], invalid["body"]) == (400, "")
    assert (unknown["statusCode"], unknown["body"]) == (503, "")
    assert "Retry-After" in unknown["headers"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ConfigurationError("set it like this"), 500),
        (UpstreamRejectedError("d"), 502),
        (UpstreamAuthenticationError("d"), 502),
        (UpstreamAnswerError("d"), 502),
        (UpstreamUnavailableError("d", retry_after=7), 503),
        (UpstreamTimeoutError("d", retry_after=7), 503),
        (RuntimeError("unexpected"), 500),
    ],
)
def test_an_error_is_a_problem_document_with_no_store(failure: Exception, status: int) -> None:
    response = Api(failure).send(get_event(FIELDS))

    assert response["statusCode"] == status
    assert response["headers"]["Content-Type"] == "application/problem+json"
    assert response["headers"]["Cache-Control"] == "no-store"
    assert ("Retry-After" in response["headers"]) == (status == 503)
    document = json.loads(response["body"])
    assert document["type"].startswith("/problems/")
    assert document["status"] == status
    assert document["request_id"] == "request-1"
    assert set(document) == {"type", "title", "status", "detail", "request_id"}


def test_an_invalid_request_lists_its_invalid_fields() -> None:
    api = Api()

    response = api.send(get_event({**FIELDS, "lat": "91", "severity": "extreme"}))

    assert response["statusCode"] == 400
    assert json.loads(response["body"])["errors"] == [
        {"field": "lat", "value": "91", "reason": "must be from -90 to 90"},
        {
            "field": "severity",
            "value": "extreme",
            "reason": "must be one of low, medium, high, critical",
        },
    ]
    assert api.model.queries == []


def test_the_reason_of_a_server_error_is_logged_but_not_sent(log_lines: LogLines) -> None:
    response = Api(ConfigurationError("run this command")).send(get_event(FIELDS))

    problem, request = log_lines()
    assert problem["level"] == "ERROR"
    assert problem["reason"] == "run this command"
    assert "run this command" not in response["body"]
    assert (request["event"], request["status"]) == ("request", 500)


def test_an_unexpected_exception_is_logged_with_frames_and_without_its_message(
    log_lines: LogLines,
) -> None:
    response = Api(RuntimeError("the key is 1234")).send(get_event(FIELDS))

    defect, _ = log_lines()
    assert defect["event"] == "defect"
    assert defect["exception"] == "RuntimeError"
    assert "explain" in json.dumps(defect["frames"])
    assert "1234" not in json.dumps(defect) + response["body"]


def test_every_log_line_has_the_request_id_and_no_request_data(log_lines: LogLines) -> None:
    api = Api()
    marker = "must-not-be-logged"
    api.send(post_event(json_body({**FIELDS, "severity": marker})))
    api.send(post_event(f"{{{marker}"))
    api.send(get_event({**FIELDS, marker: marker}, {"authorization": marker, "cookie": marker}))
    api.send(get_event(FIELDS, {"authorization": marker}))

    lines = log_lines()

    assert [line["status"] for line in lines if line["event"] == "request"] == [400, 400, 400, 200]
    assert {line["request_id"] for line in lines} == {"request-1"}
    assert marker not in json.dumps(lines)


def test_every_response_has_the_request_id() -> None:
    api = Api()
    tag = api.send(get_event(FIELDS))["headers"]["ETag"]

    for event in (get_event(FIELDS), get_event(FIELDS, {"if-none-match": tag}), get_event({}), {}):
        assert api.send(event)["headers"]["X-Request-Id"] == "request-1"


@pytest.mark.parametrize(
    ("given", "logged"),
    [
        ("SnRiCj8F7xLzEXAMPLEkyYqbm1Dd==", "SnRiCj8F7xLzEXAMPLEkyYqbm1Dd=="),
        ("a secret set by the client", None),
        ("x" * 101, None),
    ],
)
def test_a_valid_cloudfront_request_id_is_logged(
    log_lines: LogLines, given: str, logged: str | None
) -> None:
    Api().send(get_event(FIELDS, {"X-Amz-Cf-Id": given}))

    assert log_lines()[-1]["edge_request_id"] == logged


def test_client_errors_are_logged_as_info(log_lines: LogLines) -> None:
    Api().send(get_event({}))

    assert {line["level"] for line in log_lines()} == {"INFO"}


def test_missing_variables_fail_the_query_but_not_its_validation(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    for name in ("PARAMETER_PREFIX", "GEMINI_SECRET_ID"):
        monkeypatch.delenv(name, raising=False)

    assert handler(get_event({}), Context())["statusCode"] == 400
    assert handler(get_event(FIELDS), Context())["statusCode"] == 500

    (reason,) = [line["reason"] for line in log_lines() if line.get("kind") == "not-configured"]
    assert "PARAMETER_PREFIX is missing" in str(reason)


def test_problem_types_are_unique() -> None:
    kinds = [subclass.kind for subclass in ApiError.__subclasses__()]

    assert len(kinds) == len(set(kinds))
