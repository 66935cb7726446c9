"""Cache-aside reads; misses are delegated to `single_flight`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reasoning import metrics
from reasoning.answer_cache import AnswerCache
from reasoning.cache import Cache, CacheStatus, Outcome, Snapshot, read_or_bypass
from reasoning.deadline import Deadline
from reasoning.errors import NotFoundError, UpstreamUnavailableError
from reasoning.freshness import Lifetimes
from reasoning.metrics import Metric
from reasoning.models import KeySpace, Query

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
        lifetimes: Lifetimes,
        consistent_reads: bool,
        clock: Callable[[], float],
    ) -> None:
        self.lifetimes = lifetimes
        self._cache = cache
        self._answer_cache = answer_cache
        self._keys = keys
        self._single_flight = single_flight
        self._consistent_reads = consistent_reads
        self._clock = clock

    def answer(self, query: Query, deadline: Deadline) -> Outcome:
        """Return the cached answer, or generate one and cache it.

        Raises:
            ApiError: The cache has no answer and the model returns none.

        """
        key = self._keys.key(query)
        found = self._find(key, query, deadline)
        if isinstance(found, Outcome):
            metrics.count(Metric.HIT)
            return found
        # A cached answer that cannot be read refuses the lease of an empty snapshot.
        outcome = self._single_flight().answer(key, query, found or Snapshot(), deadline)
        if outcome.status is not CacheStatus.STALE:
            self._answer_cache.put(outcome.entry, self._clock())
        return outcome

    def cached(self, query: Query, deadline: Deadline) -> Outcome:
        """Return the cached answer; never generate one, and count neither hit nor miss.

        Raises:
            NotFoundError: No answer is cached, or it has expired.
            UpstreamUnavailableError: The cache cannot be read.

        """
        found = self._find(self._keys.key(query), query, deadline)
        if isinstance(found, Outcome):
            return found
        if found is None:
            raise UpstreamUnavailableError("The cache is unavailable.", retry_after=1)
        raise NotFoundError("No answer is cached; a GET generates one.")

    def _find(self, key: str, query: Query, deadline: Deadline) -> Outcome | Snapshot | None:
        """Return the cached answer, else the state of the key, None if it cannot be read."""
        entry = self._answer_cache.get(key, self._clock())
        if entry is None:
            snapshot = read_or_bypass(
                self._cache,
                key,
                query,
                self._clock(),
                deadline.within(_READ_BUDGET_SECONDS),
                consistent=self._consistent_reads,
            )
            if snapshot is None or snapshot.fresh is None:
                return snapshot
            entry = snapshot.fresh
            self._answer_cache.put(entry, self._clock())
        return Outcome(status=CacheStatus.HIT, entry=entry, now=self._clock())
