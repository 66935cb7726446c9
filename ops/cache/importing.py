"""Writes exported items into a table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from modules.catalogue import TTL_ATTRIBUTE
from ops.cache.backoff import Backoff
from ops.cache.items import KEY, Item, is_budget
from ops.cache.statements import BATCH, StatementKind, execute
from ops.common.output import Progress

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        BatchStatementRequestTypeDef,
        WriteRequestUnionTypeDef,
    )

_BATCH_BYTES = 4_000_000


@dataclass(kw_only=True)
class ImportResult:
    """Numbers of items written, kept because their key existed, and skipped as expired."""

    written: int = 0
    kept: int = 0
    expired: int = 0


def unexpired(items: Iterable[Item], result: ImportResult) -> Iterator[Item]:
    """Yield the answers whose TTL is in the future, and count the expired ones."""
    now = time.time()
    for item in items:
        if is_budget(item):
            continue
        seconds = item.get(TTL_ATTRIBUTE, {}).get("N", "")
        if seconds.isdigit() and int(seconds) <= now:
            result.expired += 1
        else:
            yield item


def write(
    dynamodb: DynamoDBClient,
    table: str,
    items: Iterable[Item],
    result: ImportResult,
    *,
    overwrite: bool,
    progress: Progress,
) -> None:
    """Write the items; an existing item is kept unless ``overwrite``.

    Idempotent: an import that was stopped can be run again.

    Raises:
        OperatorError: AWS refused an item, or throttled every request for two minutes.

    """
    backoff = Backoff()
    kind = StatementKind(
        build_statement=lambda item: _insert(table, item),
        condition_failed="DuplicateItem",
        verb="insert",
        permission="dynamodb:PartiQLInsert",
    )
    iterator = iter(items)
    while batch := _next_batch(iterator):
        if overwrite:
            _put(dynamodb, table, batch, backoff)
            result.written += len(batch)
        else:
            written, kept = execute(dynamodb, table, batch, kind, backoff)
            result.written += written
            result.kept += kept
        progress.add(len(batch))


def _next_batch(items: Iterator[Item]) -> list[Item]:
    """Return the next items; of several with one key the last, as a request takes only one."""
    batch: dict[str, Item] = {}
    size = 0
    for item in islice(items, BATCH):
        batch[item[KEY]["S"]] = item
        size += len(str(item))
        if size > _BATCH_BYTES:
            break
    return list(batch.values())


def _put(dynamodb: DynamoDBClient, table: str, items: Sequence[Item], backoff: Backoff) -> None:
    def send(requests: Sequence[WriteRequestUnionTypeDef]) -> list[WriteRequestUnionTypeDef]:
        answer = backoff.call(lambda: dynamodb.batch_write_item(RequestItems={table: requests}))
        return [*answer["UnprocessedItems"].get(table, [])]

    requests: list[WriteRequestUnionTypeDef] = [{"PutRequest": {"Item": item}} for item in items]
    backoff.drain(requests, send)


def _insert(table: str, item: Item) -> BatchStatementRequestTypeDef:
    names = ", ".join("'" + name.replace("'", "''") + "': ?" for name in item)
    return {
        "Statement": f'INSERT INTO "{table}" VALUE {{{names}}}',
        "Parameters": list(item.values()),
    }
