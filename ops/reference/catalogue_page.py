"""The page docs/catalogue.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modules.catalogue import (
    ADOPTABLE,
    ALARMS,
    BUCKETS,
    INDEX,
    INDEX_HASH_KEY,
    INDEX_RANGE_KEY,
    METRICS,
    ONE_DAY,
    OUTPUTS,
    PARAMETERS,
    SCALING,
    STREAM_VIEW,
    TABLE_KEY,
    TTL_ATTRIBUTE,
    VARIABLES,
    Alarm,
    Layer,
    Metric,
)
from modules.naming import Naming
from modules.settings import MonitoringSettings
from ops.reference.markdown import table

_NAMING = Naming(environment="{env}")

_INTRODUCTION = """\
# Catalogue

What an environment consists of. `make docs` writes this page from `modules/catalogue.py`; edit
that, not this page. `{env}` is the environment's name; bucket names may end with the setting
`buckets.suffix`. What a row offers exists where the [settings](settings.md) enable it: access logs,
alarms, and so on.
"""


_ALARMS = f"""\
An alarm is in ALARM if its value exceeds the threshold for the stated time; missing data is not
breaching. A percentage or a percentile of fewer samples than stated, in one period, counts as 0.
Thresholds "by default" are settings of [`[monitoring]`](settings.md#monitoring). Alarms on buckets
require `buckets.request_metrics`; the alarm on the distribution requires the Region us-east-1.
`{_NAMING.alarm("health")}` is a composite alarm: ALARM while any other is.
"""


def page() -> str:
    """Return docs/catalogue.md."""
    return "\n".join((_INTRODUCTION, *(f"## {title}\n\n{text}\n" for title, text in _sections())))


def _sections() -> Iterator[tuple[str, str]]:
    yield (
        "Layers",
        table(
            ["Layer", "Stack", "Tag `Layer`"],
            ([layer.key, _code(_NAMING.stack(layer)), layer.tag] for layer in Layer),
        ),
    )
    yield "Buckets", _buckets()
    yield "Cache table", _cache_table()
    yield "Parameters", _parameters()
    yield "Terraform outputs", _outputs()
    yield (
        "Environment variables of the function",
        table(
            ["Variable", "Value"],
            ([_code(name), _code(value)] for name, value in VARIABLES.items()),
        ),
    )
    yield "Metrics", _metrics()
    yield "Alarms", _alarms()
    yield (
        "Resources that can be adopted",
        table(
            ["Setting", "Part", "Layer", "Address", "Import id"],
            (
                [
                    _code(f"adopt.{row.setting}"),
                    row.part,
                    row.layer.key,
                    _code(row.address),
                    _code(row.id.format(naming=_NAMING, setting=f"{{adopt.{row.setting}}}")),
                ]
                for row in ADOPTABLE
            ),
        ),
    )


def _buckets() -> str:
    header = ["Id", "Bucket", "Holds", "Layer", "Read by CloudFront", "CORS", "Versioned"]
    header += ["Access logs", "Replicated", "Request metrics", "Object Lock"]
    rows = (
        [
            _code(one.id),
            _code(_NAMING.bucket(one)),
            one.holds,
            one.layer.key,
            *_yes(one.read_by_cloudfront, one.cross_origin, one.versioned),
            *_yes(one.logged, one.replicated, one.measured, one.object_lock),
        ]
        for one in BUCKETS
    )
    return table(header, rows)


def _cache_table() -> str:
    rows = [
        ["Table", _NAMING.cache_table],
        ["Partition key", TABLE_KEY],
        ["Index", INDEX],
        ["Partition key of the index", INDEX_HASH_KEY],
        ["Sort key of the index", INDEX_RANGE_KEY],
        ["Time to live", TTL_ATTRIBUTE],
        ["Stream", STREAM_VIEW],
        *(["Scalable dimension", one.dimension] for one in SCALING),
    ]
    return table(["What", "Value"], ([what, _code(value)] for what, value in rows))


def _parameters() -> str:
    rows = (
        [
            _code(_NAMING.parameter(one)),
            one.description,
            one.layer.key,
            _code(one.value),
            f"operators, unless `{one.operated}` is set" if one.operated else "Terraform",
            one.needs and _code(one.needs),
        ]
        for one in PARAMETERS
    )
    return table(["Parameter", "Content", "Layer", "Value", "Owner", "Requires"], rows)


def _outputs() -> str:
    rows = (
        [
            _code(one.name),
            one.description,
            one.layer.key,
            _code(one.value),
            one.needs and _code(one.needs),
        ]
        for one in OUTPUTS
    )
    return table(["Output", "Content", "Layer", "Value", "Requires"], rows)


def _metrics() -> str:
    rows = (
        [
            _code(one.name),
            _code(one.namespace),
            ", ".join(_dimensions(one)),
            one.statistic,
            one.unit,
            _minutes(one.period_seconds),
        ]
        for one in METRICS
    )
    return table(["Metric", "Namespace", "Dimensions", "Statistic", "Unit", "Period"], rows)


def _alarms() -> str:
    rows = (
        [
            _code(_NAMING.alarm(alarm.id.format(key))),
            _value(alarm),
            alarm.metrics[0].statistic,
            _threshold(alarm),
            _duration(alarm),
            str(alarm.at_least or ""),
            f"[{alarm.description}](runbook.md#{alarm.runbook})",
        ]
        for alarm in ALARMS
        for key in _measured(alarm)
    )
    header = ["Alarm", "Metric", "Statistic", "Above", "For", "Samples", "Meaning"]
    return f"{_ALARMS}\n{table(header, rows)}"


def _value(alarm: Alarm) -> str:
    value, whole = (
        " + ".join(_code(metric.name) for metric in metrics)
        for metrics in (alarm.metrics, alarm.percent_of)
    )
    return f"{value} in percent of {whole}" if whole else value


def _duration(alarm: Alarm) -> str:
    period = _minutes(alarm.metrics[0].period_seconds)
    return period if alarm.periods == 1 else f"{alarm.periods} x {period}"


def _measured(alarm: Alarm) -> Sequence[str]:
    if alarm.resource != "bucket":
        return [""]
    return [bucket.key for bucket in BUCKETS if bucket.measured]


def _threshold(alarm: Alarm) -> str:
    if isinstance(alarm.threshold, int):
        return str(alarm.threshold)
    return f"{getattr(MonitoringSettings(), alarm.threshold)} by default"


def _dimensions(metric: Metric) -> Iterator[str]:
    for name, value in metric.dimensions.items():
        yield _code(name if value == "{}" else f"{name}={value}")


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < ONE_DAY else "1 day"


def _yes(*flags: bool) -> list[str]:
    return ["yes" if flag else "" for flag in flags]


def _code(text: str) -> str:
    return f"`{text}`"
