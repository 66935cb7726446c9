"""An in-process LRU cache of answers, so that popular queries do not read the table."""

from __future__ import annotations

import sys
from collections import OrderedDict

from reasoning.models import CacheEntry

_MAX_BYTES = 4 * 1024 * 1024
# Bounds how long an answer that was deleted from the table is still served.
_MAX_AGE_SECONDS = 60
# Generous estimate for the key, the entry object and its slot in the dictionary.
_OVERHEAD_BYTES = 600


class AnswerCache:
    """Keeps the most recently used answers for a minute each, bounded in bytes."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[CacheEntry, float]] = OrderedDict()

    def get(self, key: str, now: float) -> CacheEntry | None:
        """Return the answer under a key if it is valid at `now` (Unix seconds)."""
        found = self._entries.get(key)
        if found is None:
            return None
        entry, cached_at = found
        # The lower bound: a clock that was set back must not extend the lifetime.
        if not 0 <= now - cached_at < _MAX_AGE_SECONDS or entry.expires_at <= now:
            self._evict(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, entry: CacheEntry, now: float) -> None:
        """Add an answer, evicting the least recently used ones if there is no room."""
        self._evict(entry.key)
        size = _size(entry)
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._evict(next(iter(self._entries)))
        self._entries[entry.key] = (entry, now)
        self._bytes += size

    def _evict(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= _size(found[0])


def _size(entry: CacheEntry) -> int:
    return sys.getsizeof(entry.reasoning_json) + _OVERHEAD_BYTES
