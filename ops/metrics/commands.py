"""The command ``metrics``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from modules.catalogue import DATA_BUCKETS, METRICS
from ops.common import times
from ops.common.command import command
from ops.common.errors import BadInputError
from ops.common.options import command_group
from ops.common.output import table
from ops.common.session import Session
from ops.metrics.chart import bars
from ops.metrics.reading import Series, read

app = command_group()

_POINTS = 40
# The dimensions that tell metrics of the same name apart.
_SHOWN = ("Operation", "GlobalSecondaryIndexName", "BucketName")
_TOPICS = list(dict.fromkeys(metric.topic for metric in METRICS))


@command(app, "metrics", "metrics --env prod --last 6h", "metrics --env prod table --json")
def metrics(
    ops: Session,
    topics: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {', '.join(_TOPICS)}. Default: all.")
    ] = None,
    last: Annotated[str, typer.Option(help="Time span: the last 90m, 6h, 7d.")] = "24h",
) -> None:
    """Chart the metrics of an environment.

    Sums are over the whole time span; other figures are the latest. S3 reports the size of a
    bucket once a day, so it needs --last 3d or more. It measures requests only where
    buckets.request_metrics is set.
    """
    unknown = sorted(set(topics or ()) - set(_TOPICS))
    if unknown:
        raise BadInputError(
            f"there is no topic {unknown[0]!r}", remedy=f"choose from {', '.join(_TOPICS)}"
        )
    measured = ops.target.settings.buckets.request_metrics
    # The id of the distribution is known to Terraform only.
    names: dict[str, list[str]] = {
        "table": [ops.table],
        "function": [ops.target.naming.function],
        "bucket": [ops.target.naming.bucket(bucket) for bucket in DATA_BUCKETS],
    }
    end = times.now()
    series = read(
        ops.aws.client("cloudwatch"),
        [
            metric.of(name)
            for metric in METRICS
            if metric.topic in (topics or _TOPICS)
            and (topics or measured or not metric.needs_request_metrics)
            for name in names.get(metric.resource, [])
        ],
        begin=times.parse_time(last, end),
        end=end,
        points=_POINTS,
    )
    ops.out.result([_document(one) for one in series], _lines(series))


def _document(one: Series) -> dict[str, object]:
    return {
        "topic": one.metric.topic,
        "metric": one.metric.name,
        "dimensions": one.metric.dimensions,
        "statistic": one.metric.statistic,
        "unit": one.metric.unit,
        "from": times.format_time(one.begin),
        "period_seconds": one.seconds,
        "values": one.values,
    }


def _lines(series: list[Series]) -> list[str]:
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    rows = [
        (
            one.metric.topic,
            one.metric.name,
            next((one.metric.dimensions[n] for n in _SHOWN if n in one.metric.dimensions), ""),
            one.metric.statistic,
            _figure(one),
            one.metric.unit,
            bars(one.values, unicode=unicode),
        )
        for one in series
    ]
    return table(("", "metric", "dimension", "statistic", "total or latest", "", "trend"), rows)


def _figure(one: Series) -> str:
    if not one.known:
        return "-"
    value = sum(one.known) if one.metric.statistic == "Sum" else one.known[-1]
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
