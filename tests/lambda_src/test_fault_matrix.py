"""Faults of DynamoDB times faults of Gemini, on a simulated clock.

Whatever fails: no wrong item, no uncaught exception, no invocation that outlives its time, no call
of Gemini that cannot be answered in time, and an answer once the fault is over.
"""

from __future__ import annotations

import email.utils
import itertools
import json
from collections.abc import Callable, Iterator

import pytest
from reasoning.response_parser import Response

from tests.lambda_src.builders import NOW, LogLines, query
from tests.lambda_src.simulation import (
    INVOCATION_SECONDS,
    KEYS,
    Call,
    Instance,
    Simulation,
    closed,
    closed_after_the_effect,
    garbled_after_the_effect,
    generated,
    hang,
    hang_after_the_effect,
    nested_too_deeply,
    ok,
    replying,
    response,
)

Fault = Callable[[Call], Response]

RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.2s"}
UNKNOWN_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
TABLE_FAULTS: dict[str, Fault] = {
    "throttled": replying(400, {"__type": "ProvisionedThroughputExceededException"}),
    "refused": replying(400, {"__type": "AccessDeniedException"}),
    "internal error": replying(500, {}),
    "empty reply": replying(200, {}),
    "not JSON": garbled_after_the_effect,
    "nested": nested_too_deeply,
    "hang": hang,
    "reply lost": hang_after_the_effect,
    "closed": closed,
    "closed after the effect": closed_after_the_effect,
}
PURPOSES = ("read", "lease", "budget", "write", "release", "pause")


def generating(finish: str = "STOP", **changes: object) -> Fault:
    def fault(call: Call) -> Response:
        call.take(4)
        return response(200, generated(call.request, changes, finish))

    return fault


def slow(call: Call) -> Response:
    call.take(15)
    return call.effect()


GEMINI_FAULTS: dict[str, Fault] = {
    "none": ok,
    "slow": slow,
    "429": replying(429, {}),
    "429 RetryInfo": replying(429, {"error": {"details": [RETRY_INFO]}}),
    "503": replying(503, {}),
    "503 Retry-After": replying(503, {}, {"retry-after": "40"}),
    "503 date": replying(503, {}, {"retry-after": email.utils.formatdate(NOW + 60, usegmt=True)}),
    "500": replying(500, {}),
    "404": replying(404, {}),
    "400": replying(400, {}),
    "unknown key": replying(400, {"error": {"details": [UNKNOWN_KEY]}}),
    "401": replying(401, {}),
    "403": replying(403, {}),
    "blocked": replying(200, {"promptFeedback": {"blockReason": "SAFETY"}}),
    "SAFETY": generating(finish="SAFETY"),
    "MAX_TOKENS": generating(finish="MAX_TOKENS"),
    "schema": generating(confidence=7),
    "too long": generating(distinguishing_evidence="x" * 3001),
    "surrogate": generating(distinguishing_evidence="\ud800"),
    "no candidate": replying(200, {}),
    "not an object": replying(200, []),
    "not JSON": garbled_after_the_effect,
    "nested": nested_too_deeply,
    "hang": hang,
    "closed": closed,
}


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    return Simulation(monkeypatch)


class TableFault:
    """A fault of the requests for one purpose, the first `times` of them."""

    def __init__(self, purpose: str, fault: Fault, times: int) -> None:
        self._purpose = purpose
        self._fault = fault
        self._left = times

    def __call__(self, call: Call) -> Response:
        if call.purpose != self._purpose or self._left == 0:
            return call.effect()
        self._left -= 1
        return self._fault(call)


def answer(instance: Instance, seconds: float = INVOCATION_SECONDS) -> str:
    """Return the cache status of an answer, "" for a documented error."""
    given = instance.ask(seconds=seconds)
    assert given["statusCode"] in {200, 502, 503}, given["body"]
    if given["statusCode"] == 503:
        assert 1 <= int(given["headers"]["Retry-After"]) <= 3600
    return given["headers"].get("X-Cache", "")


def run(simulation: Simulation, seconds: float = INVOCATION_SECONDS) -> list[str]:
    """Ask from two instances, again after half a minute, and once more when the faults are over."""
    one, other = simulation.instance(), simulation.instance()
    statuses = [answer(one, seconds), answer(other, seconds)]
    simulation.now += 30
    statuses.append(answer(one, seconds))
    simulation.table_fault = simulation.gemini_fault = ok
    simulation.now += 200
    assert answer(other) in {"HIT", "MISS", "COALESCED"}, "the fault outlives its cause"
    assert simulation.wrong_items() == []
    # Not a whole second: the simulation counts in floating-point numbers.
    assert min(simulation.gemini_budgets) > 1.999, "a call that can hardly be answered"
    return statuses


