"""The cache-aside flow: look the answer up; a miss is left to `flight`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reasoning import log, metrics
from reasoning.errors import CacheUnavailableError
from reasoning.metrics import Metric
from reasoning.outcome import CacheStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from reasoning.deadline import Deadline
    from reasoning.flight import SingleFlight
    from reasoning.hot import HotAnswers
    from reasoning.models import CacheEntry, KeySpace, Query
    from reasoning.outcome import Cache
    from reasoning.snapshot import Snapshot

# The cache may not use up the time that the model needs.
_READ_BUDGET_SECONDS = 2.0


class ReasoningService:
    """Answers queries. A cache that fails costs time and money, but never the answer."""

    def __init__(
        self,
        *,
        cache: Cache,
        hot: HotAnswers,
        keys: KeySpace,
        flight: Callable[[], SingleFlight],
        clock: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._hot = hot
        self._keys = keys
        self._flight = flight
        self._clock = clock

    def answer(self, query: Query, deadline: Deadline) -> Outcome:
        """Return the cached answer, or ask for one and cache it.

        Raises:
            ApiError: There is none in the cache and the model gives none.

        """
        key = self._keys.key(query)
        entry = self._hot.get(key, self._clock())
        if entry is not None:
            return self._hit(entry)
        seen = self._read(key, deadline)
        if seen is not None and seen.fresh is not None:
            self._hot.keep(seen.fresh, self._clock())
            return self._hit(seen.fresh)
        outcome = self._flight().answer(key, query, seen, deadline)
        if outcome.status is not CacheStatus.STALE:
            self._hot.keep(outcome.entry, self._clock())
        return outcome

    def _hit(self, entry: CacheEntry) -> Outcome:
        metrics.count(Metric.HIT)
        return Outcome(status=CacheStatus.HIT, entry=entry, now=int(self._clock()))

    def _read(self, key: str, deadline: Deadline) -> Snapshot | None:
        try:
            return self._cache.read(key, self._clock(), deadline.within(_READ_BUDGET_SECONDS))
        except CacheUnavailableError as error:
            metrics.count(Metric.READ_FAILURE)
            log.warning("cache_read_failed", key=key, reason=str(error))
            return None
