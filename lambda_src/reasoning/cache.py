"""The cache as the service sees it: its interface, its states and the outcome of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reasoning import log, metrics
from reasoning.deadline import Deadline
from reasoning.errors import CacheUnavailableError
from reasoning.metrics import Metric
from reasoning.models import CacheEntry, Query

LEASE_MARGIN_SECONDS = 2.0
"""Added to the model's timeout in a lease, for the write of the answer and clock skew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The exclusive right to call the model for one key until a time (Unix milliseconds).

    An expired lease may be taken over; its former owner can then no longer write (fencing).
    """

    key: str
    owner: str
    until: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """How the last call of the model for a key failed.

    `owner` held the lease: requests that waited for it share the failure. `until` (Unix
    seconds) is the end of negative caching, 0 if the next request may call the model.
    `retry_after` is in seconds, 0 if unknown.
    """

    kind: str
    owner: str
    until: int = 0
    retry_after: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The state of a cache key when it was read.

    At most one of `fresh` and `stale` (expired) is set. `version` is the stored `cached_at`:
    it differs once another answer is written. `holder` owns a lease that is in force; "" if its
    owner is not readable.
    """

    fresh: CacheEntry | None = None
    stale: CacheEntry | None = None
    version: Mapping[str, object] | None = None
    holder: str | None = None
    failure: Failure | None = None


class CacheStatus(StrEnum):
    """Where an answer came from.

    COALESCED was generated for another request while this one waited. STALE is an expired one,
    served because there is no other.
    """

    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"
    COALESCED = "COALESCED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """An answer and its cache status at `now` (Unix seconds)."""

    status: CacheStatus
    entry: CacheEntry
    now: float

    @property
    def age_seconds(self) -> int:
        """Seconds since the answer was generated; never negative, even if clocks differ."""
        return int(max(0, self.now - self.entry.cached_at))

    @property
    def remaining_seconds(self) -> int:
        """Full seconds until the answer expires, 0 once it has."""
        return int(max(0, self.entry.expires_at - self.now))


class Cache(Protocol):
    """The interface of `store.CacheStore`; every method may raise CacheUnavailableError."""

    def read(
        self, key: str, query: Query, now: float, deadline: Deadline, *, consistent: bool = False
    ) -> Snapshot:
        """Return the state of a key at `now`; an answer to another query is none."""

    def acquire(self, lease: Lease, snapshot: Snapshot, now: float, deadline: Deadline) -> bool:
        """Take a lease; False if another is held or an answer was written since `snapshot`."""

    def put(self, entry: CacheEntry, query: Query, lease: Lease, deadline: Deadline) -> bool:
        """Write an entry and end the lease; False if another owner or a fresh answer is there."""

    def release(self, lease: Lease, failure: Failure, deadline: Deadline) -> bool:
        """End a lease and record the failure; False if it was no longer held."""


def read_or_bypass(
    cache: Cache,
    key: str,
    query: Query,
    now: float,
    deadline: Deadline,
    *,
    consistent: bool = False,
) -> Snapshot | None:
    """Read a key; if the cache is unavailable, log and count that and return None."""
    try:
        return cache.read(key, query, now, deadline, consistent=consistent)
    except CacheUnavailableError as error:
        metrics.count(Metric.READ_FAILURE)
        log.warning("cache_read_failed", key=key, reason=str(error))
        return None