def table_faults(*times: int) -> Iterator[tuple[str, Fault, int]]:
    """Yield each fault of each purpose that often; three times outlast the client's retries."""
    yield from itertools.product(PURPOSES, TABLE_FAULTS.values(), times)


@pytest.mark.parametrize(
    "gemini",
    # The unit tests take every ninth fault of Gemini, and `make full` all of them.
    [
        pytest.param(fault, marks=() if number % 9 == 0 else pytest.mark.slow)
        for number, fault in enumerate(GEMINI_FAULTS)
    ],
)
def test_faults_of_the_table_and_of_gemini(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, gemini: str
) -> None:
    for purpose, fault, times in table_faults(1, 3, 1000):
        with monkeypatch.context() as patch:
            simulation = Simulation(patch)
            simulation.gemini_fault = GEMINI_FAULTS[gemini]
            simulation.table_fault = TableFault(purpose, fault, times)
            run(simulation)
        events = {line["event"] for line in log_lines()}
        assert "defect" not in events, (purpose, fault, times)


@pytest.mark.parametrize(
    "seconds", [2.4, *(pytest.param(time, marks=pytest.mark.slow) for time in (1.0, 3.0, 5.0))]
)
@pytest.mark.parametrize("gemini", ["none", "slow", "503", "401"])
def test_faults_with_little_time_left(
    monkeypatch: pytest.MonkeyPatch, gemini: str, seconds: float
) -> None:
    for purpose, fault, times in table_faults(1, 1000):
        with monkeypatch.context() as patch:
            simulation = Simulation(patch)
            simulation.gemini_fault = GEMINI_FAULTS[gemini]
            simulation.table_fault = TableFault(purpose, fault, times)
            run(simulation, seconds)


@pytest.mark.parametrize("fault", ["reply lost", "closed after the effect", "not JSON"])
def test_a_lost_reply_to_the_lease_costs_one_call(simulation: Simulation, fault: str) -> None:
    simulation.table_fault = TableFault("lease", TABLE_FAULTS[fault], 1)

    assert run(simulation) == ["MISS", "HIT", "HIT"], "the lease fenced its own answer"
    assert len(simulation.gemini_budgets) == 1


@pytest.mark.parametrize(
    "lease",
    [
        {"lease_owner": {"S": "dead"}},
        {"lease_owner": {"S": "dead"}, "lease_until": {"S": "x"}},
        {"lease_owner": {"S": "dead"}, "lease_until": {"N": "-1"}},
        {"lease_owner": {"S": "dead"}, "lease_until": {"N": str(1000 * (NOW + 3600))}},
        {"lease_owner": {"S": "dead"}, "lease_until": {"N": "9" * 13}},
        {"lease_until": {"N": str(1000 * (NOW + 3600))}},
        {"failure_owner": {"S": "x"}, "failure_kind": {"S": "upstream-answer"}}
        | {"failure_until": {"N": str(NOW + 86_400)}},
    ],
    ids=range(7),
)
def test_an_invalid_lease_or_failure_blocks_nobody(
    simulation: Simulation, lease: dict[str, dict[str, str]]
) -> None:
    key = default_key()
    simulation.table.items[key] = {"cache_key": {"S": key}, "ttl": {"N": str(NOW + 60)}, **lease}
    started = simulation.now

    assert answer(simulation.instance()) == "MISS"
    assert simulation.now - started < simulation.gemini_seconds + 1


def test_a_lease_without_an_owner_is_waited_for_without_a_busy_loop(
    simulation: Simulation,
) -> None:
    key = default_key()
    until = {"N": str(1000 * (NOW + 10))}
    for owner in ({}, {"lease_owner": {"N": "5"}}):
        reads = 0

        def counting(call: Call) -> Response:
            nonlocal reads
            reads += 1
            return call.effect()

        simulation.table.items[key] = {"cache_key": {"S": key}, "lease_until": until, **owner}
        simulation.table_fault = counting
        simulation.now = float(NOW)

        assert answer(simulation.instance()) == "MISS"
        assert reads < 60


def default_key() -> str:
    return KEYS.key(query())


