"""The answers that this process gave lately, so that a popular question needs no table."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reasoning.models import CacheEntry

_MAX_BYTES = 4 * 1024 * 1024
# An answer that an operator deletes from the table is gone everywhere after this time.
_MAX_SECONDS = 60
# Key, entry and the place in the dictionary, measured generously.
_OVERHEAD_BYTES = 600


class HotAnswers:
    """The answers used last, bounded in bytes; each is kept for a minute."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[CacheEntry, float]] = OrderedDict()

    def get(self, key: str, now: float) -> CacheEntry | None:
        """Return the answer under a key if it is valid at `now` (seconds since 1970)."""
        found = self._entries.get(key)
        if found is None:
            return None
        entry, kept_at = found
        # A clock that was set back must not make an answer last.
        if not 0 <= now - kept_at < _MAX_SECONDS or entry.expires_at <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def keep(self, entry: CacheEntry, now: float) -> None:
        """Keep an answer; those used longest ago make room for it."""
        self._drop(entry.key)
        size = _size(entry)
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[entry.key] = (entry, now)
        self._bytes += size

    def _drop(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= _size(found[0])


def _size(entry: CacheEntry) -> int:
    return sys.getsizeof(entry.reasoning_json) + _OVERHEAD_BYTES
