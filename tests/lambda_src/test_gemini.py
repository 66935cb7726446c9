"""The Gemini client over real HTTP: answers, errors, retries, deadlines and the API key."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoning import metrics
from reasoning.aws import SECRETS_MANAGER
from reasoning.connection import Origin
from reasoning.deadline import Deadline
from reasoning.errors import (
    ApiError,
    BudgetExhaustedError,
    ConfigurationError,
    NotAskedError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamStatusError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.gemini import Gemini
from reasoning.prompt import ANSWER_SCHEMA
from reasoning.response_parser import MAX_BODY_BYTES, Response
from reasoning.secret import ApiKey

from testing.questions import ANSWER
from tests.lambda_src import fake_gemini as gemini
from tests.lambda_src.builders import NOW, LogLines, RecordingBudget, aws_client, query
from tests.lambda_src.scripted_server import (
    Behaviour,
    ScriptedServer,
    close,
    hang,
    reply,
    reply_bytes,
    reply_then_close,
)

KEY = "key-that-must-stay-secret"
SERVER_ERROR, OVERLOADED = gemini.status(500), gemini.status(503)
TRANSIENT = (SERVER_ERROR, OVERLOADED, close)
ROTATED_KEY = "rotated-key-that-must-stay-secret"


@pytest.fixture
def secrets(aws_server: ScriptedServer) -> ScriptedServer:
    aws_server.default = reply(200, {"SecretString": KEY})
    return aws_server


def api_key_of(url: str) -> ApiKey:
    return ApiKey(aws_client(SECRETS_MANAGER, url), "co2-analysis-dev-gemini-api-key")


def client(
    gemini: ScriptedServer,
    secrets: ScriptedServer,
    budget: RecordingBudget,
    timeout_seconds: float = 5,
) -> Gemini:
    return Gemini(
        endpoint=Origin.parse(gemini.url),
        model="gemini-3.8-flash",
        language="pt-BR",
        timeout_seconds=timeout_seconds,
        api_key=api_key_of(secrets.url),
        budget=budget,
        clock=lambda: NOW,
        sleep=lambda _seconds: None,
    )


@pytest.fixture
def budget() -> RecordingBudget:
    return RecordingBudget()


@pytest.fixture
def model(
    gemini_server: ScriptedServer, secrets: ScriptedServer, budget: RecordingBudget
) -> Gemini:
    return client(gemini_server, secrets, budget)


@pytest.fixture
def hurried(
    gemini_server: ScriptedServer, secrets: ScriptedServer, budget: RecordingBudget
) -> Gemini:
    """A client that needs half a second for a call."""
    return client(gemini_server, secrets, budget, timeout_seconds=1)


def test_the_answer_is_returned(model: Gemini, soon: Deadline) -> None:
    answer = model.explain(query(), soon)

    assert json.loads(answer.reasoning_json) == ANSWER
    assert answer.model_version == gemini.MODEL_VERSION


@pytest.mark.parametrize("version", [None, 5, "", "x" * 101, "\ud800", "a b"])
def test_an_invalid_model_version_is_replaced_by_the_model(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, version: object
) -> None:
    candidate = {"content": {"parts": [{"text": json.dumps(ANSWER)}]}, "finishReason": "STOP"}
    gemini_server.will(reply(200, {"candidates": [candidate], "modelVersion": version}))

    assert model.explain(query(), soon).model_version == "gemini-3.8-flash"


def test_the_request_is_generate_content_with_the_schema(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline
) -> None:
    model.explain(query(), soon)

    (request,) = gemini_server.requests
    assert request.path == "/v1beta/models/gemini-3.8-flash:generateContent"
    assert request.headers["x-goog-api-key"] == KEY
    assert KEY not in request.path + request.body.decode()
    body = json.loads(request.body)
    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert body["generationConfig"]["responseJsonSchema"] == ANSWER_SCHEMA
    # Thoughts count against the tokens of the output.
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "low"}
    assert body["generationConfig"]["maxOutputTokens"] > 4000
    assert "BCP 47 tag pt-BR." in body["systemInstruction"]["parts"][0]["text"]
    assert query().canonical_json() in body["contents"][0]["parts"][0]["text"]


def test_the_key_is_reused_but_no_connection(
    model: Gemini, gemini_server: ScriptedServer, secrets: ScriptedServer, soon: Deadline
) -> None:
    for _ in range(3):
        model.explain(query(), soon)

    assert (len(secrets.requests), gemini_server.connections) == (1, 3)


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
        (gemini.status(404), UpstreamStatusError),
        (SERVER_ERROR, UpstreamStatusError),
        (gemini.status(429), UpstreamUnavailableError),
        (OVERLOADED, UpstreamUnavailableError),
        (close, UpstreamUnavailableError),
        (reply_bytes(200, b"<html>"), UpstreamAnswerError),
        (reply_bytes(200, b" " * (MAX_BODY_BYTES + 1)), UpstreamAnswerError),
        (lambda exchange: exchange.drip(b"not HTTP\r\n\r\n", 0), UpstreamAnswerError),
        (reply_bytes(200, b"[" * 100_000), UpstreamAnswerError),
        (reply(200, []), UpstreamAnswerError),
        (reply(200, {}), UpstreamAnswerError),
        (reply(200, {"candidates": []}), UpstreamAnswerError),
        (reply(200, {"candidates": [{"finishReason": "STOP"}]}), UpstreamAnswerError),
    ],
)
def test_each_failure_has_its_error(
    model: Gemini,
    gemini_server: ScriptedServer,
    soon: Deadline,
    behaviour: Behaviour,
    expected: type[ApiError],
) -> None:
    gemini_server.default = behaviour

    with pytest.raises(expected) as raised:
        model.explain(query(), soon)
    assert type(raised.value) is expected
    assert len(gemini_server.requests) == (2 if behaviour in TRANSIENT else 1)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_transient_error_is_retried(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, code: int
) -> None:
    gemini_server.will(gemini.status(code))

    assert json.loads(model.explain(query(), soon).reasoning_json) == ANSWER


@pytest.mark.parametrize(
    "behaviour",
    [gemini.status(503, {"Retry-After": "1"}), gemini.status(503, retry_delay="1s")],
    ids=["Retry-After", "RetryInfo"],
)
def test_a_server_that_asks_for_a_pause_is_not_called_again(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, behaviour: Behaviour
) -> None:
    gemini_server.default = behaviour

    with pytest.raises(UpstreamUnavailableError):
        model.explain(query(), soon)
    assert len(gemini_server.requests) == 1


@pytest.mark.parametrize("behaviour", [gemini.status(503), close], ids=["503", "closed"])
def test_a_retry_needs_time(
    hurried: Gemini, gemini_server: ScriptedServer, soon: Deadline, behaviour: Behaviour
) -> None:
    gemini_server.default = gemini.slowly(0.6, behaviour)

    with pytest.raises(UpstreamUnavailableError):
        hurried.explain(query(), soon)
    assert len(gemini_server.requests) == 1


def test_a_call_with_too_little_time_is_not_made(
    model: Gemini, gemini_server: ScriptedServer
) -> None:
    for attempt in (model.check, lambda deadline: model.explain(query(), deadline)):
        with pytest.raises(NotAskedError) as raised:
            attempt(Deadline.after(1.9))
        assert raised.value.retry_after == 1
    assert gemini_server.requests == []


def test_every_request_is_admitted_by_the_budget(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, budget: RecordingBudget
) -> None:
    gemini_server.will(SERVER_ERROR, gemini.status(401), SERVER_ERROR)
    model.explain(query(), soon)

    assert (budget.admitted, len(gemini_server.requests)) == (4, 4)


def test_nothing_is_sent_without_a_budget(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, budget: RecordingBudget
) -> None:
    budget.refusal = BudgetExhaustedError(retry_after=60)

    for attempt in (model.check, lambda deadline: model.explain(query(), deadline)):
        with pytest.raises(BudgetExhaustedError):
            attempt(soon)
    assert gemini_server.requests == []


def test_tokens_are_counted_also_of_an_answer_that_is_rejected(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline
) -> None:
    metrics.begin()
    model.explain(query(), soon)
    gemini_server.will(gemini.finished_by("MAX_TOKENS"))
    with pytest.raises(UpstreamAnswerError):
        model.explain(query(), soon)

    counted = metrics.emf_members("f")
    assert {name: counted[name] for name in ("TokensIn", "TokensOut", "TokensThought")} == {
        "TokensIn": 1400,
        "TokensOut": 600,
        "TokensThought": 400,
    }


@pytest.mark.parametrize(
    "usage", [None, [], {"promptTokenCount": -1}, {"promptTokenCount": 1e999}, {}]
)
def test_an_invalid_usage_is_not_counted(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, usage: object
) -> None:
    metrics.begin()
    gemini_server.will(reply(200, {"usageMetadata": usage}))
    with pytest.raises(UpstreamAnswerError):
        model.explain(query(), soon)

    assert metrics.emf_members("f") == {}


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
        json.dumps({**ANSWER, "summary": "x" * 2001}),
        json.dumps({**ANSWER, "distinguishing_evidence": "x" * 3001}),
        json.dumps({**ANSWER, "causes": []}),
        json.dumps({**ANSWER, "confidence": 1.5}),
        json.dumps({**ANSWER, "confidence": True}),
        json.dumps({**ANSWER, "confidence": float("nan")}),
        json.dumps({**ANSWER, "confidence": 0}).replace(": 0}", ": 1e999}"),
        json.dumps({**ANSWER, "confidence": 0}).replace(": 0}", f": {'9' * 5000}}}"),
    ],
)
def test_an_answer_that_violates_the_schema_is_rejected(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, text: str
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
        (gemini.status(503, {"Retry-After": "9" * 15}), 3600),
        (gemini.status(503, {"Retry-After": "7, 90,8"}), 90),
        (gemini.status(503, {"Retry-After": f"{formatdate(NOW + 90, usegmt=True)}, 7"}), 90),
        (gemini.status(429, retry_delay=" 38s\t"), 38),
        (gemini.status(503, {"Retry-After": formatdate(NOW + 90, usegmt=True)}), 90),
        (gemini.status(503, {"Retry-After": formatdate(NOW - 90, usegmt=True)}), 30),
        (gemini.status(503, {"Retry-After": "Wed, 32 Oct 9999 07:28:00 GMT"}), 30),
        (gemini.status(503, {"Retry-After": "-5"}), 30),
        (gemini.status(429, retry_delay="38s"), 38),
        (gemini.status(429, retry_delay="38.2s"), 39),
        (gemini.status(429, {"Retry-After": "50"}, retry_delay="38s"), 50),
        (gemini.status(429, retry_delay="9" * 400 + "s"), 30),
        (gemini.status(429, retry_delay={"seconds": 38}), 30),
        (gemini.status(503), 30),
    ],
)
def test_overload_has_a_bounded_retry_after_and_pauses_all_if_asked_to(
    model: Gemini,
    gemini_server: ScriptedServer,
    soon: Deadline,
    *,
    budget: RecordingBudget,
    behaviour: Behaviour,
    seconds: int,
) -> None:
    gemini_server.default = behaviour

    with pytest.raises(UpstreamUnavailableError) as raised:
        model.explain(query(), soon)
    assert raised.value.headers == {"Retry-After": str(seconds)}
    assert budget.pauses == ([] if seconds == 30 else [seconds])


@given(text=st.text(max_size=40))
def test_no_retry_after_is_an_exception(text: str) -> None:
    model = Gemini(
        endpoint=Origin.parse("http://127.0.0.1:1"),
        model="gemini-3.8-flash",
        language="en",
        timeout_seconds=1,
        api_key=api_key_of("http://127.0.0.1:1"),
        budget=RecordingBudget(),
    )
    given_text = Response(status=503, headers={"retry-after": text}, body=b"")

    assert 0 <= model._pause_seconds(given_text) <= 3600


@pytest.mark.parametrize(
    "behaviour",
    [hang, gemini.drip_answer(), gemini.drip_headers()],
    ids=["hang", "drip", "drip headers"],
)
def test_the_deadline_bounds_slow_responses(
    hurried: Gemini, gemini_server: ScriptedServer, behaviour: Behaviour
) -> None:
    gemini_server.will(behaviour)
    started = time.monotonic()

    with pytest.raises(UpstreamTimeoutError):
        hurried.explain(query(), Deadline.after(0.8))

    assert time.monotonic() - started < 1.3


def test_the_configured_timeout_applies_if_it_is_shorter(
    hurried: Gemini, gemini_server: ScriptedServer, soon: Deadline
) -> None:
    gemini_server.will(gemini.drip_answer())
    started = time.monotonic()

    with pytest.raises(UpstreamTimeoutError):
        hurried.explain(query(), soon)
    assert time.monotonic() - started < 1.5


KEY_REJECTIONS = pytest.mark.parametrize(
    "rejection", [gemini.status(401), gemini.status(403), gemini.unknown_key()]
)


@KEY_REJECTIONS
def test_a_rotated_key_is_refetched_once(
    model: Gemini,
    gemini_server: ScriptedServer,
    secrets: ScriptedServer,
    soon: Deadline,
    rejection: Behaviour,
) -> None:
    model.explain(query(), soon)
    secrets.default = reply(200, {"SecretString": ROTATED_KEY})
    gemini_server.will(rejection)
    gemini_server.default = gemini.reject_keys_except(gemini_server, ROTATED_KEY)

    for _ in range(2):
        assert json.loads(model.explain(query(), soon).reasoning_json) == ANSWER
    assert len(secrets.requests) == 2


@KEY_REJECTIONS
def test_a_key_that_stays_rejected_is_refetched_only_once(
    model: Gemini,
    gemini_server: ScriptedServer,
    secrets: ScriptedServer,
    soon: Deadline,
    rejection: Behaviour,
) -> None:
    gemini_server.default = rejection

    with pytest.raises(UpstreamAuthenticationError):
        model.explain(query(), soon)
    assert (len(gemini_server.requests), len(secrets.requests)) == (2, 2)


@pytest.mark.parametrize(
    "invalid",
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
def test_a_secret_without_a_valid_value_names_the_command_that_sets_it(
    model: Gemini,
    gemini_server: ScriptedServer,
    secrets: ScriptedServer,
    soon: Deadline,
    invalid: Behaviour,
) -> None:
    secrets.will(invalid)

    with pytest.raises(ConfigurationError) as raised:
        model.explain(query(), soon)

    command = "aws secretsmanager put-secret-value --secret-id co2-analysis-dev-gemini-api-key"
    assert command in raised.value.reason
    assert gemini_server.requests == []
    # The error is not cached: once the value is set, the next request succeeds.
    assert json.loads(model.explain(query(), soon).reasoning_json) == ANSWER


def test_a_trailing_newline_in_the_secret_is_stripped(
    model: Gemini, gemini_server: ScriptedServer, secrets: ScriptedServer, soon: Deadline
) -> None:
    secrets.default = reply(200, {"SecretString": f"{KEY}\n"})

    model.explain(query(), soon)
    assert gemini_server.requests[0].headers["x-goog-api-key"] == KEY


def test_unavailable_secrets_are_temporary(
    model: Gemini, secrets: ScriptedServer, soon: Deadline
) -> None:
    secrets.default = reply(500, {})

    with pytest.raises(UpstreamUnavailableError):
        model.explain(query(), soon)


def test_a_connection_closed_while_idle_is_reopened(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline
) -> None:
    gemini_server.will(reply_then_close(429, {}))
    with pytest.raises(UpstreamUnavailableError):
        model.explain(query(), soon)
    time.sleep(0.05)

    assert json.loads(model.explain(query(), soon).reasoning_json) == ANSWER


@pytest.mark.parametrize("word", ["SAFE\n", "x", "A" * 41, KEY, ""])
def test_only_names_of_enums_are_reasons(
    model: Gemini, gemini_server: ScriptedServer, soon: Deadline, word: str
) -> None:
    blocked = reply(200, {"promptFeedback": {"blockReason": word}})
    for behaviour in (gemini.finished_by(word), blocked):
        gemini_server.will(behaviour)
        with pytest.raises((UpstreamAnswerError, UpstreamRejectedError)) as raised:
            model.explain(query(), soon)
        assert raised.value.reason.rpartition(" ")[2] in {"", "unknown"}


def test_no_error_contains_the_key(
    model: Gemini, gemini_server: ScriptedServer, log_lines: LogLines, soon: Deadline
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
