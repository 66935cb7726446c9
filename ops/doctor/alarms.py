"""The alarms that an environment's settings ask for, and those that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.catalogue import Resource
from ops.common.target import Target

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


def expected(target: Target, resource: Resource | None = None) -> list[str]:
    """Return the names of the alarms, of one kind of resource or of all."""
    return [
        target.naming.alarm(alarm.id.format(bucket.key if bucket else ""))
        for alarm, bucket in target.settings.alarms
        if resource in (None, alarm.resource)
    ]


def missing(
    cloudwatch: CloudWatchClient, target: Target, resource: Resource | None = None
) -> list[str]:
    """Return a sentence for each alarm that does not exist."""
    names = expected(target, resource)
    if not names:
        return []
    answer = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm"])
    found = {alarm["AlarmName"] for alarm in answer["MetricAlarms"]}
    return [f"the alarm {name} is missing" for name in names if name not in found]
