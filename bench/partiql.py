"""PartiQL against the calls that it stands for: docs/decisions/0012-partiql.md.

Only the ratios mean something: an emulator answers, not DynamoDB.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.results import Result
from testing.emulator import running_emulator

_SMALL, _LARGE = "partiql-small", "partiql-large"
_ITEMS = {_SMALL: 500, _LARGE: 5000}
_INDEX = "cached-at-index"
_DAY = "2026-05-07"
_ITEMS_OF_THE_DAY = 25
_BATCH = 25
_WARM_UP = 20
_PAIRS_A_RUN = 50

Call = Callable[[], int]


def measure(runs: int) -> Iterator[Result]:
    """Yield how much longer PartiQL takes, and what happens as a table grows tenfold."""
    with (
        tempfile.TemporaryDirectory(prefix="co2-bench-") as folder,
        running_emulator(Path(folder)) as emulator,
    ):
        dynamodb = emulator.client("dynamodb")
        for table in _ITEMS:
            _fill(dynamodb, table)
        select_one, get_one, select_day, query_day, select_without_key = (
            partial(call, dynamodb)
            for call in (_select_one, _get_one, _select_day, _query_day, _select_without_key)
        )
        pairs = runs * _PAIRS_A_RUN
        for what, ours, theirs in (
            ("SELECT by key over GetItem", partial(select_one, _SMALL), partial(get_one, _SMALL)),
            ("SELECT by day over Query", partial(select_day, _SMALL), partial(query_day, _SMALL)),
            ("Query, 5,000 items over 500", partial(query_day, _LARGE), partial(query_day, _SMALL)),
            (
                "SELECT without key, 5,000 items over 500",
                partial(select_without_key, _LARGE),
                partial(select_without_key, _SMALL),
            ),
        ):
            figure = f"{_ratio(what, ours, theirs, pairs):.2f}"
            yield Result(what=what, figure=figure, promise="", kept=True)


def _fill(dynamodb: Any, table: str) -> None:
    """Make a table of which the same few items are of the day that is asked for."""
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "cache_key", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("cache_key", "cached_date", "cached_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": _INDEX,
                "KeySchema": [
                    {"AttributeName": "cached_date", "KeyType": "HASH"},
                    {"AttributeName": "cached_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for start in range(0, _ITEMS[table], _BATCH):
        puts = [{"PutRequest": {"Item": _item(start + number)}} for number in range(_BATCH)]
        dynamodb.batch_write_item(RequestItems={table: puts})


def _item(number: int) -> dict[str, dict[str, str]]:
    day = _DAY if number < _ITEMS_OF_THE_DAY else f"2026-06-{number % 30 + 1:02}"
    return {
        "cache_key": {"S": f"{number:064x}"},
        "cached_date": {"S": day},
        "cached_at": {"S": f"{day}T{number % 24:02}:00:00Z"},
        # A table stays below a megabyte, which is the most that one answer reads.
        "reasoning_result": {"S": "x"},
    }


def _get_one(dynamodb: Any, table: str) -> int:
    found = dynamodb.get_item(TableName=table, Key={"cache_key": {"S": f"{7:064x}"}})
    return int("Item" in found)


def _select_one(dynamodb: Any, table: str) -> int:
    return _select(dynamodb, f'"{table}"', "cache_key", f"{7:064x}")


def _query_day(dynamodb: Any, table: str) -> int:
    found = dynamodb.query(
        TableName=table,
        IndexName=_INDEX,
        KeyConditionExpression="cached_date = :day",
        ExpressionAttributeValues={":day": {"S": _DAY}},
    )
    return len(found["Items"])


def _select_day(dynamodb: Any, table: str) -> int:
    return _select(dynamodb, f'"{table}"."{_INDEX}"', "cached_date", _DAY)


def _select_without_key(dynamodb: Any, table: str) -> int:
    """Ask for the day, but of the table, where it is no key: every item is read."""
    return _select(dynamodb, f'"{table}"', "cached_date", _DAY)


def _select(dynamodb: Any, source: str, attribute: str, value: str) -> int:
    statement = f"SELECT * FROM {source} WHERE {attribute} = ?"  # noqa: S608 - names of this file
    found = dynamodb.execute_statement(Statement=statement, Parameters=[{"S": value}])
    return len(found["Items"])


def _ratio(what: str, ours: Call, theirs: Call, pairs: int) -> float:
    """Return the median of the ratios of calls made in turn; both must find the same."""
    for _ in range(_WARM_UP):
        if ours() != theirs():
            raise RuntimeError(f"{what}: the two do not find the same")
    return statistics.median(_seconds(ours) / _seconds(theirs) for _ in range(pairs))


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