@pytest.mark.parametrize("field", ["cache_key", "query_params"])
def test_an_item_of_another_question_is_no_hit(simulation: Simulation, field: str) -> None:
    """As when a connection gives the reply to the previous question."""
    simulation.instance().ask()
    simulation.instance().ask({"lat": "1"})
    mine, other = (one for one in simulation.table.items.values() if "reasoning_result" in one)

    def mixed_up(call: Call) -> Response:
        call.take(0.01)
        return response(
            200, {"Item": {**other, "cache_key": mine["cache_key"], field: other[field]}}
        )

    simulation.table_fault = TableFault("read", mixed_up, 1)

    # The answer of this question is found by the consistent read that follows.
    assert answer(simulation.instance()) == "COALESCED"
    assert len(simulation.gemini_budgets) == 2
    assert simulation.wrong_items() == []


def test_throttled_reads_do_not_turn_a_cached_answer_into_calls(simulation: Simulation) -> None:
    simulation.instance().ask()
    simulation.table_fault = TableFault("read", TABLE_FAULTS["throttled"], 1_000_000)

    statuses = {answer(simulation.instance()) for _ in range(20)}
    assert (statuses, len(simulation.gemini_budgets)) == ({""}, 1)
    assert answer(simulation.instance(), seconds=5) == ""
    simulation.table_fault = ok
    assert answer(simulation.instance()) == "HIT"


def test_throttled_reads_leave_a_new_question_its_answer(simulation: Simulation) -> None:
    simulation.table_fault = TableFault("read", TABLE_FAULTS["throttled"], 1_000_000)

    assert answer(simulation.instance()) == "MISS"


def expire(simulation: Simulation) -> None:
    """Let every answer expire."""
    for item in simulation.table.items.values():
        if "reasoning_result" in item:
            item["ttl"] = {"N": str(int(simulation.now))}


@pytest.mark.parametrize("purpose", ["read", "lease"])
@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_a_stale_answer_is_served_within_five_seconds_while_another_generates(
    simulation: Simulation, fault: str, purpose: str
) -> None:
    simulation.instance().ask()
    expire(simulation)
    (item,) = (one for one in simulation.table.items.values() if "reasoning_result" in one)
    item["lease_owner"] = {"S": "other"}
    item["lease_until"] = {"N": str(int(1000 * (simulation.now + 20)))}
    follower = simulation.instance()
    reads = 0

    def later(call: Call) -> Response:
        nonlocal reads
        reads += call.purpose == purpose
        # The first read finds the stale answer.
        hit = call.purpose == purpose and reads > (purpose == "read")
        return TABLE_FAULTS[fault](call) if hit else call.effect()

    simulation.table_fault = later
    started = simulation.now

    assert answer(follower) == "STALE"
    assert simulation.now - started <= 5
    assert len(simulation.gemini_budgets) == 1


@pytest.mark.parametrize("gemini", ["429", "403", "MAX_TOKENS", "hang", "blocked"])
def test_a_stale_answer_is_served_if_gemini_fails(simulation: Simulation, gemini: str) -> None:
    simulation.instance().ask()
    expire(simulation)
    simulation.gemini_fault = GEMINI_FAULTS[gemini]

    assert answer(simulation.instance()) == "STALE"


def test_a_stale_answer_is_served_within_five_seconds_by_its_leader_and_then_at_once(
    simulation: Simulation,
) -> None:
    simulation.instance().ask()
    expire(simulation)
    simulation.gemini_fault = hang
    for calls, seconds in ((2, 5.1), (2, 0.1), (2, 0.1)):
        started = simulation.now
        assert answer(simulation.instance()) == "STALE"
        assert simulation.now - started <= seconds
        assert len(simulation.gemini_budgets) == calls

    simulation.gemini_fault = ok
    simulation.now += 61
    assert answer(simulation.instance()) == "MISS"


@pytest.mark.parametrize("gemini", ["429 RetryInfo", "503 Retry-After", "503 date"])
def test_a_pause_is_shared_by_all_instances(simulation: Simulation, gemini: str) -> None:
    simulation.gemini_fault = GEMINI_FAULTS[gemini]
    for lat in range(20):
        given = simulation.instance().ask({"lat": str(lat)})
        assert given["statusCode"] == 503
        assert 30 <= int(given["headers"]["Retry-After"]) <= 60
    assert len(simulation.gemini_budgets) == 1

    simulation.gemini_fault = ok
    simulation.now += 61
    assert simulation.instance().ask()["statusCode"] == 200


