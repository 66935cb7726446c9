"""Deleting what is older than a time, without touching what is written meanwhile.

Every delete carries the condition that the item is still the one that was read: a writer that has
replaced it since wins. BatchWriteItem knows no conditions, so the batches are PartiQL statements;
like BatchWriteItem's they are 25 to a request and are throttled one by one.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ops.cache.items import CACHED_AT, KEY, Item
from ops.cache.pace import Pace
from ops.cache.segments import read_all
from ops.cache.statements import BATCH, Kind, Statement, execute
from ops.common.aws import Client
from ops.common.output import Counter
from ops.common.times import text


@dataclass(kw_only=True)
class Cleared:
    """What a clear did: items deleted, and items that a writer had replaced meanwhile."""

    deleted: int = 0
    changed: int = 0
    throttled_requests: int = 0


@dataclass(frozen=True, kw_only=True)
class Older:
    """Which items: cached before ``before``; ``undated`` adds those without a time."""

    before: dt.datetime
    undated: bool

    def filter(self) -> dict[str, Any]:
        """Return the parameters of a Scan that finds them."""
        older = f"{CACHED_AT} < :before"
        return {
            "FilterExpression": f"{older} OR attribute_not_exists({CACHED_AT})"
            if self.undated
            else older,
            "ExpressionAttributeValues": {":before": {"S": text(self.before)}},
        }


def count(dynamodb: Client, table: str, older: Older, *, parallel: int, counter: Counter) -> int:
    """Return how many items a clear would delete now; this reads the whole table."""
    lock = threading.Lock()
    found = 0

    def add(items: Sequence[Item]) -> None:
        nonlocal found
        with lock:
            found += len(items)
        counter.add(len(items))

    read_all(
        dynamodb, table, add, parallel=parallel, pace=Pace(),
        ProjectionExpression=KEY, **older.filter(),
    )  # fmt: skip
    return found


def clear(
    dynamodb: Client, table: str, older: Older, *, parallel: int, counter: Counter
) -> Cleared:
    """Delete the items and return what was done.

    A clear that was stopped can be run again: it deletes what is left.

    Raises:
        OperatorError: AWS refuses a delete, or throttles everything for two minutes.

    """
    done = Cleared()
    lock = threading.Lock()
    pace = Pace()

    kind = Kind(
        spell=lambda item: _statement(table, item),
        condition_failed="ConditionalCheckFailed",
        verb="delete",
        right="dynamodb:PartiQLDelete",
    )

    def delete(items: Sequence[Item]) -> None:
        for batch in _batches(items):
            deleted, changed = execute(dynamodb, table, batch, kind, pace)
            with lock:
                done.deleted += deleted
                done.changed += changed
            counter.add(len(batch))

    read_all(
        dynamodb, table, delete, parallel=parallel, pace=pace,
        ProjectionExpression=f"{KEY}, {CACHED_AT}", **older.filter(),
    )  # fmt: skip
    done.throttled_requests = pace.throttled_requests
    return done


def _statement(table: str, item: Item) -> Statement:
    seen = item.get(CACHED_AT)
    condition = f"{CACHED_AT} = ?" if seen else f"{CACHED_AT} IS MISSING"
    return {
        "Statement": f'DELETE FROM "{table}" WHERE {KEY} = ? AND {condition}',  # noqa: S608
        "Parameters": [item[KEY], *([seen] if seen else [])],
    }


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
