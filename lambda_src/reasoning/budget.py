"""The budget of calls to Gemini for each UTC day, shared by all instances through the cache table.

One item for each day has the number of calls, and until when Gemini asked not to be called. One
UpdateItem admits a call: it counts the call unless the budget is used up or a pause is in force.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from reasoning import log, metrics
from reasoning.aws import THROTTLING_CODES, AwsClient, AwsError, AwsUnavailableError
from reasoning.deadline import Deadline
from reasoning.errors import BudgetExhaustedError, NotAskedError
from reasoning.metrics import Metric
from reasoning.models import SECONDS_A_DAY, utc_text
from reasoning.store import CONDITION_FAILED, number_attribute

BUDGET_KEY_PREFIX = "budget#"
MAX_PAUSE_SECONDS = 3600

_KEEP_DAYS = 2
# How long an instance refuses calls without asking the table again: operators may raise the limit.
_REFUSE_SECONDS = 60
_RETRY_AFTER_SECONDS = 30
# False for a missing or invalid pause_until, and for one that is later than any pause can end.
_PAUSED = "pause_until BETWEEN :soonest AND :latest"


class CallBudget:
    """Admits up to `calls_per_day` calls each UTC day, none during a pause."""

    def __init__(
        self,
        dynamodb: AwsClient,
        table_name: str,
        calls_per_day: int,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._limit = calls_per_day
        self._clock = clock
        self._exhausted_until = 0.0
        self._paused_until = 0.0
        # No uncounted call before this time.
        self._counted_until = 0.0

    def check(self) -> None:
        """Raise if this instance knows, without asking the table, that a call would be refused.

        Raises:
            NotAskedError: The budget is used up, or a pause is in force.

        """
        now = self._clock()
        if self._limit == 0 or now < self._exhausted_until:
            if self._limit:
                metrics.record(Metric.BUDGET_USED, 100)
            seconds = math.ceil(_midnight_after(now) - now)
            raise BudgetExhaustedError(retry_after=min(seconds, MAX_PAUSE_SECONDS))
        if now < self._paused_until:
            raise NotAskedError(
                "Gemini asked not to be called for a while.",
                retry_after=math.ceil(self._paused_until - now),
            )

    def admit(self, deadline: Deadline) -> None:
        """Count a call that is about to be made.

        If the table cannot be written, each process may make one call a day uncounted; none if
        the table throttles, or if the process knows that the day's budget is used up.

        Raises:
            NotAskedError: The call must not be made.

        """
        self.check()
        now = self._clock()
        try:
            calls = self._count(now, deadline)
        except AwsError as error:
            if error.code == CONDITION_FAILED:
                self._refuse(error.item, now)
            self._admit_uncounted(error, now)
        else:
            if calls >= self._limit:
                self._counted_until = _midnight_after(now)
            # Rounded down, so that 100 means that no call is left.
            metrics.record(Metric.BUDGET_USED, 100 * calls // self._limit)

    def pause(self, seconds: int, deadline: Deadline) -> None:
        """Refuse the calls of all instances for a while, because Gemini asked for it."""
        now = self._clock()
        until = int(now) + min(seconds, MAX_PAUSE_SECONDS)
        self._paused_until = until
        # A pause can last beyond midnight, into another item.
        for moment in (now, until) if until >= _midnight_after(now) else (now,):
            try:
                self._update(
                    moment,
                    "SET #ttl = if_not_exists(#ttl, :ttl), pause_until = :soonest",
                    f"NOT ({_PAUSED})",  # a longer pause stays
                    {":soonest": until},
                    deadline,
                )
            except AwsError as error:
                if error.code != CONDITION_FAILED:
                    _table_failed(error)

    def _count(self, now: float, deadline: Deadline) -> int:
        """Count a call; return the number of the day's calls."""
        result = self._update(
            now,
            "SET #ttl = if_not_exists(#ttl, :ttl) ADD calls :one",
            f"(attribute_not_exists(calls) OR calls < :limit) AND NOT ({_PAUSED})",
            {":one": 1, ":limit": self._limit, ":soonest": int(now) + 1},
            deadline,
        )
        calls = number_attribute(result.get("Attributes"), "calls")
        if not calls:
            raise AwsUnavailableError("dynamodb", "UpdateItem", "no number of calls in the result")
        return calls

    def _refuse(self, item: Mapping[str, object], now: float) -> None:
        """Raise the reason for which the table refused a call, and remember it."""
        until = number_attribute(item, "pause_until")
        if now < until <= now + MAX_PAUSE_SECONDS:
            self._paused_until = until
        elif number_attribute(item, "calls") >= self._limit:
            self._counted_until = _midnight_after(now)
            self._exhausted_until = min(now + _REFUSE_SECONDS, self._counted_until)
        self.check()
        # A damaged item, which refuses every call; or an emulator did not return the item.
        metrics.record(Metric.BUDGET_USED, 100)
        raise NotAskedError(retry_after=_RETRY_AFTER_SECONDS, reason="refused by the budget")

    def _admit_uncounted(self, error: AwsError, now: float) -> None:
        _table_failed(error)
        # Throttling is load, which would lift the limit of every process at once.
        if now < self._counted_until or error.code in THROTTLING_CODES:
            raise NotAskedError(
                retry_after=_RETRY_AFTER_SECONDS, reason="calls of Gemini cannot be counted"
            )
        self._counted_until = _midnight_after(now)

    def _update(
        self,
        now: float,
        expression: str,
        condition: str,
        numbers: Mapping[str, int],
        deadline: Deadline,
    ) -> dict[str, object]:
        values = {
            ":ttl": int(now) + _KEEP_DAYS * SECONDS_A_DAY,
            ":latest": int(now) + MAX_PAUSE_SECONDS,
            **numbers,
        }
        request = {
            "TableName": self._table_name,
            "Key": {"cache_key": {"S": BUDGET_KEY_PREFIX + utc_text(int(now))[:10]}},
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {name: {"N": str(n)} for name, n in values.items()},
            "ReturnValues": "UPDATED_NEW",
            # Tells which part of the condition failed.
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return self._dynamodb.call("UpdateItem", request, deadline)


def _midnight_after(now: float) -> int:
    return (int(now) // SECONDS_A_DAY + 1) * SECONDS_A_DAY


def _table_failed(error: AwsError) -> None:
    metrics.count(Metric.WRITE_FAILURE)
    log.warning("budget_write_failed", reason=str(error))
