"""The cache table: one item an answer, under the key of its query.

The item also carries the lease of whoever is asking the model for its answer, so that of many
that miss at once only one asks. An item may therefore hold a lease and no answer yet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reasoning import log
from reasoning.aws import AwsError
from reasoning.config import MAX_TTL_DAYS
from reasoning.documents import member, parse_json
from reasoning.errors import CacheUnavailableError
from reasoning.models import SECONDS_A_DAY, CacheEntry, utc_seconds, utc_text
from reasoning.snapshot import NOTHING, Failure, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reasoning.aws import AwsClient
    from reasoning.deadline import Deadline
    from reasoning.models import Query
    from reasoning.snapshot import Lease

SCHEMA_VERSION = 1
"""Version of the items' form; an item of any other version counts as a miss."""

# DynamoDB refuses items above 400 KB; the difference is for how it counts.
MAX_ITEM_BYTES = 350_000
_DIGITS = re.compile(r"[0-9]{1,13}")
# An item that never gets an answer is deleted about then.
_LEASE_ITEM_SECONDS = 3600
_CONDITION_FAILED = "ConditionalCheckFailedException"


class CacheStore:
    """Reads and writes the entries of one table."""

    def __init__(self, dynamodb: AwsClient, table_name: str) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name

    def read(
        self, key: str, now: float, deadline: Deadline, *, consistent: bool = False
    ) -> Snapshot:
        """Return what is under a key at `now` (seconds since 1970).

        DynamoDB deletes expired items only after a while, so what is stale is decided here.
        A `consistent` read sees every write that was finished before it.

        Raises:
            CacheUnavailableError: The table cannot be read.

        """
        request: dict[str, object] = {"TableName": self._table_name, "Key": _key(key)}
        if consistent:
            request["ConsistentRead"] = True
        item = self._call("GetItem", request, deadline).get("Item")
        if not isinstance(item, dict):
            return NOTHING
        entry = _readable_entry(item, key, now)
        fresh = entry is not None and entry.expires_at > now
        version = item.get("cached_at")
        return Snapshot(
            fresh=entry if fresh else None,
            stale=None if fresh else entry,
            version=version if isinstance(version, dict) else None,
            holder=_holder(item, now),
            failure=_failure(item),
        )

    def acquire(self, lease: Lease, seen: Snapshot, now: float, deadline: Deadline) -> bool:
        """Take the lease unless somebody holds it or has answered since `seen` was read.

        Raises:
            CacheUnavailableError: The table cannot be written.

        """
        values: dict[str, object] = {
            ":owner": {"S": lease.owner},
            ":until": {"N": str(lease.until)},
            ":now": {"N": str(int(1000 * now))},
            ":ttl": {"N": str(int(now) + _LEASE_ITEM_SECONDS)},
        }
        unchanged = "attribute_not_exists(cached_at)"
        if seen.version is not None:
            unchanged = "cached_at = :seen"
            values[":seen"] = seen.version
        return self._on_condition(
            "UpdateItem",
            {
                "Key": _key(lease.key),
                "UpdateExpression": (
                    "SET lease_owner = :owner, lease_until = :until,"
                    " #ttl = if_not_exists(#ttl, :ttl)"
                ),
                # The owner itself, because a call that seemed to fail may have succeeded.
                "ConditionExpression": (
                    "(attribute_not_exists(lease_owner) OR lease_until < :now"
                    f" OR lease_owner = :owner) AND {unchanged}"
                ),
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": values,
            },
            deadline,
        )

    def put(self, entry: CacheEntry, query: Query, lease: Lease | None, deadline: Deadline) -> bool:
        """Write an entry and end the lease; False if the key belongs to somebody else by now.

        Without a lease an entry is written where nobody holds one.

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
        if lease is not None:
            # No item at all: DynamoDB deleted an expired one together with the lease in it.
            condition = "attribute_not_exists(cache_key) OR lease_owner = :owner"
            values = {":owner": {"S": lease.owner}}
        else:
            condition = "attribute_not_exists(lease_owner) OR lease_until < :now"
            values = {":now": {"N": str(1000 * entry.cached_at)}}
        return self._on_condition(
            "PutItem",
            {
                "Item": item,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            },
            deadline,
        )

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> bool:
        """End a lease without an answer and leave the reason; False if it had ended before.

        Raises:
            CacheUnavailableError: The table cannot be written; the lease ends by its time.

        """
        return self._on_condition(
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

    def _on_condition(
        self, operation: str, request: Mapping[str, object], deadline: Deadline
    ) -> bool:
        try:
            self._call(operation, {"TableName": self._table_name, **request}, deadline)
        except CacheUnavailableError as error:
            if isinstance(error.__cause__, AwsError) and error.__cause__.code == _CONDITION_FAILED:
                return False
            raise
        return True

    def _call(
        self, operation: str, request: Mapping[str, object], deadline: Deadline
    ) -> dict[str, object]:
        try:
            return self._dynamodb.call(operation, request, deadline)
        except AwsError as error:
            raise CacheUnavailableError(str(error)) from error


def _key(key: str) -> dict[str, dict[str, str]]:
    return {"cache_key": {"S": key}}


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


def _readable_entry(item: Mapping[str, object], key: str, now: float) -> CacheEntry | None:
    # What a lease or a failure leaves behind is an item without an answer, and no fault.
    bare = "reasoning_result" not in item and "schema_version" not in item
    if bare and ("lease_owner" in item or "failure_owner" in item):
        return None
    try:
        return _entry(item, key, now)
    except (ValueError, RecursionError) as error:
        log.info("cache_item_unusable", key=key, reason=str(error))
        return None


def _entry(item: Mapping[str, object], key: str, now: float) -> CacheEntry:
    """Read an item, expired or not; a ValueError says why it is not usable."""
    if _attribute(item, "schema_version", "N") != str(SCHEMA_VERSION):
        raise ValueError("unknown schema version")
    ttl = _attribute(item, "ttl", "N")
    if not _DIGITS.fullmatch(ttl) or int(ttl) > now + MAX_TTL_DAYS * SECONDS_A_DAY:
        raise ValueError("invalid ttl")
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


def _holder(item: Mapping[str, object], now: float) -> str | None:
    owner = member(item.get("lease_owner"), "S")
    return owner if isinstance(owner, str) and _number(item, "lease_until") >= 1000 * now else None


def _failure(item: Mapping[str, object]) -> Failure | None:
    owner, kind = member(item.get("failure_owner"), "S"), member(item.get("failure_kind"), "S")
    if not isinstance(owner, str) or not isinstance(kind, str):
        return None
    return Failure(
        kind=kind,
        owner=owner,
        until=_number(item, "failure_until"),
        retry_after=_number(item, "failure_retry_after"),
    )


def _number(item: Mapping[str, object], name: str) -> int:
    text = member(item.get(name), "N")
    return int(text) if isinstance(text, str) and _DIGITS.fullmatch(text) else 0


def _attribute(item: Mapping[str, object], name: str, kind: str) -> str:
    value = member(item.get(name), kind)
    if not isinstance(value, str):
        raise ValueError(f"no {name}")  # noqa: TRY004 - one kind of fault
    return value
