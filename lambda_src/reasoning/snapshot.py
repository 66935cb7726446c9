"""What the cache table says about one key at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reasoning.models import CacheEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to ask the model about one key; `until` is in milliseconds since 1970.

    Whoever finds a lease that has ended may take the key over; the owner of the old one can
    then no longer write.
    """

    key: str
    owner: str
    until: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """How the last request to the model under a key failed.

    `owner` held the lease then: those who waited for it share the failure. `until` (seconds
    since 1970) is how long everyone does, 0 if the next one may try. `retry_after` is in
    seconds, 0 if unknown.
    """

    kind: str
    owner: str
    until: int = 0
    retry_after: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """An item as of the moment it was read.

    `fresh` may be served, `stale` has expired. `version` is the stored `cached_at` as it is,
    None if there is none: it tells whether an answer was written in the meantime. `holder` is
    the owner of a lease that has not ended.
    """

    fresh: CacheEntry | None = None
    stale: CacheEntry | None = None
    version: Mapping[str, object] | None = None
    holder: str | None = None
    failure: Failure | None = None


NOTHING = Snapshot()
