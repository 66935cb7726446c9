"""The cache-aside flow: look the answer up, else ask the model and keep what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from reasoning import log
from reasoning.errors import CacheUnavailableError
from reasoning.models import SECONDS_A_DAY, CacheEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from reasoning.deadline import Deadline
    from reasoning.models import Query

# The cache may not use up the time that the model needs.
_READ_BUDGET_SECONDS = 2.0
_WRITE_BUDGET_SECONDS = 1.0
# What is left after the model's answer, for the write and the response.
_RESERVED_SECONDS = 0.5
# Of that, what the write leaves for the response.
_RESPONSE_SECONDS = 0.1


class Cache(Protocol):
    """Where answers are kept."""

    def get(self, key: str, now: int, deadline: Deadline) -> CacheEntry | None:
        """Return the entry valid at `now`, or None; raise CacheUnavailableError."""

    def put(self, entry: CacheEntry, query: Query, deadline: Deadline) -> None:
        """Keep an entry; raise CacheUnavailableError."""


class Model(Protocol):
    """Who gives answers; `model` is the name recorded with them."""

    model: str

    def explain(self, query: Query, deadline: Deadline) -> str:
        """Return a validated answer as the JSON of an object; raise an ApiError."""


class CacheStatus(StrEnum):
    """Where an answer came from."""

    HIT = "HIT"
    MISS = "MISS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """An answer as of `now` (whole seconds since 1970)."""

    status: CacheStatus
    entry: CacheEntry
    now: int

    @property
    def age_seconds(self) -> int:
        """Seconds since the answer was given; never negative, though clocks differ."""
        return max(0, self.now - self.entry.cached_at)

    @property
    def remaining_seconds(self) -> int:
        """Seconds until the answer expires."""
        return max(0, self.entry.expires_at - self.now)


class ReasoningService:
    """Answers queries. A cache that fails costs time and money, but never the answer."""

    def __init__(
        self, *, cache: Cache, model: Model, ttl_days: int, clock: Callable[[], float]
    ) -> None:
        self._cache = cache
        self._model = model
        self._ttl_seconds = ttl_days * SECONDS_A_DAY
        self._clock = clock

    def answer(self, query: Query, deadline: Deadline) -> Outcome:
        """Return the cached answer, or ask for one and cache it.

        Raises:
            ApiError: There is none in the cache and the model gives none.

        """
        key = query.cache_key()
        entry = self._read(key, deadline)
        if entry is not None:
            return Outcome(status=CacheStatus.HIT, entry=entry, now=self._now())
        reasoning_json = self._model.explain(query, deadline.reserving(_RESERVED_SECONDS))
        now = self._now()
        entry = CacheEntry(
            key=key,
            reasoning_json=reasoning_json,
            model=self._model.model,
            cached_at=now,
            expires_at=now + self._ttl_seconds,
        )
        self._write(entry, query, deadline.reserving(_RESPONSE_SECONDS))
        return Outcome(status=CacheStatus.MISS, entry=entry, now=now)

    def _now(self) -> int:
        return int(self._clock())

    def _read(self, key: str, deadline: Deadline) -> CacheEntry | None:
        try:
            return self._cache.get(key, self._now(), deadline.within(_READ_BUDGET_SECONDS))
        except CacheUnavailableError as error:
            log.warning("cache_read_failed", key=key, reason=str(error))
            return None

    def _write(self, entry: CacheEntry, query: Query, deadline: Deadline) -> None:
        try:
            self._cache.put(entry, query, deadline.within(_WRITE_BUDGET_SECONDS))
        except CacheUnavailableError as error:
            log.warning("cache_write_failed", key=entry.key, reason=str(error))
