"""Metrics from the emulator."""

from __future__ import annotations

import datetime as dt

import pytest

from modules.catalogue import INDEX
from testing.storage import NOW, Storage
from tests.ops.conftest import Run

pytestmark = pytest.mark.integration


def test_metrics(box: Run, storage: Storage) -> None:
    table = storage.naming.cache_table
    storage.emulator.client("cloudwatch").put_metric_data(
        Namespace="AWS/DynamoDB",
        MetricData=[
            {
                "MetricName": "WriteThrottleEvents",
                "Dimensions": [{"Name": "TableName", "Value": table}],
                "Timestamp": NOW - dt.timedelta(hours=hours),
                "Value": 3.0,
            }
            for hours in (1, 5)
        ],
    )
    found = box("metrics", "table", "--last", "6h", "--json").json()
    throttled, of_index = [one for one in found if one["metric"] == "WriteThrottleEvents"]
    assert of_index["dimensions"]["GlobalSecondaryIndexName"] == INDEX
    assert [value for value in throttled["values"] if value is not None] == [3.0, 3.0]
    assert {one["topic"] for one in found} == {"table"}
    drawn = box("metrics", "--last", "6h")
    line, line_of_index = [x for x in drawn.out.splitlines() if "WriteThrottleEvents" in x]
    assert INDEX in line_of_index
    assert " 6 " in line
    assert "█" in line
    assert "AllRequests" not in drawn.out, "this environment has no request metrics"
    assert "AllRequests" in box("metrics", "requests").out
    wrong = box("metrics", "weather")
    assert (wrong.code, "there is no topic 'weather'" in wrong.err) == (2, True)
