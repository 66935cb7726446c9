"""Metrics: the bars, and the alignment of values with their periods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from modules.catalogue import METRICS
from ops.metrics.chart import bars
from ops.metrics.reading import read, totals

BEGIN = dt.datetime(2026, 5, 1, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0.0, 7.0, 3.0], "▁█▄"),
        ([None, 1.0, None], " █ "),
        ([0.0, 0.0], "▁▁"),
        ([], ""),
    ],
)
def test_bars(values: list[float | None], drawn: str) -> None:
    assert bars(values) == drawn


def test_bars_for_a_terminal_without_unicode() -> None:
    assert bars([0.0, 7.0], unicode=False).isascii()


class _CloudWatch:
    """Returns two pages of one metric."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def get_paginator(self, operation: str) -> _CloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        self.asked = parameters
        for minute in (0, 45):
            times = [BEGIN + dt.timedelta(minutes=minute)]
            yield {"MetricDataResults": [{"Id": "m0", "Timestamps": times, "Values": [4.0]}]}


@pytest.fixture
def cloudwatch() -> Any:
    return _CloudWatch()


def test_values_stand_in_their_periods(cloudwatch: Any) -> None:
    (series,) = read(cloudwatch, METRICS[:1], begin=BEGIN, end=BEGIN + HOUR, points=4)
    assert series.seconds == 900
    assert series.values == [4.0, None, None, 4.0]


def test_a_total_is_that_of_all_pages(cloudwatch: Any) -> None:
    assert totals(cloudwatch, METRICS[:1], begin=BEGIN, end=BEGIN + HOUR) == [8.0]


def test_throttling_is_measured_by_throttle_events() -> None:
    names = {metric.name for metric in METRICS}
    assert {"ReadThrottleEvents", "WriteThrottleEvents"} <= names
    assert "UserErrors" not in names


def test_storage_metrics_are_read_by_the_day(cloudwatch: Any) -> None:
    buckets = [metric for metric in METRICS if metric.topic == "data"]
    read(cloudwatch, buckets, begin=BEGIN, end=BEGIN + HOUR, points=4)
    queries = cloudwatch.asked["MetricDataQueries"]
    assert {query["MetricStat"]["Period"] for query in queries} == {86_400}
    assert cloudwatch.asked["StartTime"] <= BEGIN.replace(hour=0)
