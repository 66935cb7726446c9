"""What an invocation counts, in CloudWatch's embedded metric format: metrics inside a log line.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import functools
import time
from contextvars import ContextVar
from enum import StrEnum

METRICS_NAMESPACE = "co2-analysis"


class Metric(StrEnum):
    """The names that alarms and dashboards stand on.

    Every valid question that is answered or fails counts as exactly one of hit, miss, stale and
    coalesced.
    """

    HIT = "CacheHit"
    MISS = "CacheMiss"
    STALE = "CacheStale"
    COALESCED = "CacheCoalesced"
    READ_FAILURE = "CacheReadFailure"
    WRITE_FAILURE = "CacheWriteFailure"
    UPSTREAM_ERROR = "UpstreamError"
    UPSTREAM_LATENCY = "UpstreamLatency"


_values: ContextVar[dict[Metric, float] | None] = ContextVar("metrics", default=None)


def begin() -> None:
    """Forget what the invocation before this one counted."""
    _values.set({})


def count(metric: Metric) -> None:
    """Count one more of something."""
    values = _values.get()
    if values is not None:
        values[metric] = values.get(metric, 0) + 1


def upstream_latency(seconds: float) -> None:
    """Record how long the model took, failing or not; once an invocation."""
    values = _values.get()
    if values is not None:
        values[Metric.UPSTREAM_LATENCY] = round(1000 * seconds, 1)


def embedded(function_name: str) -> dict[str, object]:
    """Return the members that turn a log line into metrics; empty if nothing was counted."""
    values = _values.get()
    if not values:
        return {}
    return {
        "_aws": {
            "Timestamp": int(1000 * time.time()),
            "CloudWatchMetrics": [_directive(tuple(values))],
        },
        "FunctionName": function_name,
        **{metric.value: value for metric, value in values.items()},
    }


@functools.cache
def _directive(counted: tuple[Metric, ...]) -> dict[str, object]:
    return {
        "Namespace": METRICS_NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": metric.value, "Unit": _unit(metric)} for metric in counted],
    }


def _unit(metric: Metric) -> str:
    return "Milliseconds" if metric is Metric.UPSTREAM_LATENCY else "Count"
