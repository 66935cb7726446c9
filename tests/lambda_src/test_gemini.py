"""Gemini over real HTTP: every way it can answer, fail, or refuse to end."""

from __future__ import annotations

import json
import time

import pytest
from reasoning.aws import SECRETS_MANAGER, AwsClient
from reasoning.connection import Origin
from reasoning.deadline import Deadline
from reasoning.errors import (
    ApiError,
    ConfigurationError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.gemini import Gemini
from reasoning.prompt import ANSWER_SCHEMA
from reasoning.secret import ApiKey

from testing.questions import ANSWER, CREDENTIALS
from tests.lambda_src import fake_gemini as gemini
from tests.lambda_src.builders import LogLines, query
from tests.lambda_src.fake_gemini import FakeGemini
from tests.lambda_src.scripted_server import (
    Behaviour,
    ScriptedServer,
    close,
    reply,
    reply_bytes,
    reply_then_close,
)

KEY = "key-that-must-stay-secret"
SERVER_ERROR, OVERLOADED = gemini.status(500), gemini.status(503)
PASSING = (SERVER_ERROR, OVERLOADED, close)
ROTATED_KEY = "rotated-key-that-must-stay-secret"


@pytest.fixture
def secrets(aws_server: ScriptedServer) -> ScriptedServer:
    aws_server.default = reply(200, {"SecretString": KEY})
    return aws_server


def api_key(secrets: ScriptedServer) -> ApiKey:
    client = AwsClient(
        SECRETS_MANAGER,
        region="us-east-1",
        endpoint=Origin.parse(secrets.url),
        environment=CREDENTIALS,
    )
    return ApiKey(client, "co2-analysis-dev-gemini-api-key")


@pytest.fixture
def model(gemini_server: FakeGemini, secrets: ScriptedServer) -> Gemini:
    return Gemini(
        endpoint=Origin.parse(gemini_server.url),
        model="gemini-3.8-flash",
        timeout_seconds=5,
        api_key=api_key(secrets),
        pause=lambda _seconds: None,
    )


def test_the_answer_is_returned(model: Gemini, soon: Deadline) -> None:
    assert json.loads(model.explain(query(), soon)) == ANSWER


def test_the_request_is_generate_content_with_the_schema(
    model: Gemini, gemini_server: FakeGemini, soon: Deadline
) -> None:
    model.explain(query(), soon)

    (request,) = gemini_server.requests
    assert request.path == "/v1beta/models/gemini-3.8-flash:generateContent"
    assert request.headers["x-goog-api-key"] == KEY
    assert KEY not in request.path + request.body.decode()
    body = json.loads(request.body)
    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert body["generationConfig"]["responseJsonSchema"] == ANSWER_SCHEMA
    assert query().canonical_json() in body["contents"][0]["parts"][0]["text"]


def test_key_and_connection_are_kept(
    model: Gemini, gemini_server: FakeGemini, secrets: ScriptedServer, soon: Deadline
) -> None:
    for _ in range(3):
        model.explain(query(), soon)

    assert (len(secrets.requests), gemini_server.connections) == (1, 1)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (gemini.status(400), UpstreamRejectedError),
        (reply_bytes(400, b"<html>"), UpstreamRejectedError),
        (reply(400, {"error": {"details": [None, {"reason": []}]}}), UpstreamRejectedError),
        (gemini.blocked_prompt(), UpstreamRejectedError),
        (gemini.finished_by("SAFETY"), UpstreamRejectedError),
        (gemini.finished_by("RECITATION"), UpstreamRejectedError),
        (gemini.finished_by("MAX_TOKENS"), UpstreamAnswerError),
        (gemini.finished_by("OTHER"), UpstreamAnswerError),
        (gemini.finished_by(None), UpstreamAnswerError),
        (gemini.finished_by({}), UpstreamAnswerError),
        (gemini.status(404), UpstreamAnswerError),
        (SERVER_ERROR, UpstreamAnswerError),
        (gemini.status(429), UpstreamUnavailableError),
        (OVERLOADED, UpstreamUnavailableError),
        (close, UpstreamUnavailableError),
        (reply_bytes(200, b"<html>"), UpstreamAnswerError),
        (reply_bytes(200, b"[" * 100_000), UpstreamAnswerError),
        (reply(200, []), UpstreamAnswerError),
        (reply(200, {}), UpstreamAnswerError),
        (reply(200, {"candidates": []}), UpstreamAnswerError),
        (reply(200, {"candidates": [{"finishReason": "STOP"}]}), UpstreamAnswerError),
    ],
)
def test_failures_have_types(
    model: Gemini,
    gemini_server: FakeGemini,
    soon: Deadline,
    behaviour: Behaviour,
    expected: type[ApiError],
) -> None:
    gemini_server.default = behaviour

    with pytest.raises(expected) as raised:
        model.explain(query(), soon)
    assert type(raised.value) is expected
    assert len(gemini_server.requests) == (2 if behaviour in PASSING else 1)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_passing_trouble_is_survived(
    model: Gemini, gemini_server: FakeGemini, soon: Deadline, code: int
) -> None:
    gemini_server.will(gemini.status(code))

    assert json.loads(model.explain(query(), soon)) == ANSWER


