"""CloudWatch alarms: one call for each, with the same treatment of missing data and mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudwatch_composite_alarm import CloudwatchCompositeAlarm
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import (
    CloudwatchMetricAlarm,
    CloudwatchMetricAlarmMetricQuery,
    CloudwatchMetricAlarmMetricQueryMetric,
)

from modules.resources.metric import FIVE_MINUTES, Metric
from modules.stack import LayerStack

_PLAIN_STATISTICS = {"Average", "Maximum", "Minimum", "SampleCount", "Sum"}


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When somebody is told: ``metrics``, added up, above ``threshold`` for ``periods`` of them.

    ``id`` is the alarm's name, too. No data means that nothing was asked, which alarms nobody.
    """

    id: str
    description: str
    metrics: Sequence[Metric]
    threshold: float
    periods: int = 1


def add_alarm(stack: LayerStack, alarm: Alarm, *, topic_arn: str) -> CloudwatchMetricAlarm:
    """Add an alarm that tells the topic when it goes off, and when it is over."""
    single = alarm.metrics[0] if len(alarm.metrics) == 1 else None
    percentile = single is not None and single.statistic not in _PLAIN_STATISTICS
    return CloudwatchMetricAlarm(
        stack,
        alarm.id.replace("-", "_"),
        alarm_name=stack.naming.alarm(alarm.id),
        alarm_description=alarm.description,
        comparison_operator="GreaterThanThreshold",
        threshold=alarm.threshold,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.periods,
        treat_missing_data="notBreaching",
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        namespace=single.namespace if single else None,
        metric_name=single.name if single else None,
        dimensions=single.dimensions if single else None,
        period=single.period_seconds if single else None,
        statistic=single.statistic if single and not percentile else None,
        extended_statistic=single.statistic if single and percentile else None,
        # With few requests a percentile is one request's luck.
        evaluate_low_sample_count_percentiles="ignore" if percentile else None,
        metric_query=None if single else _sum_of(alarm.metrics),
    )


def _sum_of(metrics: Sequence[Metric]) -> list[CloudwatchMetricAlarmMetricQuery]:
    """Add metrics up, with 0 for what is missing: a service that has nothing to say says nothing.

    A sum with a missing part would be missing, too, and an alarm on it stay where it was.
    """
    parts = [
        CloudwatchMetricAlarmMetricQuery(
            id=f"m{position}",
            metric=CloudwatchMetricAlarmMetricQueryMetric(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=metric.dimensions,
                stat=metric.statistic,
                period=FIVE_MINUTES,
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
    stack: LayerStack, id_: str, *, description: str, children: Sequence[CloudwatchMetricAlarm]
) -> CloudwatchCompositeAlarm:
    """Add one state for many alarms: on while any of ``children`` is.

    It tells nobody, since its children do; a status page or a deployment's check reads it.
    """
    return CloudwatchCompositeAlarm(
        stack,
        id_.replace("-", "_"),
        alarm_name=stack.naming.alarm(id_),
        alarm_description=description,
        alarm_rule=" OR ".join(f'ALARM("{child.alarm_name}")' for child in children),
        depends_on=[*children],
    )
