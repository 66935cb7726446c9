"""The cache table in DynamoDB: one item per cache key.

An item has an answer, the lease of the request that is generating one, or both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reasoning import log
from reasoning.aws import AwsClient, AwsError
from reasoning.cache import Failure, Lease, Snapshot
from reasoning.config import MAX_TTL_DAYS
from reasoning.deadline import Deadline
from reasoning.errors import CacheUnavailableError, ItemTooLargeError
from reasoning.models import SECONDS_A_DAY, CacheEntry, Query, utc_seconds, utc_text
from reasoning.untrusted_json import member, parse_json

SCHEMA_VERSION = 1
"""Version of the item format; an item of another version is a miss."""

# DynamoDB's limit is 400 KB; the margin is for differences in how it measures an item.
MAX_ITEM_BYTES = 350_000
_DIGITS = re.compile(r"[0-9]{1,13}")
# The ttl of an item that has only a lease.
_LEASE_TTL_SECONDS = 3600
# How far the clocks of two instances may differ.
_CLOCK_SKEW_SECONDS = 5
# A later end of negative caching can only be an error; it would block the query.
_MAX_NEGATIVE_CACHING_SECONDS = 300
_MAX_RETRY_AFTER_SECONDS = 3600
CONDITION_FAILED = "ConditionalCheckFailedException"
# False for a missing or invalid lease_until, and for one that is later than any lease can end:
# such a lease would block its key. `CacheStore._holder` must agree, else a free lease could
# never be taken.
_LEASED = "lease_until BETWEEN :now AND :latest"


class CacheStore:
    """Reads and writes the items of one table; implements `cache.Cache`."""

    def __init__(self, dynamodb: AwsClient, table_name: str, *, max_lease_seconds: float) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._max_lease_seconds = max_lease_seconds + _CLOCK_SKEW_SECONDS

    def read(
        self, key: str, query: Query, now: float, deadline: Deadline, *, consistent: bool = False
    ) -> Snapshot:
        """Return the state of a key at `now` (Unix seconds).

        The ttl is checked here because DynamoDB deletes expired items with a delay. An item with
        another key or query is not trusted, because a connection could mix up responses.

        Raises:
            CacheUnavailableError: The table cannot be read.

        """
        request: dict[str, object] = {"TableName": self._table_name, "Key": _key(key)}
        if consistent:
            request["ConsistentRead"] = True
        try:
            item = self._dynamodb.call("GetItem", request, deadline).get("Item")
        except AwsError as error:
            raise CacheUnavailableError(str(error)) from error
        if not isinstance(item, dict):
            return Snapshot()
        if item.get("cache_key") != {"S": key}:
            log.warning("cache_item_of_another_key", key=key)
            return Snapshot()
        entry = _entry_or_none(item, key, query, now)
        fresh = entry is not None and entry.expires_at > now
        version = item.get("cached_at")
        return Snapshot(
            fresh=entry if fresh else None,
            stale=None if fresh else entry,
            version=version if isinstance(version, dict) else None,
            holder=self._holder(item, now),
            failure=_failure(item, now),
        )

    def acquire(self, lease: Lease, snapshot: Snapshot, now: float, deadline: Deadline) -> bool:
        """Take a lease; False if another is held or an answer was written since `snapshot`.

        Raises:
            CacheUnavailableError: The table cannot be written.

        """
        values: dict[str, object] = {
            ":owner": {"S": lease.owner},
            ":until": {"N": str(lease.until)},
            ":ttl": {"N": str(int(now) + _LEASE_TTL_SECONDS)},
            **self._lease_range(now),
        }
        unchanged = "attribute_not_exists(cached_at)"
        if snapshot.version is not None:
            unchanged = "cached_at = :version"
            values[":version"] = snapshot.version
        return self._conditional_write(
            "UpdateItem",
            {
                "Key": _key(lease.key),
                "UpdateExpression": (
                    "SET lease_owner = :owner, lease_until = :until,"
                    " #ttl = if_not_exists(#ttl, :ttl)"
                ),
                # The owner itself: a retry after a lost response finds its own lease.
                "ConditionExpression": (
                    f"(lease_owner = :owner OR NOT ({_LEASED})) AND {unchanged}"
                ),
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": values,
            },
            deadline,
        )

    def put(self, entry: CacheEntry, query: Query, lease: Lease, deadline: Deadline) -> bool:
        """Write an entry and end the lease; False if another owner or a fresh answer is there.

        The lease need not be held: its owner is unknown if the response to `acquire` was lost.

        Raises:
            ItemTooLargeError: The item is too large.
            CacheUnavailableError: The table cannot be written.

        """
        item = _item(entry, query)
        size = sum(
            len(name) + len(text.encode())
            for name, value in item.items()
            for text in value.values()
        )
        if size > MAX_ITEM_BYTES:
            raise ItemTooLargeError(f"the item has {size} bytes, more than {MAX_ITEM_BYTES}")
        return self._conditional_write(
            "PutItem",
            {
                "Item": item,
                "ConditionExpression": (
                    f"lease_owner = :owner OR (NOT ({_LEASED})"
                    " AND (attribute_not_exists(cached_at) OR #ttl <= :cached_at))"
                ),
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": {
                    ":owner": {"S": lease.owner},
                    ":cached_at": {"N": str(entry.cached_at)},
                    **self._lease_range(entry.cached_at),
                },
            },
            deadline,
        )

    def release(self, lease: Lease, failure: Failure, deadline: Deadline) -> bool:
        """End a lease and record the failure; False if it was no longer held.

        Raises:
            CacheUnavailableError: The table cannot be written; the lease will expire.

        """
        return self._conditional_write(
            "UpdateItem",
            {
                "Key": _key(lease.key),
                "UpdateExpression": (
                    "SET failure_owner = :owner, failure_kind = :kind, failure_until = :until,"
                    " failure_retry_after = :after REMOVE lease_owner, lease_until"
                ),
                "ConditionExpression": "lease_owner = :owner",
                "ExpressionAttributeValues": {
                    ":owner": {"S": failure.owner},
                    ":kind": {"S": failure.kind},
                    ":until": {"N": str(failure.until)},
                    ":after": {"N": str(failure.retry_after)},
                },
            },
            deadline,
        )

    def _lease_range(self, now: float) -> dict[str, dict[str, str]]:
        """Return when a lease that is in force at `now` can end (Unix milliseconds)."""
        return {
            ":now": {"N": str(int(1000 * now))},
            ":latest": {"N": str(int(1000 * (now + self._max_lease_seconds)))},
        }

    def _holder(self, item: Mapping[str, object], now: float) -> str | None:
        until = number_attribute(item, "lease_until")
        if not int(1000 * now) <= until <= int(1000 * (now + self._max_lease_seconds)):
            return None
        owner = member(item.get("lease_owner"), "S")
        return owner if isinstance(owner, str) else ""

    def _conditional_write(
        self, operation: str, request: Mapping[str, object], deadline: Deadline
    ) -> bool:
        try:
            self._dynamodb.call(operation, {"TableName": self._table_name, **request}, deadline)
        except AwsError as error:
            if error.code == CONDITION_FAILED:
                return False
            raise CacheUnavailableError(str(error)) from error
        return True


def _key(key: str) -> dict[str, dict[str, str]]:
    return {"cache_key": {"S": key}}


def _item(entry: CacheEntry, query: Query) -> dict[str, dict[str, str]]:
    cached_at = utc_text(entry.cached_at)
    return {
        "cache_key": {"S": entry.key},
        "cached_at": {"S": cached_at},
        "cached_date": {"S": cached_at[:10]},
        "ttl": {"N": str(entry.expires_at)},
        # A string, not a map: smaller, and a hit needs no conversion.
        "reasoning_result": {"S": entry.reasoning_json},
        "query_params": {"S": query.canonical_json()},
        "model": {"S": entry.model},
        "model_version": {"S": entry.model_version},
        "schema_version": {"N": str(SCHEMA_VERSION)},
    }


def _entry_or_none(
    item: Mapping[str, object], key: str, query: Query, now: float
) -> CacheEntry | None:
    # An item with only a lease or a failure is valid, so it is not logged.
    no_answer = "reasoning_result" not in item and "schema_version" not in item
    if no_answer and ("lease_owner" in item or "failure_owner" in item):
        return None
    try:
        return _parse_entry(item, key, query, now)
    except ValueError as error:
        log.info("cache_item_unusable", key=key, reason=str(error))
        return None


def _parse_entry(item: Mapping[str, object], key: str, query: Query, now: float) -> CacheEntry:
    """Parse an item, expired or not.

    Raises:
        ValueError: The item is invalid.

    """
    if _attribute(item, "schema_version", "N") != str(SCHEMA_VERSION):
        raise ValueError("unknown schema version")
    if _attribute(item, "query_params", "S") != query.canonical_json():
        raise ValueError("the answer to another query")
    ttl = _attribute(item, "ttl", "N")
    if not _DIGITS.fullmatch(ttl) or int(ttl) > now + MAX_TTL_DAYS * SECONDS_A_DAY:
        raise ValueError("invalid ttl")
    reasoning_json = _attribute(item, "reasoning_result", "S")
    if not isinstance(parse_json(reasoning_json), dict):
        raise ValueError("reasoning_result is not an object")  # noqa: TRY004 - see Raises
    return CacheEntry(
        key=key,
        reasoning_json=reasoning_json,
        model=_attribute(item, "model", "S"),
        model_version=_attribute(item, "model_version", "S"),
        cached_at=utc_seconds(_attribute(item, "cached_at", "S")),
        expires_at=int(ttl),
    )


def _failure(item: Mapping[str, object], now: float) -> Failure | None:
    owner, kind = member(item.get("failure_owner"), "S"), member(item.get("failure_kind"), "S")
    if not isinstance(owner, str) or not isinstance(kind, str):
        return None
    until = number_attribute(item, "failure_until")
    return Failure(
        kind=kind,
        owner=owner,
        until=until if until <= now + _MAX_NEGATIVE_CACHING_SECONDS else 0,
        retry_after=min(number_attribute(item, "failure_retry_after"), _MAX_RETRY_AFTER_SECONDS),
    )


def number_attribute(item: object, name: str) -> int:
    """Return an attribute that is a non-negative integer, 0 if it is not."""
    text = member(member(item, name), "N")
    return int(text) if isinstance(text, str) and _DIGITS.fullmatch(text) else 0


def _attribute(item: Mapping[str, object], name: str, kind: str) -> str:
    value = member(item.get(name), kind)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing")  # noqa: TRY004 - its caller raises ValueError only
    return value
