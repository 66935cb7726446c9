"""CloudWatch alarms: missing data is not breaching, and both transitions are published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudwatch_composite_alarm import CloudwatchCompositeAlarm
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import (
    CloudwatchMetricAlarm,
    CloudwatchMetricAlarmMetricQuery,
    CloudwatchMetricAlarmMetricQueryMetric,
)

from modules.catalogue import Alarm, Metric
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class AlarmConfig:
    """An alarm of the catalogue with its threshold, and the topic that it publishes to.

    With ``runbook_url`` its description ends with a link to its section of that page.
    """

    alarm: Alarm
    threshold: int
    topic_arn: str
    runbook_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class MetricAlarm:
    """An alarm that was added, and references to its attributes."""

    resource: CloudwatchMetricAlarm
    name: str
    arn: str


@dataclass(frozen=True, kw_only=True)
class CompositeAlarmConfig:
    """A composite alarm: ALARM while any of ``children`` is."""

    description: str
    children: Sequence[MetricAlarm]


def add_alarm(stack: LayerStack, id_: str, config: AlarmConfig) -> MetricAlarm:
    """Add an alarm that publishes both its ALARM and its OK state."""
    alarm = config.alarm
    plain = alarm.metrics[0] if len(alarm.metrics) == 1 and not alarm.at_least else None
    resource = CloudwatchMetricAlarm(
        stack,
        id_,
        alarm_name=stack.naming.alarm(alarm.id),
        alarm_description=_description(config),
        comparison_operator="GreaterThanThreshold",
        threshold=config.threshold,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.periods,
        treat_missing_data="notBreaching",
        alarm_actions=[config.topic_arn],
        ok_actions=[config.topic_arn],
        namespace=plain.namespace if plain else None,
        metric_name=plain.name if plain else None,
        dimensions=plain.dimensions if plain else None,
        period=plain.period_seconds if plain else None,
        statistic=plain.statistic if plain else None,
        metric_query=None if plain else [*_queries(alarm)],
        # Release 1.0 set "ignore", which the provider keeps while the argument is not set.
        evaluate_low_sample_count_percentiles="evaluate"
        if alarm.metrics[0].is_percentile
        else None,
    )
    # Written here: there are many alarms, and each read of an attribute is a message to the kernel.
    address = f"aws_cloudwatch_metric_alarm.{id_}"
    return MetricAlarm(
        resource=resource, name=f"${{{address}.alarm_name}}", arn=f"${{{address}.arn}}"
    )


def _description(config: AlarmConfig) -> str:
    text = config.alarm.description
    if config.runbook_url is None:
        return text
    return f"{text}. Runbook: {config.runbook_url}#{config.alarm.runbook}"


def _queries(alarm: Alarm) -> Iterator[CloudwatchMetricAlarmMetricQuery]:
    """Yield metric math, first what the alarm compares with its threshold, then its metrics.

    An alarm that ignores percentiles of few samples would keep its state until there are 1,000 (at
    p99), and one on DynamoDB ignores missing data, so both give 0 instead.
    """
    metrics: list[Metric] = []
    for metric in (*alarm.metrics, *alarm.samples):
        if metric not in metrics:
            metrics.append(metric)
    ids = [f"m{position}" for position in range(1, len(metrics) + 1)]

    def add_up(some: Sequence[Metric]) -> str:
        # Missing data counts as 0: else a sum with a missing part would be missing.
        return " + ".join(f"FILL({ids[metrics.index(metric)]}, 0)" for metric in some)

    if alarm.percent_of:
        value = f"IF(samples >= {alarm.at_least}, 100 * total / samples, 0)"
        yield _expression("percent", value, label="Percent")
        yield _expression("total", add_up(alarm.metrics))
        yield _expression("samples", add_up(alarm.samples))
    elif alarm.at_least:
        value = f"IF(FILL(m2, 0) >= {alarm.at_least}, FILL(m1, 0), 0)"
        yield _expression("percentile", value, label=metrics[0].statistic)
    else:
        yield _expression("total", add_up(alarm.metrics), label="Total")
    for id_, metric in zip(ids, metrics, strict=True):
        yield CloudwatchMetricAlarmMetricQuery(
            id=id_,
            metric=CloudwatchMetricAlarmMetricQueryMetric(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=metric.dimensions,
                stat=metric.statistic,
                period=metric.period_seconds,
            ),
        )


def _expression(
    id_: str, expression: str, *, label: str | None = None
) -> CloudwatchMetricAlarmMetricQuery:
    """Return an expression; the one with a label is the alarm's value."""
    return CloudwatchMetricAlarmMetricQuery(
        id=id_, label=label, expression=expression, return_data=True if label else None
    )


def add_composite_alarm(
    stack: LayerStack, id_: str, config: CompositeAlarmConfig
) -> CloudwatchCompositeAlarm:
    """Add a composite alarm. It publishes nothing, since its children do; status pages read it."""
    return CloudwatchCompositeAlarm(
        stack,
        id_,
        alarm_name=stack.naming.alarm(id_),
        alarm_description=config.description,
        alarm_rule=" OR ".join(f'ALARM("{child.name}")' for child in config.children),
        depends_on=[child.resource for child in config.children],
    )