@pytest.mark.parametrize("gemini", ["MAX_TOKENS", "schema", "not JSON", "no candidate", "too long"])
def test_an_invalid_answer_is_negatively_cached(simulation: Simulation, gemini: str) -> None:
    simulation.gemini_fault = GEMINI_FAULTS[gemini]
    for _ in range(5):
        assert simulation.instance().ask()["statusCode"] == 502
    assert len(simulation.gemini_budgets) == 1

    simulation.now += 61
    simulation.instance().ask()
    assert len(simulation.gemini_budgets) == 2


@pytest.mark.parametrize("gemini", ["401", "403", "unknown key"])
def test_a_rejected_key_opens_the_breaker(simulation: Simulation, gemini: str) -> None:
    instance = simulation.instance()
    simulation.gemini_fault = GEMINI_FAULTS[gemini]
    statuses = [instance.ask({"lat": str(lat)})["statusCode"] for lat in range(3)]

    assert statuses == [502, 503, 503]
    # With the key and with the refetched one.
    assert len(simulation.gemini_budgets) == 2


def test_a_timeout_of_a_short_invocation_does_not_open_the_breaker(simulation: Simulation) -> None:
    instance = simulation.instance()
    simulation.gemini_fault = hang
    for lat in range(6):
        assert instance.ask({"lat": str(lat)}, seconds=5)["statusCode"] == 503
    assert len(simulation.gemini_budgets) == 6, "the breaker opened"

    for lat in range(6, 12):
        instance.ask({"lat": str(lat)})
    assert len(simulation.gemini_budgets) == 11, "the breaker did not open"


def test_the_time_for_releasing_a_lease_is_reserved(simulation: Simulation) -> None:
    simulation.gemini_fault = hang

    assert simulation.instance().ask()["statusCode"] == 503
    (item,) = (one for key, one in simulation.table.items.items() if key == default_key())
    assert "lease_owner" not in item
    assert item["failure_kind"] == {"S": "upstream-timeout"}


def test_the_daily_budget_bounds_the_calls_of_all_instances(simulation: Simulation) -> None:
    simulation.calls_per_day = 7
    statuses = [simulation.instance().ask({"lat": str(lat)})["statusCode"] for lat in range(12)]

    assert statuses == [200] * 7 + [503] * 5
    assert len(simulation.gemini_budgets) == 7
    simulation.now += 86_400
    assert simulation.instance().ask({"lat": "11"})["statusCode"] == 200


def test_retries_are_counted(simulation: Simulation) -> None:
    simulation.calls_per_day = 3
    simulation.gemini_fault = GEMINI_FAULTS["500"]
    for lat in range(4):
        simulation.instance().ask({"lat": str(lat)})

    assert len(simulation.gemini_budgets) == 3


def test_a_used_up_budget_serves_stale_answers(simulation: Simulation) -> None:
    simulation.calls_per_day = 1
    simulation.instance().ask()
    expire(simulation)

    assert answer(simulation.instance()) == "STALE"
    problem = json.loads(simulation.instance().ask({"lat": "1"})["body"])
    assert problem["type"] == "/problems/budget-exhausted"


def test_no_call_at_all_with_a_budget_of_zero(simulation: Simulation) -> None:
    simulation.calls_per_day = 0

    assert simulation.instance().ask()["statusCode"] == 503
    assert simulation.gemini_budgets == []


@pytest.mark.parametrize(
    ("fault", "calls"), [("throttled", 0), ("refused", 1), ("hang", 1), ("closed", 1)]
)
def test_without_the_table_a_process_makes_one_call_and_none_if_throttled(
    simulation: Simulation, fault: str, calls: int
) -> None:
    simulation.calls_per_day = 300
    simulation.table_fault = TABLE_FAULTS[fault]
    instance = simulation.instance()
    statuses = [instance.ask({"lat": str(lat)})["statusCode"] for lat in range(5)]

    assert statuses == [200] * calls + [503] * (5 - calls)


def test_a_thousand_spellings_of_one_place_cost_few_calls(simulation: Simulation) -> None:
    instance = simulation.instance()
    for step in range(1000):
        # A tenth of a millimetre apart.
        assert instance.ask({"lat": f"{35.6762 + step * 1e-9:.9f}"})["statusCode"] == 200

    assert len(simulation.gemini_budgets) == 1
