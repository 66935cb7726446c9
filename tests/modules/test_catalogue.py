"""Rows of the catalogue: unique names and addresses, templates and thresholds that resolve."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from modules.catalogue import (
    ADOPTABLE,
    ALARMS,
    BUCKET_SIZE,
    BUCKETS,
    DURATION,
    ERRORS,
    INVOCATIONS,
    METRICS,
    OUTPUTS,
    PARAMETERS,
    READ_UNITS,
    REQUESTS_REFUSED,
    Alarm,
    Bucket,
    Layer,
    partition,
)
from modules.settings import MonitoringSettings


@pytest.mark.parametrize(
    "names",
    [
        [bucket.id for bucket in BUCKETS],
        [bucket.name for bucket in BUCKETS],
        [(row.layer, row.id) for row in PARAMETERS],
        [row.path for row in PARAMETERS],
        [(row.layer, row.name) for row in OUTPUTS],
        [alarm.id for alarm in ALARMS],
        [row.address for row in ADOPTABLE],
    ],
    ids=["bucket ids", "bucket names", "parameter ids", "paths", "outputs", "alarms", "addresses"],
)
def test_names_are_unique(names: list[object]) -> None:
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.path)
def test_a_path_has_an_area_a_group_and_a_name(row: object) -> None:
    assert row.path.count("/") == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.id)
def test_a_threshold_is_a_number_or_a_setting(alarm: Alarm) -> None:
    assert isinstance(alarm.threshold, int) or hasattr(MonitoringSettings(), alarm.threshold)
    assert ("{}" in alarm.id) == (alarm.resource == "bucket"), "each bucket needs its own alarm"


@pytest.mark.parametrize(
    "metrics", [(INVOCATIONS, READ_UNITS), (BUCKET_SIZE, REQUESTS_REFUSED)], ids=["two", "periods"]
)
def test_an_alarm_has_one_resource_and_one_period(metrics: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="one resource and one period"):
        _alarm(metrics=metrics)
    with pytest.raises(ValueError, match="one resource and one period"):
        _alarm(metrics=metrics[:1], percent_of=metrics[1:], at_least=1)


def _alarm(**columns: Any) -> Alarm:
    return Alarm(**{"id": "one", "threshold": 0, "description": "", "runbook": "", **columns})


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"metrics": (DURATION,)}, "needs at_least"),
        ({"metrics": (ERRORS,), "percent_of": (INVOCATIONS,)}, "needs at_least"),
        ({"metrics": (ERRORS,), "at_least": 5}, "a sum has none"),
        ({"metrics": (DURATION, DURATION), "at_least": 5}, "cannot be added up"),
        (
            {"metrics": (DURATION,), "percent_of": (INVOCATIONS,), "at_least": 5},
            "cannot be added up",
        ),
    ],
)
def test_a_value_of_few_samples_needs_their_least_number(
    columns: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        _alarm(**columns)


def test_every_metric_of_an_alarm_is_documented() -> None:
    known = [metric.every(0).at("") for metric in METRICS]
    for alarm in ALARMS:
        for metric in (*alarm.metrics, *alarm.percent_of):
            assert metric.every(0).at("") in known, alarm.id


def test_a_bucket_that_no_layer_builds_is_rejected() -> None:
    with pytest.raises(ValueError, match="only the storage layer"):
        Bucket(id="exports", name="exports", holds="answers", layer=Layer.BASE)


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_the_partition_of_a_region(region: str, name: str) -> None:
    assert partition(region) == name
