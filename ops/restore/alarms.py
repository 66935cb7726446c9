"""Whether the alarms on the cache table are there; they go by its name, so a restore keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from ops.common.aws import Client
from ops.common.target import Target


def missing(cloudwatch: Client, target: Target, table: str) -> Iterator[str]:
    """Yield what the settings want and CloudWatch has not; nothing watches a table beside it."""
    if target.settings.monitoring is None or table != target.naming.cache_table:
        return
    wanted = target.naming.table_alarms
    answer = cloudwatch.describe_alarms(AlarmNames=wanted, AlarmTypes=["MetricAlarm"])
    found = {alarm["AlarmName"] for alarm in answer["MetricAlarms"]}
    for name in wanted:
        if name not in found:
            yield f"the alarm {name} is missing: apply the monitoring layer"
