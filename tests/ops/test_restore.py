"""Which version of an object is restored, and what is set on a restored table."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.settings import EncryptionSettings
from ops.common.errors import OperatorError
from ops.common.target import find
from ops.doctor import alarms
from ops.restore.tables import TablePlan, begin, configure, remaining
from ops.restore.versions import RestoreMode, Step, Version, step
from ops.table.table_status import TableStatus

BEGIN = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
HISTORY = st.lists(st.sampled_from("abX"), min_size=1, max_size=8)


def _history(letters: str | list[str]) -> list[Version]:
    """Return versions of the contents a, b...; X is a deletion. One a minute, the latest first."""
    return [
        Version(
            key="k",
            id=str(number),
            modified=BEGIN + dt.timedelta(minutes=number),
            marker=letter == "X",
            latest=number == len(letters) - 1,
            etag=letter,
        )
        for number, letter in enumerate(letters)
    ][::-1]


def _result(versions: list[Version], done: Step) -> str:
    """Return the content after a step; X if the object is not there."""
    if done.copy:
        return done.copy.etag
    if done.delete:
        return "X"
    left = [version for version in versions if version.id not in done.markers]
    return left[0].etag if left else "X"


@pytest.mark.parametrize(
    ("history", "after"),
    [("aX", "a"), ("abX", "b"), ("aXX", "a"), ("aXbX", "b"), ("ab", "b"), ("X", "X")],
)
def test_undelete(history: str, after: str) -> None:
    versions = _history(history)
    assert _result(versions, step("k", versions, RestoreMode.UNDELETE, None)) == after


@pytest.mark.parametrize(
    ("history", "after"), [("ab", "a"), ("aXb", "a"), ("a", "a"), ("abX", "X"), ("X", "X")]
)
def test_previous(history: str, after: str) -> None:
    versions = _history(history)
    assert _result(versions, step("k", versions, RestoreMode.PREVIOUS, None)) == after


@given(HISTORY, st.integers(min_value=-1, max_value=8))
def test_as_it_was_at_any_time(letters: list[str], minute: int) -> None:
    versions = _history(letters)
    at = BEGIN + dt.timedelta(minutes=minute, seconds=30)
    wanted = letters[min(minute, len(letters) - 1)] if minute >= 0 else "X"
    done = step("k", versions, RestoreMode.AT, at)
    assert _result(versions, done) == wanted
    if wanted == letters[-1]:
        assert done.action == "keep"


class _Refused(Exception):  # noqa: N818  a stand-in for botocore's ClientError
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code, "Message": "not yet"}}


class _NewTable:
    """A newly restored table: without settings, and at first not ready for some of them."""

    def __init__(self, refusals: int, code: str) -> None:
        self._left = refusals
        self._code = code
        self.made: list[str] = []

    def describe_table(self, **_: Any) -> Any:
        return {"Table": {"TableArn": "arn", "TableStatus": "ACTIVE"}}

    def describe_time_to_live(self, **_: Any) -> Any:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def describe_continuous_backups(self, **_: Any) -> Any:
        return {"ContinuousBackupsDescription": {}}

    def get_paginator(self, operation: str) -> _NewTable:
        assert operation == "list_tags_of_resource"
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"Tags": []}]

    def update_time_to_live(self, **_: Any) -> None:
        self.made.append("expiry")

    def update_table(self, **parameters: Any) -> None:
        self.made.append("stream" if "StreamSpecification" in parameters else "protection")

    def update_continuous_backups(self, **_: Any) -> None:
        if self._left:
            self._left -= 1
            raise _Refused(self._code)
        self.made.append("recovery")

    def tag_resource(self, **_: Any) -> None:
        self.made.append("tags")


class _Scaling:
    """Application Auto Scaling, which the emulator does not have."""

    def __init__(self) -> None:
        self.targets: list[Any] = []
        self.policies: list[Any] = []

    def register_scalable_target(self, **parameters: Any) -> None:
        self.targets.append(parameters)

    def describe_scalable_targets(self, **_: Any) -> Any:
        return {"ScalableTargets": self.targets}

    def put_scaling_policy(self, **parameters: Any) -> None:
        self.policies.append(parameters)


PROD = find("prod", variables={})


def _configure(table: Any, scaling: Any) -> TableStatus:
    return configure(table, scaling, PROD, "t", lambda: None, sleep=lambda _: None)


def test_every_setting_is_made_and_a_refused_one_retried() -> None:
    table, scaling = _NewTable(3, "ContinuousBackupsUnavailableException"), _Scaling()
    _configure(table, scaling)
    assert table.made == ["expiry", "stream", "recovery", "protection", "tags"]
    ranges = {
        (one["ResourceId"], one["MinCapacity"], one["MaxCapacity"]) for one in scaling.targets
    }
    assert ranges == {("table/t", 5, 50), ("table/t/index/cached-at-index", 5, 50)}
    assert {one["ScalableDimension"] for one in scaling.policies} == {
        "dynamodb:table:ReadCapacityUnits",
        "dynamodb:table:WriteCapacityUnits",
        "dynamodb:index:ReadCapacityUnits",
        "dynamodb:index:WriteCapacityUnits",
    }
    names = {one["PolicyName"] for one in scaling.policies}
    assert len(names) == 4
    assert all(name.startswith("co2-analysis-prod-cache-") for name in names)


def test_a_setting_that_is_always_refused_ends_the_restore() -> None:
    with pytest.raises(OperatorError, match="cannot be configured yet"):
        _configure(_NewTable(10_000, "ContinuousBackupsUnavailableException"), _Scaling())


def test_a_forbidden_setting_is_not_retried() -> None:
    with pytest.raises(_Refused):
        _configure(_NewTable(1, "AccessDeniedException"), _Scaling())


def test_scaling_that_is_missing_or_differs_is_reported() -> None:
    scaling: Any = _Scaling()
    found = _configure(_NewTable(0, ""), scaling)
    reported = [one for one in remaining(scaling, found, PROD) if "scaled" in one]
    assert reported == []
    scaling.targets[0]["MaxCapacity"] = 7
    del scaling.targets[3]
    reported = [one for one in remaining(scaling, found, PROD) if "scaled" in one]
    assert reported == [
        "dynamodb:table:ReadCapacityUnits of table/t is not scaled from 5 to 50",
        (
            "dynamodb:index:WriteCapacityUnits of table/t/index/cached-at-index"
            " is not scaled from 5 to 50"
        ),
    ]


class _Alarms:
    def __init__(self, *names: str) -> None:
        self._names = names

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        return {"MetricAlarms": [{"AlarmName": name} for name in self._names]}


def test_a_missing_alarm_is_reported() -> None:
    first, *others = alarms.expected(PROD, "table")
    one_missing: Any = _Alarms(*others)
    (reported,) = alarms.missing(one_missing, PROD, "table")
    assert first in reported
    complete: Any = _Alarms(first, *others)
    assert alarms.missing(complete, PROD, "table") == []


class _Restoring:
    def __init__(self) -> None:
        self.encryption: Any = None

    def restore_table_from_backup(self, **parameters: Any) -> None:
        self.encryption = parameters["SSESpecificationOverride"]


@pytest.mark.parametrize(
    ("choice", "key"),
    [
        (None, {}),
        ("own", {"KMSMasterKeyId": "alias/co2-analysis-prod-data"}),
        ("arn:aws:kms:a", {"KMSMasterKeyId": "arn:aws:kms:a"}),
    ],
)
def test_a_restored_table_has_the_key_of_the_settings(
    choice: str | None, key: dict[str, str]
) -> None:
    encryption = EncryptionSettings(own_key=True, table=choice)
    target = replace(PROD, settings=replace(PROD.settings, encryption=encryption))
    plan = TablePlan(source="t", into="t", begun=False, backup="arn")
    dynamodb: Any = _Restoring()
    begin(dynamodb, target, plan, "t")
    assert dynamodb.encryption == {"Enabled": True, "SSEType": "KMS", **key}
