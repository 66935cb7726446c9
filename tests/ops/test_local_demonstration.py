"""The key and the question, with a small server as the emulator."""

import datetime
import http.server
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from ops.common.errors import OperatorError
from ops.common.local_address import Key
from ops.local.demonstration import DEMONSTRATION_KEY, ask, curl, ensure_key, question
from ops.local.services.ports import Ports

URL = "https://abc.lambda-url.us-east-1.on.aws/"
KEY = Key.new()
LOG_GROUP = "/aws/lambda/f"
NOON = datetime.datetime(2026, 5, 14, 12, tzinfo=datetime.UTC)


class _Emulator(http.server.ThreadingHTTPServer):
    """Responds with ``answers``, by method or target, and records the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def ports(self) -> Ports:
        return Ports(self.server_port)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Emulator

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        target = headers.get("x-amz-target", "GET").rpartition(".")[2]
        status, document = self.server.answers[target]
        self.send_response(status)
        self.send_header("X-Cache", "MISS")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def emulator() -> Iterator[_Emulator]:
    with _Emulator() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_no_two_questions_are_the_same() -> None:
    steps = (0, 1, 99, 100, 99_999, 100_000, 40_000_000)
    moments = [NOON + datetime.timedelta(milliseconds=step) for step in steps]
    asked = [question(moment) for moment in moments]
    # One decimal is what the function distinguishes.
    numbers = {
        tuple(round(float(one[n]), 1) for n in ("co2", "deviation", "zscore")) for one in asked
    }
    assert len(numbers) == len(steps)
    assert asked[0]["date"] == "2026-05-14"
    last = question(NOON.replace(hour=23, minute=59, second=59, microsecond=999_999))
    assert (last["co2"], last["deviation"], last["zscore"]) == ("439.9", "99.9", "86.3")


@pytest.mark.parametrize(
    "without_value",
    [(400, {"__type": "ResourceNotFoundException"}), (200, {"Name": "s", "SecretString": ""})],
)
def test_a_secret_without_value_gets_one(
    emulator: _Emulator, without_value: tuple[int, Any]
) -> None:
    emulator.answers = {"GetSecretValue": without_value, "PutSecretValue": (200, {})}
    assert ensure_key(emulator.ports, KEY, "the-secret")
    body = json.loads(emulator.requests[-1][3])
    assert body == {"SecretId": "the-secret", "SecretString": DEMONSTRATION_KEY}


def test_a_value_is_never_replaced(emulator: _Emulator) -> None:
    emulator.answers = {"GetSecretValue": (200, {"SecretString": "the user's own"})}
    assert not ensure_key(emulator.ports, KEY, "the-secret")
    assert len(emulator.requests) == 1


def test_a_secret_that_cannot_be_read_or_written(emulator: _Emulator) -> None:
    emulator.answers = {"GetSecretValue": (500, {"__type": "InternalServiceError"})}
    with pytest.raises(OperatorError, match="reading the Gemini secret: HTTP 500"):
        ensure_key(emulator.ports, KEY, "the-secret")
    missing = (400, {"__type": "ResourceNotFoundException"})
    emulator.answers = {"GetSecretValue": missing, "PutSecretValue": missing}
    with pytest.raises(OperatorError, match="writing the Gemini secret: HTTP 400"):
        ensure_key(emulator.ports, KEY, "the-secret")


def test_the_question_is_signed_and_has_the_urls_host(emulator: _Emulator) -> None:
    document = {"reasoning": {"summary": "A plume. " * 50}}
    emulator.answers = {"GET": (200, document)}
    answer = ask(emulator.ports, KEY, URL, question(NOON), LOG_GROUP)
    assert answer.cache == "MISS"
    assert answer.milliseconds > 0
    assert answer.text.startswith("A plume.")
    assert answer.text.endswith("…")
    _, path, headers, _ = emulator.requests[0]
    assert path.startswith("/api/reasoning?lat=-3.4653&")
    assert headers["host"] == "abc.lambda-url.us-east-1.on.aws"
    scope = headers["authorization"].split("Credential=")[1].split(",")[0]
    assert scope.startswith(f"{KEY.id}/")
    assert scope.endswith("/us-east-1/lambda/aws4_request")


def test_a_failing_function_is_shown_with_its_log(emulator: _Emulator) -> None:
    events = [{"message": text} for text in ("START 1", "first", "no secret", "REPORT 1")]
    emulator.answers = {
        "GET": (HTTPStatus.INTERNAL_SERVER_ERROR, {"title": "Internal Server Error"}),
        "FilterLogEvents": (200, {"events": events}),
    }
    with pytest.raises(OperatorError) as error:
        ask(emulator.ports, KEY, URL, question(NOON), LOG_GROUP)
    assert "HTTP 500" in str(error.value)
    assert "  first\n  no secret" in str(error.value)
    assert "START" not in str(error.value)


def test_a_stopped_emulator() -> None:
    with pytest.raises(OperatorError, match="does not answer"):
        ask(Ports(1), KEY, URL, question(NOON), LOG_GROUP)


def test_the_curl_command() -> None:
    # Some releases of curl sign the parameters in the given order; AWS requires the sorted one.
    line = curl(Ports(4600), ".local/aws/curl", URL, {"lon": "2", "lat": "1"})
    assert line.startswith("curl --config .local/aws/curl ")
    assert "-H 'Host: abc.lambda-url.us-east-1.on.aws'" in line
    assert "'http://127.0.0.1:4600/api/reasoning?lat=1&lon=2'" in line
