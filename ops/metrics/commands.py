"""The command ``metrics``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ops.common import times
from ops.common.errors import BadInputError
from ops.common.options import Debug, Env, Json, epilog
from ops.common.output import table
from ops.common.session import Session, session
from ops.metrics.catalogue import CATALOGUE, TOPICS, Metric
from ops.metrics.chart import bars
from ops.metrics.reading import Series, read

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_POINTS = 40
_SUMS = "Sum"


@app.command(epilog=epilog("metrics --env prod --last 6h", "metrics --env prod table --json"))
def metrics(
    topics: Annotated[
        list[str] | None, typer.Argument(help=f"What to show: {', '.join(TOPICS)}. Default: all.")
    ] = None,
    env: Env = None,
    *,
    last: Annotated[str, typer.Option(help="How far back: 90m, 6h, 7d.")] = "24h",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw the metrics that tell how the system does.

    Sums are of the whole time; other figures are the latest. The bucket's size and
    objects are counted by AWS once a day, so they need --last 3d or more.
    """
    with session(env, json=json, debug=debug) as ops:
        unknown = sorted(set(topics or ()) - set(TOPICS))
        if unknown:
            raise BadInputError(
                f"there is no topic {unknown[0]!r}", remedy=f"choose from {', '.join(TOPICS)}"
            )
        end = times.now()
        series = read(
            ops.aws.client("cloudwatch"),
            _chosen(ops, topics or list(TOPICS)),
            begin=times.moment(last, end),
            end=end,
            points=_POINTS,
        )
        ops.out.result([_document(one) for one in series], _lines(series))


def _chosen(ops: Session, topics: list[str]) -> list[Metric]:
    naming = ops.target.naming
    return [
        metric.of(table=ops.table, function=naming.function, bucket=naming.geojson_bucket)
        for metric in CATALOGUE
        if metric.topic in topics
    ]


def _document(one: Series) -> dict[str, Any]:
    return {
        "topic": one.metric.topic,
        "metric": one.metric.name,
        "dimensions": one.metric.dimensions,
        "statistic": one.metric.statistic,
        "unit": one.metric.unit,
        "from": times.text(one.begin),
        "period_seconds": one.seconds,
        "values": one.values,
    }


def _lines(series: list[Series]) -> list[str]:
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    rows = [
        (
            one.metric.topic,
            _name(one.metric),
            one.metric.statistic,
            _figure(one),
            one.metric.unit,
            bars(one.values, unicode=unicode),
        )
        for one in series
    ]
    return table(("", "metric", "of", "in all or last", "", "over the time"), rows)


def _name(metric: Metric) -> str:
    extra = [value for name, value in metric.dimensions.items() if name == "Operation"]
    return " ".join([metric.name, *extra])


def _figure(one: Series) -> str:
    if not one.known:
        return "-"
    value = sum(one.known) if one.metric.statistic == _SUMS else one.known[-1]
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
