"""Instances of the function on a simulated clock, with scripted faults of DynamoDB and Gemini.

Everything but the sockets is real: the connection is replaced by a function that takes simulated
time, executes the request on an in-memory table or a scripted Gemini, and may fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from reasoning.answer import parse_answer
from reasoning.budget import CallBudget
from reasoning.circuit_breaker import CircuitBreaker
from reasoning.connection import (
    Connection,
    TransportError,
    TransportTimeoutError,
)
from reasoning.deadline import Deadline
from reasoning.events import HttpRequest
from reasoning.gemini import Gemini
from reasoning.handler import respond
from reasoning.models import KeySpace, Query
from reasoning.prompt import PROMPT_VERSION
from reasoning.response_parser import Response
from reasoning.responses import LambdaResponse
from reasoning.runtime import Runtime
from reasoning.single_flight import SingleFlight

from testing.questions import (
    ANSWER,
    CREDENTIALS,
    FIELDS,
    VARIABLES,
    Context,
    get_event,
    post_event,
)
from tests.lambda_src.builders import NOW
from tests.lambda_src.fake_table import FakeTable

MODEL = "gemini-3.8-flash"
INVOCATION_SECONDS = 28.0
GEMINI_TIMEOUT_SECONDS = 20
CALLS_PER_DAY = 1000
KEYS = KeySpace(namespace="1", model=MODEL, prompt_version=PROMPT_VERSION, language="en")

_PREFIX = "/co2-analysis/test"
_VARIABLES = {
    **CREDENTIALS,
    **VARIABLES,
    "PARAMETER_PREFIX": _PREFIX,
    "GEMINI_SECRET_ID": "secret",
    "AWS_REGION": "us-east-1",
}


class Simulation:
    """A table, a Gemini, and a clock that they advance.

    `table_fault` and `gemini_fault` get a call that would take effect and return the response, or
    raise instead.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(NOW)
        self.table = FakeTable()
        self.table_fault: Callable[[Call], Response] = ok
        self.gemini_fault: Callable[[Call], Response] = ok
        self.gemini_seconds = 4.0
        self.gemini_budgets: list[float] = []
        self.calls_per_day = CALLS_PER_DAY
        self._patch(monkeypatch)

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        simulation = self

        def request(connection: Connection, *args: Any, **options: Any) -> Response:
            return simulation._request(*args, **options)

        monkeypatch.setattr(Connection, "request", request)
        monkeypatch.setattr("time.monotonic", self.clock)
        monkeypatch.setattr("time.time", self.clock)
        monkeypatch.setattr("time.sleep", self.sleep)
        # Defaults are bound when the modules are imported.
        times = {"sleep": self.sleep, "clock": self.clock}
        for function in (SingleFlight.__init__, Gemini.__init__, CallBudget.__init__):
            monkeypatch.setattr(function, "__kwdefaults__", times)
        monkeypatch.setattr(CircuitBreaker.__init__, "__defaults__", (self.clock,))

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def instance(self) -> Instance:
        return Instance(self)

    def _request(
        self,
        _method: str,
        _path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        deadline: Deadline,
    ) -> Response:
        _, _, operation = headers.get("X-Amz-Target", "").partition(".")
        request = json.loads(body)
        if deadline.remaining() <= 0:
            raise TransportTimeoutError("TimeoutError")
        if operation == "GetParameters":
            return response(200, {"Parameters": self._parameters()})
        if operation == "GetSecretValue":
            return response(200, {"SecretString": "key"})
        call = Call(self, operation, request, deadline)
        if operation:
            return self.table_fault(call)
        self.gemini_budgets.append(deadline.remaining())
        return self.gemini_fault(call)

    def _parameters(self) -> list[dict[str, str]]:
        values = {
            "/storage/dynamodb/cache-table-name": "table",
            "/config/gemini/model": MODEL,
            "/config/gemini/endpoint": "http://127.0.0.1:9",
            "/config/gemini/timeout-seconds": str(GEMINI_TIMEOUT_SECONDS),
            "/config/gemini/calls-per-day": str(self.calls_per_day),
            "/config/gemini/language": "en",
            "/config/cache/ttl-days": "90",
            "/config/cache/namespace": "1",
        }
        return [{"Name": _PREFIX + name, "Value": value} for name, value in values.items()]

    def wrong_items(self) -> list[str]:
        """Return what is wrong in the table: every answer must be valid and belong to its key."""
        wrong = []
        for key, item in self.table.items.items():
            if "reasoning_result" not in item:
                continue
            text, asked = item["reasoning_result"]["S"], item["query_params"]["S"]
            query = Query.parse(HttpRequest.from_event(post_event(asked)).fields())
            if item["cache_key"] != {"S": key} or KEYS.key(query) != key:
                wrong.append(f"under the key of another question: {asked}")
            if parse_answer(text) != text or json.loads(text)["summary"] != asked:
                wrong.append(f"not the answer to {asked}: {text[:80]}")
        return wrong


