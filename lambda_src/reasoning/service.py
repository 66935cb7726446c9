"""Cache-aside reads; misses are delegated to `single_flight`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reasoning import metrics
from reasoning.answer_cache import AnswerCache
from reasoning.cache import Cache, CacheStatus, Outcome, read_or_bypass
from reasoning.deadline import Deadline
from reasoning.metrics import Metric
from reasoning.models import CacheEntry, KeySpace, Query

if TYPE_CHECKING:
    from reasoning.single_flight import SingleFlight

# Leaves most of the invocation to the model.
_READ_BUDGET_SECONDS = 2.0


class ReasoningService:
    """Answers queries. A failing cache costs time and money, but never the answer."""

    def __init__(
        self,
        *,
        cache: Cache,
        answer_cache: AnswerCache,
        keys: KeySpace,
        single_flight: Callable[[], SingleFlight],
        clock: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._answer_cache = answer_cache
        self._keys = keys
        self._single_flight = single_flight
        self._clock = clock

    def answer(self, query: Query, deadline: Deadline) -> Outcome:
        """Return the cached answer, or generate one and cache it.

        Raises:
            ApiError: The cache has no answer and the model returns none.

        """
        key = self._keys.key(query)
        entry = self._answer_cache.get(key, self._clock())
        if entry is not None:
            return self._hit(entry)
        snapshot = read_or_bypass(
            self._cache, key, self._clock(), deadline.within(_READ_BUDGET_SECONDS)
        )
        if snapshot is not None and snapshot.fresh is not None:
            self._answer_cache.put(snapshot.fresh, self._clock())
            return self._hit(snapshot.fresh)
        outcome = self._single_flight().answer(key, query, snapshot, deadline)
        if outcome.status is not CacheStatus.STALE:
            self._answer_cache.put(outcome.entry, self._clock())
        return outcome

    def _hit(self, entry: CacheEntry) -> Outcome:
        metrics.count(Metric.HIT)
        return Outcome(status=CacheStatus.HIT, entry=entry, now=int(self._clock()))
