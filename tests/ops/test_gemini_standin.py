"""The stand-in responds as Gemini does, with an answer that the function accepts."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import fastjsonschema
import pytest
from reasoning.answer import parse_answer
from reasoning.prompt import ANSWER_SCHEMA

from ops.local.services.gemini import ANSWER, HEALTH_PATH, Server

GENERATE = "/v1beta/models/gemini-x:generateContent"
REQUEST: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}


def test_the_answer_satisfies_the_functions_schema() -> None:
    fastjsonschema.validate(dict(ANSWER_SCHEMA), ANSWER)


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    with Server(0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        yield connection
        connection.close()
        server.shutdown()
        thread.join()


def _post(
    connection: http.client.HTTPConnection,
    body: Any,
    path: str = GENERATE,
    key: str | None = "a-key",
) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-goog-api-key": key} if key else {}
    connection.request("POST", path, body=content, headers=headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_the_function_accepts_the_answer(connection: http.client.HTTPConnection) -> None:
    status, document = _post(connection, REQUEST)
    assert status == 200
    assert document["modelVersion"] == "gemini-x"
    candidate = document["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert candidate["content"]["role"] == "model"
    text = candidate["content"]["parts"][0]["text"]
    assert "not Gemini" in json.loads(parse_answer(text))["summary"]


@pytest.mark.parametrize("body", [{}, [], b"{", {"contents": []}])
def test_refuses_requests_as_gemini_does(connection: http.client.HTTPConnection, body: Any) -> None:
    status, document = _post(connection, body)
    assert status == 400
    assert document["error"]["code"] == 400
    assert document["error"]["status"] == "INVALID_ARGUMENT"


def test_refuses_a_body_that_is_too_large_without_reading_it(
    connection: http.client.HTTPConnection,
) -> None:
    connection.request("POST", GENERATE, headers={"Content-Length": "1000001"})
    response = connection.getresponse()
    assert response.status == 400
    assert response.read()
    assert response.isclosed()


def test_refuses_a_missing_key(connection: http.client.HTTPConnection) -> None:
    status, document = _post(connection, REQUEST, key=None)
    assert (status, document["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_refuses_other_methods(connection: http.client.HTTPConnection) -> None:
    status, document = _post(connection, REQUEST, "/v1beta/models/gemini-x:countTokens")
    assert (status, document["error"]["status"]) == (404, "NOT_FOUND")


def test_health_and_several_requests_on_one_connection(
    connection: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    connection.request("GET", HEALTH_PATH)
    assert json.loads(connection.getresponse().read()) == {"stand_in": "gemini"}
    assert _post(connection, REQUEST, f"{GENERATE}?key=secret", "another-secret")[0] == 200
    connection.request("GET", "/elsewhere")
    assert connection.getresponse().status == 404
    logged = capsys.readouterr().err
    assert f"POST {GENERATE} 200" in logged
    assert "secret" not in logged