class Instance:
    """One process of the function."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._runtime = Runtime(_VARIABLES)

    def ask(
        self, fields: Mapping[str, str] | None = None, seconds: float = INVOCATION_SECONDS
    ) -> LambdaResponse:
        """Send a question; fail if the invocation outlives its time or answers another one."""
        asked = {**FIELDS, **(fields or {})}
        started = self._simulation.now
        answer = respond(get_event(asked), Context(int(1000 * seconds)), self._runtime.service)
        assert self._simulation.now - started <= seconds, "the invocation outlived its time"
        if answer["statusCode"] == 200:
            document = json.loads(answer["body"])
            query = Query.parse(HttpRequest.from_event(get_event(asked)).fields())
            assert document["reasoning"]["summary"] == query.canonical_json()
        return answer


class Call:
    """A request on its way to DynamoDB (with an operation) or Gemini (without one)."""

    def __init__(
        self, simulation: Simulation, operation: str, request: dict[str, Any], deadline: Deadline
    ) -> None:
        self._simulation = simulation
        self._operation = operation
        self.request = request
        self._deadline = deadline

    @property
    def purpose(self) -> str:
        """What a request of DynamoDB is for: read, write, lease, release, budget or pause."""
        if self._operation != "UpdateItem":
            return {"GetItem": "read", "PutItem": "write"}[self._operation]
        update = self.request["UpdateExpression"]
        if self.request["Key"]["cache_key"]["S"].startswith("budget#"):
            return "budget" if "calls" in update else "pause"
        return "release" if "REMOVE" in update else "lease"

    def effect(self) -> Response:
        """Execute the request and return the regular response."""
        if self._operation:
            self.take(0.01)
            status, body = self._simulation.table.call(self._operation, self.request)
            return Response(status=status, headers={}, body=body)
        self.take(self._simulation.gemini_seconds)
        return response(200, generated(self.request))

    def take(self, seconds: float) -> None:
        """Let time pass; raise if that is more than the deadline allows."""
        if seconds >= self._deadline.remaining():
            self._simulation.now += self._deadline.remaining()
            raise TransportTimeoutError("TimeoutError")
        self._simulation.now += seconds


def response(status: int, document: object, headers: dict[str, str] | None = None) -> Response:
    return Response(status=status, headers=headers or {}, body=json.dumps(document).encode())


def generated(
    request: dict[str, Any], changes: Mapping[str, object] | None = None, finish: str = "STOP"
) -> object:
    """Return Gemini's response: an answer that names the question."""
    question = request["contents"][0]["parts"][0]["text"].partition("\n")[2]
    text = json.dumps({**ANSWER, "summary": question, **(changes or {})})
    return {
        "candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": finish}],
        "usageMetadata": {"promptTokenCount": 500, "candidatesTokenCount": 300},
        "modelVersion": f"{MODEL}-001",
    }


def ok(call: Call) -> Response:
    return call.effect()


def hang(call: Call) -> Response:
    call.take(1e9)
    raise AssertionError("the deadline ends it")


def hang_after_the_effect(call: Call) -> Response:
    call.effect()
    return hang(call)


def closed(_call: Call) -> Response:
    raise TransportError("ConnectionResetError")


def closed_after_the_effect(call: Call) -> Response:
    call.effect()
    raise TransportError("ConnectionResetError")


def replying(
    status: int, document: object, headers: dict[str, str] | None = None
) -> Callable[[Call], Response]:
    def fault(call: Call) -> Response:
        call.take(0.01)
        return response(status, document, headers)

    return fault


def garbled_after_the_effect(call: Call) -> Response:
    call.effect()
    return Response(status=200, headers={}, body=b"<html>")


def nested_too_deeply(call: Call) -> Response:
    call.effect()
    return Response(status=200, headers={}, body=b"[" * 100_000)
