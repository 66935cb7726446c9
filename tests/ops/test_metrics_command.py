"""Metrics: the bars, and the alignment of values with their periods."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ops.metrics.catalogue import CATALOGUE
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
    """Two pages of one metric, as CloudWatch gives them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def get_metric_data(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(dict(parameters))
        first = "NextToken" not in parameters
        minute = 0 if first else 45
        times = [BEGIN + dt.timedelta(minutes=minute)]
        page = {"MetricDataResults": [{"Id": "m0", "Timestamps": times, "Values": [4.0]}]}
        return {**page, "NextToken": "more"} if first else page


def test_values_stand_in_their_periods() -> None:
    (series,) = read(_CloudWatch(), CATALOGUE[:1], begin=BEGIN, end=BEGIN + HOUR, points=4)
    assert series.seconds == 900
    assert series.values == [4.0, None, None, 4.0]


def test_a_total_is_that_of_all_pages() -> None:
    assert totals(_CloudWatch(), CATALOGUE[:1], begin=BEGIN, end=BEGIN + HOUR) == [8.0]


def test_throttling_is_measured_by_throttle_events() -> None:
    names = {metric.name for metric in CATALOGUE}
    assert {"ReadThrottleEvents", "WriteThrottleEvents"} <= names
    assert "UserErrors" not in names


def test_storage_metrics_are_read_by_the_day() -> None:
    cloudwatch = _CloudWatch()
    buckets = [metric for metric in CATALOGUE if metric.namespace == "AWS/S3"]
    read(cloudwatch, buckets, begin=BEGIN, end=BEGIN + HOUR, points=4)
    queries = cloudwatch.asked[0]["MetricDataQueries"]
    assert {query["MetricStat"]["Period"] for query in queries} == {86_400}
    assert cloudwatch.asked[0]["StartTime"] <= BEGIN.replace(hour=0)
