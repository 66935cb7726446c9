"""The metrics worth looking at, with the statistic that fits each.

Sources: "DynamoDB metrics and dimensions" and "Amazon S3 metrics and dimensions" of the AWS
documentation; the function's own counters are embedded in its log.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from modules.catalogue import PROJECT


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric; ``dimensions`` are filled in by `of`. ``period`` is in seconds."""

    topic: str
    namespace: str
    name: str
    statistic: str
    unit: str
    period: int | None = None
    dimensions: dict[str, str] = field(default_factory=dict)

    def of(self, *, table: str = "", function: str = "", bucket: str = "") -> Metric:
        """Return the metric of these resources; ``{table}`` and so on stand for their names."""
        filled = {
            name: value.format(table=table, function=function, bucket=bucket)
            for name, value in self.dimensions.items()
        }
        return dataclasses.replace(self, dimensions=filled)


_TABLE = {"TableName": "{table}"}
_FUNCTION = {"FunctionName": "{function}"}
_DAY = 86_400


def _table(name: str, statistic: str, unit: str, **dimensions: str) -> Metric:
    return Metric(
        topic="table",
        namespace="AWS/DynamoDB",
        name=name,
        statistic=statistic,
        unit=unit,
        dimensions={**_TABLE, **dimensions},
    )


def _answers(name: str, statistic: str = "Sum", unit: str = "answers") -> Metric:
    return Metric(
        topic="answers",
        namespace=PROJECT,
        name=name,
        statistic=statistic,
        unit=unit,
        dimensions=_FUNCTION,
    )


def _function(name: str, statistic: str, unit: str) -> Metric:
    return Metric(
        topic="function",
        namespace="AWS/Lambda",
        name=name,
        statistic=statistic,
        unit=unit,
        dimensions=_FUNCTION,
    )


def _bucket(name: str, storage: str, unit: str) -> Metric:
    return Metric(
        topic="data",
        namespace="AWS/S3",
        name=name,
        statistic="Average",
        unit=unit,
        period=_DAY,
        dimensions={"BucketName": "{bucket}", "StorageType": storage},
    )


ANSWERS = (
    _answers("CacheHit"),
    _answers("CacheMiss"),
    _answers("CacheStale"),
    _answers("CacheCoalesced"),
)

CATALOGUE = (
    *ANSWERS,
    _answers("UpstreamError", unit="errors"),
    _answers("UpstreamLatency", "p95", "ms"),
    _function("Invocations", "Sum", "calls"),
    _function("Errors", "Sum", "errors"),
    _function("Throttles", "Sum", "calls"),
    _function("Duration", "p95", "ms"),
    _table("ReadThrottleEvents", "Sum", "requests"),
    _table("WriteThrottleEvents", "Sum", "requests"),
    _table("ConsumedReadCapacityUnits", "Sum", "units"),
    _table("ConsumedWriteCapacityUnits", "Sum", "units"),
    _table("SuccessfulRequestLatency", "p99", "ms", Operation="GetItem"),
    _table("SystemErrors", "Sum", "errors", Operation="GetItem"),
    _bucket("BucketSizeBytes", "StandardStorage", "bytes"),
    _bucket("NumberOfObjects", "AllStorageTypes", "objects"),
)

TOPICS = tuple(dict.fromkeys(metric.topic for metric in CATALOGUE))
