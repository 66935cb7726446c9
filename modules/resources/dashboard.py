"""A CloudWatch dashboard, described as rows of widgets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard

from modules.catalogue import Metric
from modules.stack import LayerStack

_COLUMNS = 24
_HEIGHT = 6
_HEADING_HEIGHT = 1
_ALARMS_HEIGHT = 3

Properties = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Metrics over time: ``lines`` maps labels to metrics.

    ``formula`` is a label and a metric math expression over the lines, m1, m2 and so on; it hides
    the lines.
    """

    title: str
    lines: Mapping[str, Metric]
    formula: tuple[str, str] | None = None
    unit: str = ""
    at_least: float | None = 0
    at_most: float | None = None
    stacked: bool = False
    view: Literal["timeSeries", "singleValue"] = "timeSeries"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A heading, and charts of equal width below it."""

    heading: str
    charts: Sequence[Chart] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class DashboardConfig:
    """The alarms whose state is shown on top, and the rows below them."""

    alarm_arns: Sequence[str]
    rows: Sequence[Row]


def add_dashboard(stack: LayerStack, id_: str, config: DashboardConfig) -> None:
    """Add a dashboard."""
    widgets: list[Properties] = [
        {
            "type": "alarm",
            **_place(0, 0, _COLUMNS, _ALARMS_HEIGHT),
            "properties": {"title": "Alarms", "alarms": list(config.alarm_arns)},
        }
    ]
    y = _ALARMS_HEIGHT
    for row in config.rows:
        widgets.append(
            {
                "type": "text",
                **_place(0, y, _COLUMNS, _HEADING_HEIGHT),
                "properties": {"markdown": f"## {row.heading}"},
            }
        )
        y += _HEADING_HEIGHT
        width = _COLUMNS // len(row.charts)
        for position, chart in enumerate(row.charts):
            widgets.append(
                {
                    "type": "metric",
                    **_place(position * width, y, width, _HEIGHT),
                    "properties": _properties(chart, stack.region),
                }
            )
        y += _HEIGHT
    CloudwatchDashboard(
        stack,
        id_,
        dashboard_name=stack.naming.dashboard,
        dashboard_body=json.dumps({"widgets": widgets}),
    )


def _place(x: int, y: int, width: int, height: int) -> Properties:
    return {"x": x, "y": y, "width": width, "height": height}


def _properties(chart: Chart, region: str) -> Properties:
    metrics: list[object] = [
        _line(metric, label, f"m{position}", hidden=chart.formula is not None)
        for position, (label, metric) in enumerate(chart.lines.items(), start=1)
    ]
    if chart.formula:
        label, expression = chart.formula
        metrics.append([{"expression": expression, "label": label, "id": "e1"}])
    axis = {"min": chart.at_least, "max": chart.at_most, "label": chart.unit}
    return {
        "title": chart.title,
        "view": chart.view,
        "stacked": chart.stacked,
        # Without it a widget reads the Region that the console currently shows.
        "region": region,
        "period": max(metric.period_seconds for metric in chart.lines.values()),
        "metrics": metrics,
        "yAxis": {"left": {key: value for key, value in axis.items() if value not in (None, "")}},
    }


def _line(metric: Metric, label: str, id_: str, *, hidden: bool) -> list[object]:
    """Return a metric in the dashboard body's form: namespace, name, dimensions, options."""
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    options: Properties = {
        "id": id_,
        "label": label,
        "stat": metric.statistic,
        "period": metric.period_seconds,
    }
    if metric.region:
        options["region"] = metric.region
    if hidden:
        options["visible"] = False
    return [metric.namespace, metric.name, *dimensions, options]
