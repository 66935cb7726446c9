"""Items of the cache table in DynamoDB JSON, and the part of them that is listed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from modules.catalogue import (
    BUDGET_KEY_PREFIX,
    INDEX_HASH_KEY,
    INDEX_RANGE_KEY,
    TABLE_KEY,
    TTL_ATTRIBUTE,
)
from ops.common.times import format_time, now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item: TypeAlias = "Mapping[str, AttributeValueTypeDef]"

KEY = TABLE_KEY
CACHED_AT = INDEX_RANGE_KEY
CACHED_DATE = INDEX_HASH_KEY


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An item as it is listed; ``query`` is the question, or the stored text if it is not JSON."""

    cache_key: str
    cached_at: str | None
    expires_at: str | None
    expired: bool
    model: str | None
    query: object


def entry(item: Item) -> Entry:
    """Return the listed part of an item; missing or malformed attributes are tolerated."""
    seconds = item.get(TTL_ATTRIBUTE, {}).get("N", "")
    expires = int(seconds) if seconds.isdigit() else None
    return Entry(
        cache_key=item[KEY]["S"],
        cached_at=item.get(CACHED_AT, {}).get("S"),
        expires_at=_time(expires) if expires is not None else None,
        expired=expires is not None and expires <= now().timestamp(),
        model=item.get("model", {}).get("S"),
        query=parsed(item.get("query_params", {}).get("S")),
    )


def is_budget(item: Item) -> bool:
    """Return whether an item counts Gemini calls instead of having an answer."""
    return item[KEY]["S"].startswith(BUDGET_KEY_PREFIX)


def parsed(value: str | None) -> object:
    """Return the value of a JSON text, or the text itself if it is not JSON."""
    try:
        return json.loads(value) if value else None
    except ValueError:
        return value


def _time(seconds: int) -> str:
    try:
        return format_time(dt.datetime.fromtimestamp(seconds, dt.UTC))
    except (ValueError, OverflowError, OSError):
        return str(seconds)
