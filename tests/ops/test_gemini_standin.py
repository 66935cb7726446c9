"""The stand-in answers as Gemini does, with what the schema asks for."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import fastjsonschema
import pytest
from reasoning.answer import parse_answer
from reasoning.prompt import ANSWER_SCHEMA

from ops.local.gemini_standin import HEALTH_PATH, Server
from ops.local.schema_answers import TEXT, UnsupportedSchemaError, answer

GENERATE = "/v1beta/models/gemini-x:generateContent"
ASKED: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}


@pytest.mark.parametrize(
    "schema",
    [
        ANSWER_SCHEMA,
        {},
        {"type": "string"},
        {"type": "string", "minLength": 200},
        {"type": "string", "maxLength": 5},
        {"type": "string", "enum": ["b", "a"]},
        {"const": 3},
        {"type": "integer", "minimum": 2, "maximum": 2},
        {"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 4},
        {"type": "integer", "minimum": 0.5, "maximum": 1.2},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 0.1},
        {"type": "number", "minimum": 7},
        {"type": "number", "maximum": -7},
        {"type": "boolean"},
        {"type": ["null", "string"]},
        {"type": "null"},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
        {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/leaf"}},
            "required": ["next"],
            "$defs": {"leaf": {"type": "string"}},
        },
    ],
)
def test_answers_satisfy_json_schemas(schema: dict[str, Any]) -> None:
    fastjsonschema.validate(schema, answer(schema))


def test_answers_satisfy_geminis_own_dialect() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "text": {"type": "STRING", "nullable": True},
            "day": {"type": "STRING", "format": "date"},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": 4}},
            "sure": {"type": "BOOLEAN"},
        },
        "required": ["text"],
        "propertyOrdering": ["text", "list"],
    }
    made = answer(schema)
    assert made == {"text": f"{TEXT} (text)", "day": "2026-01-01", "list": [5], "sure": False}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a+$"},
        {"type": "colour"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"type": "object", "required": ["a"]},
        {"type": "integer", "minimum": 0.2, "maximum": 0.8},
    ],
)
def test_says_what_it_cannot_make_up(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedSchemaError):
        answer(schema)


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
    config = {"responseMimeType": "application/json", "responseJsonSchema": ANSWER_SCHEMA}
    status, document = _post(connection, {**ASKED, "generationConfig": config})
    assert status == 200
    assert document["modelVersion"] == "gemini-x"
    candidate = document["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert candidate["content"]["role"] == "model"
    text = candidate["content"]["parts"][0]["text"]
    assert parse_answer(text)
    assert "not Gemini" in json.loads(text)["summary"]
    usage = document["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]


def test_without_a_schema_it_answers_with_text(connection: http.client.HTTPConnection) -> None:
    _, document = _post(connection, ASKED)
    assert document["candidates"][0]["content"]["parts"] == [{"text": TEXT}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"{",
        {**ASKED, "generationConfig": {"responseSchema": {"type": "COLOUR"}}},
    ],
)
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
    status, document = _post(connection, ASKED, key=None)
    assert (status, document["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_refuses_other_methods(connection: http.client.HTTPConnection) -> None:
    status, document = _post(connection, ASKED, "/v1beta/models/gemini-x:countTokens")
    assert (status, document["error"]["status"]) == (404, "NOT_FOUND")


def test_health_and_one_connection_for_many_requests(
    connection: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    connection.request("GET", HEALTH_PATH)
    assert json.loads(connection.getresponse().read()) == {"stand_in": "gemini"}
    assert _post(connection, ASKED, f"{GENERATE}?key=secret", "another-secret")[0] == 200
    connection.request("GET", "/elsewhere")
    assert connection.getresponse().status == 404
    logged = capsys.readouterr().err
    assert f"POST {GENERATE} 200" in logged
    assert "secret" not in logged
