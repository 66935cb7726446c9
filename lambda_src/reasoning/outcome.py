"""An answer and where it came from, and the cache that keeps answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reasoning.deadline import Deadline
    from reasoning.models import CacheEntry, Query
    from reasoning.snapshot import Failure, Lease, Snapshot


class Cache(Protocol):
    """Where answers are kept; every method may raise CacheUnavailableError."""

    def read(
        self, key: str, now: float, deadline: Deadline, *, consistent: bool = False
    ) -> Snapshot:
        """Return what is under a key at `now`."""

    def acquire(self, lease: Lease, seen: Snapshot, now: float, deadline: Deadline) -> bool:
        """Take the lease; False if it is another's, or an answer was written since `seen`."""

    def put(self, entry: CacheEntry, query: Query, lease: Lease | None, deadline: Deadline) -> bool:
        """Keep an entry; False if the key belongs to somebody else by now."""

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> bool:
        """End a lease without an answer; False if it had ended before."""


class CacheStatus(StrEnum):
    """Where an answer came from; STALE is an expired one, given because there is no other."""

    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"


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
        """Seconds until the answer expires, 0 once it has."""
        return max(0, self.entry.expires_at - self.now)
