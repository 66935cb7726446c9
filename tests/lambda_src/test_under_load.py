"""Load tests: concurrent requests, injected failures and mutated events."""

from __future__ import annotations

import random

import pytest

from testing.emulator import Emulator
from testing.load import Function, Throttle, Upstream, mixed, serving, simultaneous, wrong_items
from testing.questions import FIELDS, get_event, post_event
from tests.lambda_src.builders import Api, json_body

pytestmark = pytest.mark.integration


def test_a_hundred_concurrent_misses_cost_one_call(emulator: Emulator) -> None:
    # Long in comparison with what a hundred threads need beside the other tests.
    upstream = Upstream(seconds=3.0)
    with serving(upstream) as gemini:
        function = Function(emulator, gemini=gemini)
        load = simultaneous(function, 100)

    assert upstream.calls == 1
    assert load.statuses == {200: 100}
    assert set(load.caches) <= {"MISS", "COALESCED", "HIT"}
    assert load.caches["MISS"] == 1
    assert load.caches["COALESCED"] > load.caches["HIT"], "few requests were concurrent"
    assert len({response["headers"]["ETag"] for response in load.responses}) == 1
    # A generous bound: `make bench` measures the latency.
    assert max(load.seconds) < 2 * upstream.seconds
    assert wrong_items(function) == []


def test_a_thousand_requests_with_injected_failures(emulator: Emulator) -> None:
    upstream = Upstream(seconds=0.01, failing=0.5)
    throttle = Throttle(emulator.ports.emulator, share=0.2)
    with serving(upstream) as gemini, serving(throttle) as endpoint:
        function = Function(emulator, gemini=gemini, endpoint=endpoint)
        load = mixed(function, 1000)

    assert throttle.refused > 100, "the table was not throttled"
    assert set(load.statuses) == {200, 400, 502, 503}
    for response in load.responses:
        if response["statusCode"] >= 400:
            assert response["headers"]["Cache-Control"] == "no-store"
        if response["statusCode"] == 503:
            assert int(response["headers"]["Retry-After"]) >= 1
    assert wrong_items(function) == []
    assert load.caches["HIT"] > 100


UNUSUAL: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "x",
    "\ud800",
    "é" * 50,
    "%",
    "&&=",
    "9" * 400,
    [],
    [1],
    {},
    {"a": 1},
)
BASES = (
    get_event(FIELDS),
    get_event(FIELDS, {"if-none-match": "*", "accept-encoding": "gzip", "origin": "https://a.org"}),
    post_event(json_body(FIELDS)),
    post_event(json_body(FIELDS).encode()),
    # With the fields that API Gateway adds to a function URL's event.
    get_event(FIELDS)
    | {
        "routeKey": "GET /api/reasoning",
        "cookies": ["a=b"],
        "queryStringParameters": dict(FIELDS),
        "pathParameters": {"proxy": "reasoning"},
        "stageVariables": {"v": "1"},
    },
)


def mutated(chance: random.Random, value: object, depth: int = 0) -> object:
    """Return the value with one mutation, mostly of a nested value."""
    if isinstance(value, dict) and value and (depth == 0 or chance.random() < 0.7):
        name = chance.choice(list(value))
        changed = dict(value)
        if chance.random() < 0.1:
            del changed[name]
        else:
            changed[name] = mutated(chance, value[name], depth + 1)
        return changed
    if isinstance(value, str) and value and chance.random() < 0.7:
        start = chance.randrange(len(value))
        end = min(len(value), start + chance.choice((0, 1, 1, 2, 9)))
        piece = chance.choice(
            ("", "%", "&", "=", '"', "{", "[" * 200, "\\ud800", "-", "1e999", "\0", "0")
        )
        return value[:start] + piece + value[end:]
    return chance.choice(UNUSUAL)


def test_twenty_thousand_mutated_events_are_no_internal_error() -> None:
    chance = random.Random(20_000)
    api = Api()
    statuses: dict[int, int] = {}
    for _ in range(20_000):
        event: object = chance.choice(BASES)
        for _ in range(chance.choice((1, 1, 2, 4))):
            event = mutated(chance, event)
        response = api.send(event)
        response["body"].encode()
        statuses[response["statusCode"]] = statuses.get(response["statusCode"], 0) + 1

    assert set(statuses) == {200, 304, 400, 404, 405, 415}
    assert statuses[200] > 1000, "too few mutated events are valid"
