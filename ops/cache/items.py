"""Items of the cache table in DynamoDB's own notation, and what of them is shown."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ops.common.times import now, text

Value = Mapping[str, Any]
Item = Mapping[str, Value]

KEY = "cache_key"
CACHED_AT = "cached_at"
CACHED_DATE = "cached_date"
INDEX = "cached-at-index"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An item as it is listed; ``query`` is the question, or the text that is no JSON."""

    cache_key: str
    cached_at: str | None
    expires_at: str | None
    expired: bool
    model: str | None
    query: object

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def entry(item: Item) -> Entry:
    """Return what of an item is listed; whatever is missing or odd is shown as it is."""
    seconds = str(item.get("ttl", {}).get("N", ""))
    expires = int(seconds) if seconds.isdigit() else None
    return Entry(
        cache_key=str(item[KEY]["S"]),
        cached_at=_text(item, CACHED_AT),
        expires_at=_time(expires),
        expired=expires is not None and expires <= now().timestamp(),
        model=_text(item, "model"),
        query=parsed(_text(item, "query_params")),
    )


def parsed(value: str | None) -> object:
    """Return a text as the JSON that it holds, or as it is."""
    try:
        return json.loads(value) if value else None
    except ValueError:
        return value


def _text(item: Item, name: str) -> str | None:
    value = item.get(name, {}).get("S")
    return str(value) if value is not None else None


def _time(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    try:
        return text(dt.datetime.fromtimestamp(seconds, dt.UTC))
    except (ValueError, OverflowError, OSError):
        return str(seconds)