@pytest.mark.parametrize(
    ("behaviour", "seconds"),
    [(gemini.status(503, {"Retry-After": "1"}), 5), (gemini.status(503), 1.5), (close, 1.5)],
    ids=["the server names a time", "too little is left", "too little is left"],
)
def test_another_attempt_that_cannot_help_is_not_made(
    model: Gemini, gemini_server: FakeGemini, behaviour: Behaviour, seconds: float
) -> None:
    gemini_server.default = behaviour

    with pytest.raises(UpstreamUnavailableError):
        model.explain(query(), Deadline.after(seconds))
    assert len(gemini_server.requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        json.dumps(ANSWER)[:-1],
        json.dumps(ANSWER) + "x",
        "[]",
        "null",
        json.dumps({**ANSWER, "extra": 1}),
        json.dumps({"summary": "only"}),
        json.dumps({**ANSWER, "summary": 5}),
        json.dumps({**ANSWER, "summary": "  "}),
        json.dumps({**ANSWER, "summary": "\ud800"}),
        json.dumps({**ANSWER, "causes": []}),
        json.dumps({**ANSWER, "confidence": 1.5}),
        json.dumps({**ANSWER, "confidence": True}),
        json.dumps({**ANSWER, "confidence": float("nan")}),
        json.dumps({**ANSWER, "confidence": 0}).replace(": 0}", ": 1e999}"),
        json.dumps({**ANSWER, "confidence": 0}).replace(": 0}", f": {'9' * 5000}}}"),
    ],
)
def test_an_answer_that_breaks_the_schema_is_refused(
    model: Gemini, gemini_server: FakeGemini, soon: Deadline, text: str
) -> None:
    gemini_server.will(gemini.saying(text))

    with pytest.raises(UpstreamAnswerError):
        model.explain(query(), soon)


@pytest.mark.parametrize(
    ("behaviour", "seconds"),
    [
        (gemini.status(429, {"Retry-After": "7"}), 7),
        (gemini.status(503, {"Retry-After": "7"}), 7),
        (gemini.status(503, {"Retry-After": "0"}), 30),
        (gemini.status(503, {"Retry-After": "86400"}), 3600),
        (gemini.status(503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), 30),
        (gemini.status(503), 30),
    ],
)
def test_overload_tells_when_to_come_back(
    model: Gemini, gemini_server: FakeGemini, soon: Deadline, behaviour: Behaviour, seconds: int
) -> None:
    gemini_server.default = behaviour

    with pytest.raises(UpstreamUnavailableError) as raised:
        model.explain(query(), soon)
    assert raised.value.headers == {"Retry-After": str(seconds)}


@pytest.mark.parametrize(
    "behaviour",
    [gemini.hang, gemini.drip_answer(), gemini.drip_headers()],
    ids=["hang", "drip", "drip headers"],
)
def test_the_deadline_holds_against_every_kind_of_slowness(
    model: Gemini, gemini_server: FakeGemini, behaviour: Behaviour
) -> None:
    gemini_server.will(behaviour)
    started = time.monotonic()

    with pytest.raises(UpstreamTimeoutError):
        model.explain(query(), Deadline.after(0.2))

    assert time.monotonic() - started < 0.7


def test_the_configured_timeout_holds_if_it_is_the_shorter_one(
    gemini_server: FakeGemini, secrets: ScriptedServer, soon: Deadline
) -> None:
    gemini_server.will(gemini.drip_answer())
    hasty = Gemini(
        endpoint=Origin.parse(gemini_server.url),
        model="m",
        timeout_seconds=0.2,
        api_key=api_key(secrets),
    )
    started = time.monotonic()

    with pytest.raises(UpstreamTimeoutError):
        hasty.explain(query(), soon)
    assert time.monotonic() - started < 0.7


