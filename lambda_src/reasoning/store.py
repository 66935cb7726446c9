"""The cache table: one item an answer, under the key of its query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reasoning import log
from reasoning.aws import AwsError
from reasoning.config import MAX_TTL_DAYS
from reasoning.documents import member, parse_json
from reasoning.errors import CacheUnavailableError
from reasoning.models import SECONDS_A_DAY, CacheEntry, utc_seconds, utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reasoning.aws import AwsClient
    from reasoning.deadline import Deadline
    from reasoning.models import Query

SCHEMA_VERSION = 1
"""Version of the items' form; an item of any other version counts as a miss."""

# DynamoDB refuses items above 400 KB; the difference is for how it counts.
MAX_ITEM_BYTES = 350_000
_DIGITS = re.compile(r"[0-9]{1,12}")


class CacheStore:
    """Reads and writes the entries of one table."""

    def __init__(self, dynamodb: AwsClient, table_name: str) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name

    def get(self, key: str, now: int, deadline: Deadline) -> CacheEntry | None:
        """Return the entry under a key, None if there is none that is valid at `now`.

        DynamoDB deletes expired items only after a while, hence the comparison here.

        Raises:
            CacheUnavailableError: The table cannot be read.

        """
        try:
            result = self._dynamodb.call(
                "GetItem",
                {"TableName": self._table_name, "Key": {"cache_key": {"S": key}}},
                deadline,
            )
        except AwsError as error:
            raise CacheUnavailableError(str(error)) from error
        item = result.get("Item")
        if not isinstance(item, dict):
            return None
        try:
            return _entry(item, key, now)
        except (ValueError, RecursionError) as error:
            log.info("cache_item_unusable", key=key, reason=str(error))
            return None

    def put(self, entry: CacheEntry, query: Query, deadline: Deadline) -> None:
        """Write an entry, replacing whatever is under its key.

        Raises:
            CacheUnavailableError: The table cannot be written, or the item is too large.

        """
        item = _item(entry, query)
        size = sum(
            len(name) + len(text.encode())
            for name, value in item.items()
            for text in value.values()
        )
        if size > MAX_ITEM_BYTES:
            raise CacheUnavailableError(f"the item has {size} bytes, more than {MAX_ITEM_BYTES}")
        try:
            self._dynamodb.call("PutItem", {"TableName": self._table_name, "Item": item}, deadline)
        except AwsError as error:
            raise CacheUnavailableError(str(error)) from error


def _item(entry: CacheEntry, query: Query) -> dict[str, dict[str, str]]:
    cached_at = utc_text(entry.cached_at)
    return {
        "cache_key": {"S": entry.key},
        "cached_at": {"S": cached_at},
        "cached_date": {"S": cached_at[:10]},
        "ttl": {"N": str(entry.expires_at)},
        # Text, not a map: a map takes more space and costs a conversion at every hit.
        "reasoning_result": {"S": entry.reasoning_json},
        "query_params": {"S": query.canonical_json()},
        "model": {"S": entry.model},
        "schema_version": {"N": str(SCHEMA_VERSION)},
    }


def _entry(item: Mapping[str, object], key: str, now: int) -> CacheEntry:
    """Read an item; a ValueError says why it is not usable."""
    if _attribute(item, "schema_version", "N") != str(SCHEMA_VERSION):
        raise ValueError("unknown schema version")
    ttl = _attribute(item, "ttl", "N")
    if not _DIGITS.fullmatch(ttl) or int(ttl) > now + MAX_TTL_DAYS * SECONDS_A_DAY:
        raise ValueError("invalid ttl")
    if int(ttl) <= now:
        raise ValueError("expired")
    reasoning_json = _attribute(item, "reasoning_result", "S")
    if not isinstance(parse_json(reasoning_json), dict):
        raise ValueError("reasoning_result is not an object")  # noqa: TRY004 - one kind of fault
    return CacheEntry(
        key=key,
        reasoning_json=reasoning_json,
        model=_attribute(item, "model", "S"),
        cached_at=utc_seconds(_attribute(item, "cached_at", "S")),
        expires_at=int(ttl),
    )


def _attribute(item: Mapping[str, object], name: str, kind: str) -> str:
    value = member(item.get(name), kind)
    if not isinstance(value, str):
        raise ValueError(f"no {name}")  # noqa: TRY004 - one kind of fault
    return value
