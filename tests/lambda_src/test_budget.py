"""The daily budget of calls to Gemini and the pauses that Gemini asks for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping

import pytest
from reasoning import metrics
from reasoning.aws import (
    THROTTLING_CODES,
    AwsClient,
    AwsError,
    AwsRejectedError,
    AwsUnavailableError,
)
from reasoning.budget import CallBudget
from reasoning.deadline import Deadline
from reasoning.errors import BudgetExhaustedError, NotAskedError

from tests.lambda_src.builders import DAY, NOW, Clock
from tests.lambda_src.fake_table import FakeTable, Item

TODAY = "budget#2026-05-17"
MIDNIGHT = (NOW // DAY + 1) * DAY


class TableClient(AwsClient):
    """A client of an in-memory table that raises `failure` or returns `result` if it is set."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.calls = 0
        self.failure: AwsError | None = None
        self.result: dict[str, object] | None = None
        self.returns_items = True

    def call(
        self, operation: str, payload: Mapping[str, object], _deadline: Deadline
    ) -> dict[str, object]:
        self.calls += 1
        if self.failure:
            raise self.failure
        if self.result is not None:
            return self.result
        status, body = self.table.call(operation, payload)
        document: dict[str, object] = json.loads(body)
        if status == 200:
            return document
        code = str(document["__type"]).rpartition("#")[2]
        item = document.get("Item")
        returned = item if isinstance(item, dict) and self.returns_items else None
        raise AwsRejectedError("dynamodb", operation, code, returned)


