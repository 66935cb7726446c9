"""CloudWatch alarms: missing data is not breaching, and both transitions are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudwatch_composite_alarm import CloudwatchCompositeAlarm
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import (
    CloudwatchMetricAlarm,
    CloudwatchMetricAlarmMetricQuery,
    CloudwatchMetricAlarmMetricQueryMetric,
)

from modules.catalogue import Alarm, Metric
from modules.stack import LayerStack

_PLAIN_STATISTICS = {"Average", "Maximum", "Minimum", "SampleCount", "Sum"}


@dataclass(frozen=True, kw_only=True)
class AlarmConfig:
    """An alarm of the catalogue with its threshold, and the topic that it publishes to."""

    alarm: Alarm
    threshold: float
    topic_arn: str


@dataclass(frozen=True, kw_only=True)
class CompositeAlarmConfig:
    """A composite alarm: ALARM while any of ``children`` is."""

    description: str
    children: Sequence[CloudwatchMetricAlarm]


def add_alarm(stack: LayerStack, id_: str, config: AlarmConfig) -> CloudwatchMetricAlarm:
    """Add an alarm that publishes both its ALARM and its OK state."""
    alarm = config.alarm
    single = alarm.metrics[0] if len(alarm.metrics) == 1 else None
    percentile = single is not None and single.statistic not in _PLAIN_STATISTICS
    return CloudwatchMetricAlarm(
        stack,
        id_,
        alarm_name=stack.naming.alarm(alarm.id),
        alarm_description=alarm.description,
        comparison_operator="GreaterThanThreshold",
        threshold=config.threshold,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.periods,
        treat_missing_data="notBreaching",
        alarm_actions=[config.topic_arn],
        ok_actions=[config.topic_arn],
        namespace=single.namespace if single else None,
        metric_name=single.name if single else None,
        dimensions=single.dimensions if single else None,
        period=single.period_seconds if single else None,
        statistic=single.statistic if single and not percentile else None,
        extended_statistic=single.statistic if single and percentile else None,
        # A percentile of few samples is noise.
        evaluate_low_sample_count_percentiles="ignore" if percentile else None,
        metric_query=None if single else _sum_of(alarm.metrics),
    )


def _sum_of(metrics: Sequence[Metric]) -> list[CloudwatchMetricAlarmMetricQuery]:
    """Add metrics up. Missing data counts as 0: else a sum with a missing part would be missing."""
    parts = [
        CloudwatchMetricAlarmMetricQuery(
            id=f"m{position}",
            metric=CloudwatchMetricAlarmMetricQueryMetric(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=metric.dimensions,
                stat=metric.statistic,
                period=metric.period_seconds,
            ),
        )
        for position, metric in enumerate(metrics, start=1)
    ]
    total = CloudwatchMetricAlarmMetricQuery(
        id="total",
        label="Total",
        expression=" + ".join(f"FILL({part.id}, 0)" for part in parts),
        return_data=True,
    )
    return [total, *parts]


def add_composite_alarm(
    stack: LayerStack, id_: str, config: CompositeAlarmConfig
) -> CloudwatchCompositeAlarm:
    """Add a composite alarm. It publishes nothing, since its children do; status pages read it."""
    return CloudwatchCompositeAlarm(
        stack,
        id_,
        alarm_name=stack.naming.alarm(id_),
        alarm_description=config.description,
        alarm_rule=" OR ".join(f'ALARM("{child.alarm_name}")' for child in config.children),
        depends_on=[*config.children],
    )
