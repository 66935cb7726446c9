"""Writing exported items into a table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ops.cache.items import KEY, Item
from ops.cache.pace import Pace
from ops.cache.statements import BATCH, Kind, Statement, execute
from ops.common.aws import Client
from ops.common.output import Counter

_BATCH_BYTES = 4_000_000


@dataclass(kw_only=True)
class Imported:
    """What an import did: written, left alone because the key is taken, and out of date."""

    written: int = 0
    kept: int = 0
    expired: int = 0


def live(items: Iterable[Item], done: Imported) -> Iterator[Item]:
    """Yield the items that would still be served, and count the others."""
    now = time.time()
    for item in items:
        seconds = str(item.get("ttl", {}).get("N", ""))
        if seconds.isdigit() and int(seconds) <= now:
            done.expired += 1
        else:
            yield item


def write(
    dynamodb: Client,
    table: str,
    items: Iterable[Item],
    done: Imported,
    *,
    overwrite: bool,
    counter: Counter,
) -> None:
    """Write the items; what is in the table already stays as it is, unless ``overwrite``.

    An import that was stopped can be run again.

    Raises:
        OperatorError: AWS refuses an item, or throttles everything for two minutes.

    """
    pace = Pace()
    kind = Kind(
        spell=lambda item: _statement(table, item),
        condition_failed="DuplicateItem",
        verb="insert",
        right="dynamodb:PartiQLInsert",
    )
    iterator = iter(items)
    while batch := _batch(iterator):
        if overwrite:
            _put(dynamodb, table, batch, pace)
            done.written += len(batch)
        else:
            written, kept = execute(dynamodb, table, batch, kind, pace)
            done.written += written
            done.kept += kept
        counter.add(len(batch))


def _batch(items: Iterator[Item]) -> list[Item]:
    """Return the next items; a key stands only once in a request, the last one wins."""
    batch: dict[str, Item] = {}
    size = 0
    for item in islice(items, BATCH):
        batch[item[KEY]["S"]] = item
        size += len(str(item))
        if size > _BATCH_BYTES:
            break
    return list(batch.values())


def _put(dynamodb: Client, table: str, items: Sequence[Item], pace: Pace) -> None:
    waiting: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
    while waiting:
        answer = pace.call(lambda: dynamodb.batch_write_item(RequestItems={table: waiting}))  # noqa: B023
        again = answer.get("UnprocessedItems", {}).get(table, [])
        if again:
            pace.throttled(partly=len(again) < len(waiting))
        waiting = again


def _statement(table: str, item: Item) -> Statement:
    names = ", ".join("'" + name.replace("'", "''") + "': ?" for name in item)
    return {
        "Statement": f'INSERT INTO "{table}" VALUE {{{names}}}',
        "Parameters": list(item.values()),
    }