class Instances:
    """Instances of the function with one table and one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.client = TableClient()

    def budget(self, limit: int = 3) -> CallBudget:
        return CallBudget(self.client, "table", limit, clock=self.clock)

    @property
    def items(self) -> dict[str, Item]:
        return self.client.table.items


@pytest.fixture
def instances() -> Instances:
    return Instances()


def used() -> object:
    return metrics.emf_members("f").get("GeminiBudgetUsed")


def test_calls_are_counted_in_one_item_a_day(instances: Instances, soon: Deadline) -> None:
    for _ in range(2):
        instances.budget().admit(soon)

    assert instances.items == {
        TODAY: {
            "cache_key": {"S": TODAY},
            "calls": {"N": "2"},
            "ttl": {"N": str(NOW + 2 * DAY)},
        }
    }


def test_the_last_call_of_the_day_is_the_limit(instances: Instances, soon: Deadline) -> None:
    for _ in range(3):
        instances.budget().admit(soon)

    with pytest.raises(BudgetExhaustedError) as raised:
        instances.budget().admit(soon)
    assert instances.items[TODAY]["calls"] == {"N": "3"}
    # Operators may raise the limit any time, so nobody is sent away for longer than an hour.
    assert raised.value.retry_after == 3600
    instances.clock.now = MIDNIGHT - 90.5
    with pytest.raises(BudgetExhaustedError) as raised:
        instances.budget().admit(soon)
    assert raised.value.retry_after == 91


def test_midnight_is_a_new_budget(instances: Instances, soon: Deadline) -> None:
    instances.clock.now = MIDNIGHT - 0.5
    budget = instances.budget(1)
    budget.admit(soon)
    with pytest.raises(BudgetExhaustedError):
        budget.admit(soon)
    instances.clock.now = float(MIDNIGHT)

    budget.admit(soon)
    assert set(instances.items) == {TODAY, "budget#2026-05-18"}


def test_an_instance_asks_the_table_again_after_a_minute(
    instances: Instances, soon: Deadline
) -> None:
    budget = instances.budget(1)
    budget.admit(soon)
    for _ in range(10):
        with pytest.raises(BudgetExhaustedError):
            budget.admit(soon)
    assert instances.client.calls == 2

    # An operator deletes the item.
    instances.items.clear()
    instances.clock.now += 60
    budget.admit(soon)


def test_the_share_that_is_used_is_a_metric(instances: Instances, soon: Deadline) -> None:
    found = []
    for _ in range(4):
        metrics.begin()
        with contextlib.suppress(BudgetExhaustedError):
            instances.budget().admit(soon)
        found.append(used())

    # Rounded down: 100 is the last call, and every refusal after it keeps the alarm on.
    assert found == [33, 66, 100, 100]


def test_a_budget_of_zero_refuses_without_table_and_metric(
    instances: Instances, soon: Deadline
) -> None:
    metrics.begin()
    for attempt in (instances.budget(0).check, lambda: instances.budget(0).admit(soon)):
        with pytest.raises(BudgetExhaustedError):
            attempt()

    assert (instances.client.calls, used()) == (0, None)


def test_a_pause_is_shared(instances: Instances, soon: Deadline) -> None:
    paused, other = instances.budget(), instances.budget()
    paused.pause(40, soon)

    for budget in (paused, other):
        with pytest.raises(NotAskedError) as raised:
            budget.admit(soon)
        assert raised.value.retry_after == 40
    assert "calls" not in instances.items[TODAY]

    instances.clock.now += 40
    paused.admit(soon)
    other.admit(soon)
    assert instances.items[TODAY]["calls"] == {"N": "2"}


def test_a_shorter_pause_does_not_end_a_longer_one(instances: Instances, soon: Deadline) -> None:
    instances.budget().pause(100, soon)
    instances.budget().pause(10, soon)

    assert instances.items[TODAY]["pause_until"] == {"N": str(NOW + 100)}
    instances.budget().pause(5000, soon)
    assert instances.items[TODAY]["pause_until"] == {"N": str(NOW + 3600)}


def test_a_pause_lasts_beyond_midnight(instances: Instances, soon: Deadline) -> None:
    instances.clock.now = MIDNIGHT - 5.5
    instances.budget().pause(60, soon)
    instances.clock.now = float(MIDNIGHT)

    with pytest.raises(NotAskedError):
        instances.budget().admit(soon)


@pytest.mark.parametrize(
    "until", [{"S": "x"}, {"N": "-5"}, {"N": str(NOW + 3601)}, {"N": "9" * 13}, {"N": str(NOW)}]
)
def test_an_invalid_pause_is_none(
    instances: Instances, soon: Deadline, until: dict[str, str]
) -> None:
    instances.items[TODAY] = {"cache_key": {"S": TODAY}, "pause_until": until}

    instances.budget().admit(soon)


FAILURES = [
    AwsUnavailableError("dynamodb", "UpdateItem", "TransportTimeoutError"),
    AwsRejectedError("dynamodb", "UpdateItem", "AccessDeniedException"),
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("limit", [1, 1000])
def test_a_failing_table_allows_one_call_a_day_for_each_process(
    instances: Instances, soon: Deadline, failure: AwsError, limit: int
) -> None:
    instances.client.failure = failure
    budget = instances.budget(limit)
    budget.admit(soon)

    for _ in range(3):
        with pytest.raises(NotAskedError):
            budget.admit(soon)
    instances.clock.now = float(MIDNIGHT)
    budget.admit(soon)


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"Attributes": None},
        {"Attributes": {}},
        {"Attributes": {"calls": {"N": "0"}}},
        {"Attributes": {"calls": {"N": "-1"}}},
        {"Attributes": {"calls": {"S": "1"}}},
    ],
)
def test_a_reply_without_the_number_of_calls_admits_none(
    instances: Instances, soon: Deadline, result: dict[str, object]
) -> None:
    instances.client.result = result
    budget = instances.budget(1000)
    budget.admit(soon)  # the uncounted one

    with pytest.raises(NotAskedError):
        budget.admit(soon)


@pytest.mark.parametrize("code", sorted(THROTTLING_CODES))
def test_a_throttled_table_allows_no_call(instances: Instances, soon: Deadline, code: str) -> None:
    """Otherwise load alone would lift the limit, once for each process."""
    instances.client.failure = AwsUnavailableError("dynamodb", "UpdateItem", code)

    with pytest.raises(NotAskedError):
        instances.budget(1000).admit(soon)


@pytest.mark.parametrize("calls", [2, 3])
def test_a_failing_table_allows_no_call_once_the_budget_was_seen_used_up(
    instances: Instances, soon: Deadline, calls: int
) -> None:
    instances.items[TODAY] = {"cache_key": {"S": TODAY}, "calls": {"N": str(calls)}}
    budget = instances.budget()
    with contextlib.suppress(BudgetExhaustedError):
        budget.admit(soon)
    instances.clock.now += 60
    instances.client.failure = FAILURES[0]

    with pytest.raises(NotAskedError):
        budget.admit(soon)
    instances.clock.now = float(MIDNIGHT)
    budget.admit(soon)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_pause_that_cannot_be_written_holds_for_its_process(
    instances: Instances, soon: Deadline, failure: AwsError
) -> None:
    instances.client.failure = failure
    budget = instances.budget()
    budget.pause(40, soon)

    with pytest.raises(NotAskedError):
        budget.check()


@pytest.mark.parametrize("calls", [{"S": "x"}, {"N": "9" * 20}])
def test_a_damaged_item_raises_the_alarm(
    instances: Instances, soon: Deadline, calls: dict[str, str]
) -> None:
    instances.items[TODAY] = {"cache_key": {"S": TODAY}, "calls": calls}
    metrics.begin()

    with pytest.raises(NotAskedError):
        instances.budget(1).admit(soon)
    assert used() == 100


def test_without_the_item_a_refusal_has_no_reason(instances: Instances, soon: Deadline) -> None:
    instances.client.returns_items = False
    instances.budget(1).admit(soon)

    with pytest.raises(NotAskedError) as raised:
        instances.budget(1).admit(soon)
    assert raised.value.retry_after == 30
