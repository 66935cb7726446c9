"""Reads metrics from CloudWatch, all of them in one request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.catalogue import ONE_DAY, Metric

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

_SHORTEST_PERIOD = 60
_SLICES = 24


@dataclass(frozen=True, kw_only=True)
class Series:
    """A metric's values, one for each period of ``seconds`` from ``begin``; None without data."""

    metric: Metric
    begin: dt.datetime
    seconds: int
    values: list[float | None]

    @property
    def known(self) -> list[float]:
        """The values of the periods with data."""
        return [value for value in self.values if value is not None]


def read(
    cloudwatch: CloudWatchClient,
    metrics: Sequence[Metric],
    *,
    begin: dt.datetime,
    end: dt.datetime,
    points: int,
) -> list[Series]:
    """Return the metrics' values between two times, in about ``points`` periods.

    A daily metric has one period for each day.
    """
    span = (end - begin).total_seconds()
    rounded = max(_SHORTEST_PERIOD, -int(-span / points // _SHORTEST_PERIOD) * _SHORTEST_PERIOD)
    series = []
    for metric in metrics:
        seconds = ONE_DAY if metric.period_seconds == ONE_DAY else rounded
        start = dt.datetime.fromtimestamp(begin.timestamp() // seconds * seconds, dt.UTC)
        count = max(1, -int(-(end - start).total_seconds() // seconds))
        series.append(Series(metric=metric, begin=start, seconds=seconds, values=[None] * count))
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_query(f"m{number}", one) for number, one in enumerate(series)],
        StartTime=min((one.begin for one in series), default=begin),
        EndTime=end,
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            one = series[int(result["Id"].removeprefix("m"))]
            for time, value in zip(result["Timestamps"], result["Values"], strict=True):
                index = int((time - one.begin).total_seconds() // one.seconds)
                if 0 <= index < len(one.values):
                    one.values[index] = value
    return series


def totals(
    cloudwatch: CloudWatchClient,
    metrics: Sequence[Metric],
    *,
    begin: dt.datetime,
    end: dt.datetime,
) -> list[float]:
    """Return the sum of each metric between two times, to a twenty-fourth of their distance."""
    series = read(cloudwatch, metrics, begin=begin, end=end, points=_SLICES)
    return [sum(one.known) for one in series]


def _query(id_: str, series: Series) -> MetricDataQueryTypeDef:
    metric = series.metric
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in metric.dimensions.items()
                ],
            },
            "Period": series.seconds,
            "Stat": metric.statistic,
        },
    }
