"""What the doctor expects of an environment is what its layers build, row by row."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modules import catalogue, environments
from modules.app import synthesize
from modules.catalogue import Bucket, Layer, Parameter
from ops.common.output import Output
from ops.common.session import Session
from ops.common.target import find
from ops.doctor import alarms, checks
from ops.doctor.finding import run
from tests.modules.terraform_json import Stack

NAMES = ("dev", "staging", "prod")


def test_the_expected_alarms_are_those_of_the_monitoring_layer(tmp_path: Path) -> None:
    stacks = synthesize(environments.load(NAMES), output=tmp_path)
    for name in NAMES:
        expected = alarms.expected(find(name, variables={}))
        monitoring = f"{name}-monitoring"
        built = Stack.read(tmp_path, monitoring).resources() if monitoring in stacks else {}
        assert set(expected) == {
            resource["alarm_name"]
            for address, resource in built.items()
            if address.startswith("aws_cloudwatch_metric_alarm.")
        }


class _Empty:
    """An account without buckets and parameters."""

    def head_bucket(self, **_: Any) -> None:
        raise _Missing

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [])


class _Missing(Exception):  # noqa: N818  a stand-in for botocore's ClientError
    response = {"Error": {"Code": "NoSuchBucket", "Message": "none"}}  # noqa: RUF012


def _found(check: str) -> list[str]:
    aws: Any = SimpleNamespace(client=lambda _: _Empty())
    session = Session(target=find("prod", variables={}), aws=aws, out=Output(as_json=True))
    return [one.found for one in run(checks.CHECKS[check], session) if one.remedy]


def test_a_new_bucket_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Bucket(id="exports", name="exports", holds="answers")
    monkeypatch.setattr(checks, "BUCKETS", (*catalogue.BUCKETS, row))
    assert "the bucket co2-analysis-prod-exports does not exist, or is not yours" in _found(
        "bucket"
    )


def test_a_new_parameter_is_compared_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Parameter(
        layer=Layer.BASE, path="config/cache/days", value="{cache.ttl_days}", description="any"
    )
    monkeypatch.setattr(checks, "PARAMETERS", (*catalogue.PARAMETERS, row))
    found = _found("configuration")
    assert "/co2-analysis/prod/config/cache/days is missing, not '90'" in found
    # Operators own this one, so any value is right, but there is to be one.
    assert "/co2-analysis/prod/config/cache/namespace is missing" in found


class _Secrets:
    """Secrets Manager with one secret; None is a secret without a value."""

    def __init__(self, value: str | Exception | None) -> None:
        self._value = value

    def describe_secret(self, **_: Any) -> dict[str, Any]:
        return {"VersionIdsToStages": {} if self._value is None else {"1": ["AWSCURRENT"]}}

    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        if isinstance(self._value, Exception):
            raise self._value
        return {"SecretString": self._value}


class _Denied(Exception):  # noqa: N818  a stand-in for botocore's ClientError
    response = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}  # noqa: RUF012


@pytest.mark.parametrize(
    ("value", "found", "healthy"),
    [
        ("the-key", "has the key alone", True),
        ('{"GEMINI_API_KEY": "the-key"}', 'has {"GEMINI_API_KEY": "<key>"}', True),
        ('{"other": "the-key"}', "has neither", False),
        ("two\nlines of the-key", "has neither", False),
        (None, "has no value", False),
        (_Denied(), "has a value", True),
    ],
)
def test_the_form_of_the_secret_is_named_without_its_value(
    value: str | Exception | None, found: str, *, healthy: bool
) -> None:
    aws: Any = SimpleNamespace(client=lambda _: _Secrets(value))
    session = Session(target=find("prod", variables={}), aws=aws, out=Output(as_json=True))

    (one,) = run(checks.CHECKS["secret"], session)

    assert f"co2-analysis-prod-gemini-api-key {found}" in one.found
    assert (one.remedy is None) is healthy
    assert "the-key" not in f"{one.found} {one.remedy}"
