"""How full the cache is, how old its answers are, and how often they are used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ops.cache.items import CACHED_DATE, INDEX
from ops.cache.pace import Pace
from ops.common.aws import Client
from ops.common.output import Counter
from ops.metrics.catalogue import ANSWERS, Metric
from ops.metrics.reading import totals

_THREADS = 8
_BINS = (("today", 1), ("2 to 7 days", 7), ("8 to 30 days", 30), ("31 to 60 days", 60))
_COUNTED = dt.timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Items and bytes as of AWS's last count (some six hours ago), and what was counted now."""

    table: str
    status: str
    items: int
    bytes: int
    index_bytes: int
    by_age: dict[str, int]
    requests_last_day: dict[str, int]

    @property
    def hit_percent(self) -> float | None:
        """Share of the last day's questions that Gemini was not asked for."""
        asked = sum(self.requests_last_day.values())
        if not asked:
            return None
        return round(100 * (1 - self.requests_last_day.get("CacheMiss", 0) / asked), 1)

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "hit_percent": self.hit_percent}


def describe(dynamodb: Client, table: str) -> Mapping[str, Any]:
    """Return what AWS tells about the table."""
    answer: Mapping[str, Any] = dynamodb.describe_table(TableName=table)["Table"]
    return answer


def measure(
    dynamodb: Client,
    cloudwatch: Client,
    *,
    table: str,
    function: str,
    ttl_days: int,
    now: dt.datetime,
    counter: Counter,
) -> Stats:
    """Count the items of each day of the index, and read the function's counters.

    The index is counted as far back as answers are served; counting reads all of it.
    """
    described = describe(dynamodb, table)
    days = [(now - dt.timedelta(days=age)).date().isoformat() for age in range(ttl_days + 1)]
    pace = Pace()

    def counted(day: str) -> int:
        found = _count(dynamodb, table, day, pace)
        counter.add(1)
        return found

    with ThreadPoolExecutor(_THREADS) as pool:
        counts = list(pool.map(counted, days))
    indexes = described.get("GlobalSecondaryIndexes") or []
    return Stats(
        table=table,
        status=str(described["TableStatus"]),
        items=int(described.get("ItemCount", 0)),
        bytes=int(described.get("TableSizeBytes", 0)),
        index_bytes=sum(int(index.get("IndexSizeBytes", 0)) for index in indexes),
        by_age=_binned(counts),
        requests_last_day=_requests(cloudwatch, function, now),
    )


def _count(dynamodb: Client, table: str, day: str, pace: Pace) -> int:
    found = 0
    position: dict[str, Any] = {}
    while True:
        answer = pace.call(
            lambda: dynamodb.query(
                TableName=table,
                IndexName=INDEX,
                Select="COUNT",
                KeyConditionExpression=f"{CACHED_DATE} = :day",
                ExpressionAttributeValues={":day": {"S": day}},
                **position,  # noqa: B023  called before the next page changes it
            )
        )
        found += int(answer["Count"])
        if "LastEvaluatedKey" not in answer:
            return found
        position = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _binned(counts: list[int]) -> dict[str, int]:
    binned = {}
    begin = 0
    for name, end in _BINS:
        binned[name] = sum(counts[begin:end])
        begin = end
    return {**binned, "older": sum(counts[begin:])}


def _requests(cloudwatch: Client, function: str, now: dt.datetime) -> dict[str, int]:
    metrics: list[Metric] = [metric.of(function=function) for metric in ANSWERS]
    found = totals(cloudwatch, metrics, begin=now - _COUNTED, end=now)
    return {metric.name: round(value) for metric, value in zip(metrics, found, strict=True)}
