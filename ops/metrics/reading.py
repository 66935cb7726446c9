"""Reading metrics from CloudWatch, all of them in one request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ops.common.aws import Client
from ops.metrics.catalogue import Metric

_SHORTEST_PERIOD = 60
_SLICES = 24


@dataclass(frozen=True, kw_only=True)
class Series:
    """A metric's values, one for each period of ``seconds``; None where there was nothing."""

    metric: Metric
    begin: dt.datetime
    seconds: int
    values: list[float | None]

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]


def read(
    cloudwatch: Client,
    metrics: Sequence[Metric],
    *,
    begin: dt.datetime,
    end: dt.datetime,
    points: int,
) -> list[Series]:
    """Return the metrics' values between two times, in about ``points`` periods.

    A metric with a period of its own is read in that period, as far as the times reach.
    """
    span = (end - begin).total_seconds()
    rounded = max(_SHORTEST_PERIOD, -int(-span / points // _SHORTEST_PERIOD) * _SHORTEST_PERIOD)
    periods = [metric.period or rounded for metric in metrics]
    found: dict[str, dict[dt.datetime, float]] = {f"m{n}": {} for n in range(len(metrics))}
    starts = [_floor(begin, period) for period in periods]
    request: dict[str, Any] = {
        "MetricDataQueries": [
            _query(f"m{number}", metric, period)
            for number, (metric, period) in enumerate(zip(metrics, periods, strict=True))
        ],
        "StartTime": min(starts, default=begin),
        "EndTime": end,
        "ScanBy": "TimestampAscending",
    }
    while True:
        answer = cloudwatch.get_metric_data(**request)
        for result in answer["MetricDataResults"]:
            found[result["Id"]].update(zip(result["Timestamps"], result["Values"], strict=True))
        if not answer.get("NextToken"):
            break
        request["NextToken"] = answer["NextToken"]
    return [
        _series(metric, start, period, end, found[f"m{number}"])
        for number, (metric, start, period) in enumerate(zip(metrics, starts, periods, strict=True))
    ]


def totals(
    cloudwatch: Client, metrics: Sequence[Metric], *, begin: dt.datetime, end: dt.datetime
) -> list[float]:
    """Return the sum of each metric between two times, to a twenty-fourth of their distance."""
    series = read(cloudwatch, metrics, begin=begin, end=end, points=_SLICES)
    return [sum(one.known) for one in series]


def _query(id_: str, metric: Metric, period: int) -> dict[str, Any]:
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
            "Period": period,
            "Stat": metric.statistic,
        },
    }


def _series(
    metric: Metric,
    start: dt.datetime,
    period: int,
    end: dt.datetime,
    found: dict[dt.datetime, float],
) -> Series:
    count = max(1, -int(-(end - start).total_seconds() // period))
    values: list[float | None] = [None] * count
    for time, value in found.items():
        index = int((time - start).total_seconds() // period)
        if 0 <= index < count:
            values[index] = value
    return Series(metric=metric, begin=start, seconds=period, values=values)


def _floor(time: dt.datetime, period: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time.timestamp() // period * period, dt.UTC)
