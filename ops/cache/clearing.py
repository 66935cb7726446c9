"""Deletes the items that are older than a time, without losing concurrent writes.

Every delete is conditional on the item being the one that was read: an item that a writer has
replaced since is kept.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.cache.backoff import Backoff
from ops.cache.items import CACHED_AT, KEY, Item
from ops.cache.reading import answers_scan, scan_all
from ops.cache.statements import BATCH, StatementKind, execute
from ops.common.output import Progress
from ops.common.times import format_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef, ScanInputTypeDef


@dataclass(kw_only=True)
class ClearResult:
    """Numbers of items deleted, of items kept because a writer replaced them, and of retries."""

    deleted: int = 0
    changed: int = 0
    throttled_requests: int = 0


@dataclass(frozen=True, kw_only=True)
class OlderThan:
    """Selects items cached before ``before``; ``undated`` adds those without a time."""

    before: dt.datetime
    undated: bool

    def scan(self, table: str, attributes: str) -> ScanInputTypeDef:
        """Return the Scan that finds them."""
        older = f"{CACHED_AT} < :before"
        if self.undated:
            older += f" OR attribute_not_exists({CACHED_AT})"
        request = answers_scan(table, older)
        return {
            **request,
            "ProjectionExpression": attributes,
            "ExpressionAttributeValues": {
                **request["ExpressionAttributeValues"],
                ":before": {"S": format_time(self.before)},
            },
        }


def count(
    dynamodb: DynamoDBClient, table: str, older: OlderThan, *, parallel: int, progress: Progress
) -> int:
    """Return how many items a clear would delete now; this reads the whole table."""
    lock = threading.Lock()
    found = 0

    def add(items: Sequence[Item]) -> None:
        nonlocal found
        with lock:
            found += len(items)
        progress.add(len(items))

    scan_all(dynamodb, older.scan(table, KEY), add, parallel=parallel, backoff=Backoff())
    return found


def clear(
    dynamodb: DynamoDBClient, table: str, older: OlderThan, *, parallel: int, progress: Progress
) -> ClearResult:
    """Delete the items; idempotent, so a clear that was stopped can be run again.

    Raises:
        OperatorError: AWS refused a delete, or throttled every request for two minutes.

    """
    result = ClearResult()
    lock = threading.Lock()
    backoff = Backoff()

    def build_statement(item: Item) -> BatchStatementRequestTypeDef:
        seen = item.get(CACHED_AT)
        condition = f"{CACHED_AT} = ?" if seen else f"{CACHED_AT} IS MISSING"
        return {
            "Statement": f'DELETE FROM "{table}" WHERE {KEY} = ? AND {condition}',  # noqa: S608
            "Parameters": [item[KEY], *([seen] if seen else [])],
        }

    kind = StatementKind(
        build_statement=build_statement,
        condition_failed="ConditionalCheckFailed",
        verb="delete",
        permission="dynamodb:PartiQLDelete",
    )

    def delete(items: Sequence[Item]) -> None:
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            deleted, changed = execute(dynamodb, table, batch, kind, backoff)
            with lock:
                result.deleted += deleted
                result.changed += changed
            progress.add(len(batch))

    request = older.scan(table, f"{KEY}, {CACHED_AT}")
    scan_all(dynamodb, request, delete, parallel=parallel, backoff=backoff)
    result.throttled_requests = backoff.throttled_requests
    return result