KEY_REFUSALS = pytest.mark.parametrize(
    "refusal", [gemini.status(401), gemini.status(403), gemini.unknown_key()]
)


@KEY_REFUSALS
def test_a_rotated_key_is_fetched_once(
    model: Gemini,
    gemini_server: FakeGemini,
    secrets: ScriptedServer,
    soon: Deadline,
    refusal: Behaviour,
) -> None:
    model.explain(query(), soon)
    secrets.default = reply(200, {"SecretString": ROTATED_KEY})
    gemini_server.will(refusal)
    gemini_server.default = gemini.refuse_keys_except(gemini_server, ROTATED_KEY)

    assert json.loads(model.explain(query(), soon)) == ANSWER
    assert json.loads(model.explain(query(), soon)) == ANSWER
    assert len(secrets.requests) == 2


@KEY_REFUSALS
def test_a_key_that_stays_refused_is_not_asked_for_again_and_again(
    model: Gemini,
    gemini_server: FakeGemini,
    secrets: ScriptedServer,
    soon: Deadline,
    refusal: Behaviour,
) -> None:
    gemini_server.default = refusal

    with pytest.raises(UpstreamAuthenticationError):
        model.explain(query(), soon)
    assert (len(gemini_server.requests), len(secrets.requests)) == (2, 2)


@pytest.mark.parametrize(
    "no_value",
    [
        reply(400, {"__type": "ResourceNotFoundException"}),
        reply(400, {"__type": "AccessDeniedException"}),
        reply(200, {}),
        reply(200, {"SecretString": ""}),
        reply(200, {"SecretString": " \n"}),
        reply(200, {"SecretString": "two\nlines"}),
        reply(200, {"SecretString": "clé"}),
    ],
)
def test_a_secret_without_a_usable_value_says_how_to_set_it(
    model: Gemini,
    gemini_server: FakeGemini,
    secrets: ScriptedServer,
    soon: Deadline,
    no_value: Behaviour,
) -> None:
    secrets.will(no_value)

    with pytest.raises(ConfigurationError) as raised:
        model.explain(query(), soon)

    command = "aws secretsmanager put-secret-value --secret-id co2-analysis-dev-gemini-api-key"
    assert command in raised.value.reason
    assert gemini_server.requests == []
    # Nothing is remembered: once the value is there, the next request succeeds.
    assert json.loads(model.explain(query(), soon)) == ANSWER


def test_a_key_file_may_end_with_a_newline(
    model: Gemini, gemini_server: FakeGemini, secrets: ScriptedServer, soon: Deadline
) -> None:
    secrets.default = reply(200, {"SecretString": f"{KEY}\n"})

    model.explain(query(), soon)
    assert gemini_server.requests[0].headers["x-goog-api-key"] == KEY


def test_unreachable_secrets_are_temporary(
    model: Gemini, secrets: ScriptedServer, soon: Deadline
) -> None:
    secrets.default = reply(500, {})

    with pytest.raises(UpstreamUnavailableError):
        model.explain(query(), soon)


def test_a_connection_that_idled_out_is_reopened(
    model: Gemini, gemini_server: FakeGemini, soon: Deadline
) -> None:
    gemini_server.will(reply_then_close(429, {}))
    with pytest.raises(UpstreamUnavailableError):
        model.explain(query(), soon)
    time.sleep(0.05)

    assert json.loads(model.explain(query(), soon)) == ANSWER


def test_no_failure_reveals_the_key(
    model: Gemini, gemini_server: FakeGemini, log_lines: LogLines, soon: Deadline
) -> None:
    echo = reply(400, {"error": {"message": f"API key {KEY} not valid"}})
    for behaviour in (echo, gemini.status(401), gemini.status(503), close):
        gemini_server.will(*[behaviour] * 4)
        with pytest.raises(ApiError) as raised:
            model.explain(query(), soon)
        error = raised.value
        assert KEY not in f"{error} {error!r} {error.detail} {error.reason}"
        gemini_server.script.clear()
    assert KEY not in json.dumps(log_lines())
    assert KEY not in repr(vars(model))
