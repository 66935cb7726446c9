"""Size of the cache, age of its answers, and its hit ratio."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from modules.catalogue import ANSWERS, INDEX, MISS
from ops.cache.backoff import Backoff
from ops.cache.items import CACHED_DATE
from ops.cache.reading import pages
from ops.common.output import Progress
from ops.metrics.reading import totals

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_THREADS = 8
_BINS = (("today", 1), ("2 to 7 days", 7), ("8 to 30 days", 30), ("31 to 60 days", 60))
_REQUESTS_SPAN = dt.timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Items and bytes are DynamoDB's own figures, updated about every six hours."""

    table: str
    status: str
    items: int
    bytes: int
    index_bytes: int
    by_age: dict[str, int]
    requests_last_day: dict[str, int]

    @property
    def hit_percent(self) -> float | None:
        """Share of the last day's questions that were answered without a Gemini call."""
        asked = sum(self.requests_last_day.values())
        if not asked:
            return None
        return round(100 * (1 - self.requests_last_day.get(MISS.name, 0) / asked), 1)

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {**asdict(self), "hit_percent": self.hit_percent}


def measure(
    dynamodb: DynamoDBClient,
    cloudwatch: CloudWatchClient,
    *,
    table: str,
    function: str,
    ttl_days: int,
    now: dt.datetime,
    progress: Progress,
) -> Stats:
    """Count the items of each day in the index, and read the function's counters.

    It reads the index as far back as answers are served.
    """
    described = dynamodb.describe_table(TableName=table)["Table"]
    days = [(now - dt.timedelta(days=age)).date().isoformat() for age in range(ttl_days + 1)]
    backoff = Backoff()

    def count(day: str) -> int:
        request: QueryInputTypeDef = {
            "TableName": table,
            "IndexName": INDEX,
            "Select": "COUNT",
            "KeyConditionExpression": f"{CACHED_DATE} = :day",
            "ExpressionAttributeValues": {":day": {"S": day}},
        }
        found = sum(page["Count"] for page in pages(dynamodb.query, request, backoff))
        progress.add(1)
        return found

    with ThreadPoolExecutor(_THREADS) as pool:
        counts = list(pool.map(count, days))
    indexes = described.get("GlobalSecondaryIndexes", [])
    return Stats(
        table=table,
        status=described["TableStatus"],
        items=described["ItemCount"],
        bytes=described["TableSizeBytes"],
        index_bytes=sum(index.get("IndexSizeBytes", 0) for index in indexes),
        by_age=_binned(counts),
        requests_last_day=_requests(cloudwatch, function, now),
    )


def _binned(counts: list[int]) -> dict[str, int]:
    binned = {}
    begin = 0
    for name, end in _BINS:
        binned[name] = sum(counts[begin:end])
        begin = end
    return {**binned, "older": sum(counts[begin:])}


def _requests(cloudwatch: CloudWatchClient, function: str, now: dt.datetime) -> dict[str, int]:
    metrics = [metric.of(function) for metric in ANSWERS]
    found = totals(cloudwatch, metrics, begin=now - _REQUESTS_SPAN, end=now)
    return {metric.name: round(value) for metric, value in zip(metrics, found, strict=True)}
