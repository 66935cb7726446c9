"""Metrics of an invocation, written to its log line in CloudWatch embedded metric format (EMF).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import functools
import time
from contextvars import ContextVar
from enum import StrEnum

METRICS_NAMESPACE = "co2-analysis"


class Metric(StrEnum):
    """Metric names; alarms and the dashboard depend on them.

    Every valid query except a HEAD counts as exactly one of hit, miss, stale and coalesced; a
    failed one is a miss.
    """

    HIT = "CacheHit"
    MISS = "CacheMiss"
    STALE = "CacheStale"
    COALESCED = "CacheCoalesced"
    READ_FAILURE = "CacheReadFailure"
    WRITE_FAILURE = "CacheWriteFailure"
    UPSTREAM_ERROR = "UpstreamError"
    UPSTREAM_LATENCY = "UpstreamLatency"
    TOKENS_IN = "TokensIn"
    TOKENS_OUT = "TokensOut"
    TOKENS_THOUGHT = "TokensThought"
    BUDGET_USED = "GeminiBudgetUsed"


_UNITS = {Metric.UPSTREAM_LATENCY: "Milliseconds", Metric.BUDGET_USED: "Percent"}


_values: ContextVar[dict[Metric, float] | None] = ContextVar("metrics", default=None)


def begin() -> None:
    """Reset the metrics at the start of an invocation."""
    _values.set({})


def count(metric: Metric, amount: int = 1) -> None:
    """Add to a metric."""
    values = _values.get()
    if values is not None:
        values[metric] = values.get(metric, 0) + amount


def record(metric: Metric, value: float) -> None:
    """Set a metric that is not a count: milliseconds or percent."""
    values = _values.get()
    if values is not None:
        values[metric] = value


def emf_members(function_name: str) -> dict[str, object]:
    """Return the EMF members of the log line, empty if nothing was recorded."""
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
def _directive(recorded: tuple[Metric, ...]) -> dict[str, object]:
    return {
        "Namespace": METRICS_NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [
            {"Name": metric.value, "Unit": _UNITS.get(metric, "Count")} for metric in recorded
        ],
    }
