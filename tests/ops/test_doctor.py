"""What the doctor expects of an environment is what its layers build, row by row."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from modules import catalogue, environments
from modules.app import synthesize
from modules.catalogue import Bucket, Layer, Parameter
from modules.owner_warnings import warnings
from ops.common.aws import Aws
from ops.common.errors import RefusedError
from ops.common.local_address import Key
from ops.common.output import Output
from ops.common.session import Session
from ops.common.target import find
from ops.doctor import alarms, checks
from ops.doctor.finding import Finding, run
from tests.modules.terraform_json import Stack
from tests.ops.conftest import Run

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


class _Versioned:
    """S3 with every bucket, all of them versioned."""

    def head_bucket(self, **_: Any) -> dict[str, Any]:
        return {"BucketRegion": "us-east-1"}

    def get_bucket_versioning(self, **_: Any) -> dict[str, Any]:
        return {"Status": "Enabled"}


@pytest.mark.parametrize("wanted", [True, False])
def test_the_access_log_bucket_has_its_own_setting_of_versioning(*, wanted: bool) -> None:
    session = _session(_Versioned())
    settings = dataclasses.replace(
        session.target.settings,
        buckets=dataclasses.replace(
            session.target.settings.buckets, access_logs_days=30, access_logs_versioning=wanted
        ),
    )
    target = dataclasses.replace(session.target, settings=settings)

    found = run(checks.CHECKS["bucket"], dataclasses.replace(session, target=target))

    wrong = {one.found for one in found if one.remedy}
    assert wrong == (set() if wanted else {"co2-analysis-prod-access-logs, versioning on"})


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


def test_the_warnings_of_the_synthesis_are_findings_that_name_the_file() -> None:
    session = _session(None, "prod")
    environment = environments.Environment(
        naming=session.target.naming, settings=session.target.settings
    )

    found = list(run(checks.CHECKS["settings"], session))

    expected = {one.field for one in warnings(environment)}
    assert "account_id" in expected
    assert {one.found.split(":")[0] for one in found} == expected
    assert {one.status for one in found} == {"WARN"}
    assert all(str(one.remedy).startswith("environments/prod.toml: ") for one in found)


def test_nothing_is_left_to_fill_in() -> None:
    (one,) = run(checks.CHECKS["settings"], _session(None, "dev"))
    assert one.status == "ok"


def test_a_warning_does_not_change_the_exit_code(
    ops: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Key.new().write(tmp_path / "credentials")
    monkeypatch.setenv("CO2_LOCAL_CREDENTIALS", str(tmp_path / "credentials"))
    findings = [Finding(found="good"), Finding(found="odd", remedy="mend it", warning=True)]
    monkeypatch.setattr("ops.doctor.commands.CHECKS", {"any": lambda _: iter(findings)})

    document = ops("doctor", "--env", "box", "--json", port=4566).json()

    assert document["healthy"] is True
    assert [one["status"] for one in document["findings"]] == ["ok", "WARN"]
    shown = ops("doctor", "--env", "box", port=4566)
    assert shown.code == 0
    assert "WARN" in shown.out
    assert "remedy: mend it" in shown.out

    findings.append(Finding(found="bad", remedy="repair it"))
    broken = ops("doctor", "--env", "box", "--json", port=4566)
    assert (broken.code, json.loads(broken.out)["healthy"]) == (1, False)
    assert "1 thing is wrong with box" in broken.err


@pytest.mark.parametrize(("name", "status"), [("dev", "ok"), ("prod", "WARN")])
def test_a_missing_account_id_is_a_warning_where_data_is_retained(name: str, status: str) -> None:
    aws: Any = SimpleNamespace(account="123456789012")
    session = dataclasses.replace(_session(None, name), aws=aws)

    (one,) = run(checks.CHECKS["account"], session)

    assert one.status == status
    assert "the settings have no account_id" in one.found


@pytest.mark.parametrize(
    "error", [NoCredentialsError(), RefusedError("another account", remedy="choose a profile")]
)
def test_without_the_account_the_report_says_so_once(
    error: Exception, ops: Run, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (settings / "box.toml").read_text(encoding="utf-8")
    text = text.replace("[local_aws]\nport = 4566\n", "")
    (settings / "box.toml").write_text(f'account_id = "123456789012"\n{text}', encoding="utf-8")
    monkeypatch.setattr(Aws, "account", property(lambda _: _raise(error)))

    shown = ops("doctor", "--env", "box", "--json")

    document = json.loads(shown.out)
    assert (shown.code, document["healthy"]) == (1, False)
    found = {one["what"]: one for one in document["findings"]}
    assert found["account"]["status"] == "WRONG"
    assert list(found) == ["tools", "settings", "account", "others"]
    assert found["others"]["status"] == "WARN"
    after = list(checks.CHECKS)[3:]
    assert f": {', '.join(after)}" in found["others"]["found"]
    assert "1 thing is wrong with box" in shown.err
    # Other commands stop.
    assert ops("table", "size", "--env", "box").out == ""


def _raise(error: Exception) -> str:
    raise error


def _session(
    client: Any, name: str = "prod", *, endpoint: str | None = None, **function: Any
) -> Session:
    """Return a session on AWS, whose every client is ``client``, with settings of the function."""
    target = find(name, variables={})
    options = {"reserved_concurrency": None, **function}
    settings = dataclasses.replace(
        target.settings, function=dataclasses.replace(target.settings.function, **options)
    )
    target = dataclasses.replace(target, settings=settings, endpoint=endpoint)
    aws: Any = SimpleNamespace(client=lambda _: client)
    return Session(target=target, aws=aws, out=Output(as_json=True))


def _concurrency(
    quota: int, *, unreserved: int | None = None, deployed: int | None = None, **function: Any
) -> list[Finding]:
    """Return the findings in an account with this quota; None is a function without reservation."""
    client = boto3.client(
        "lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        limit = {
            "ConcurrentExecutions": quota,
            "UnreservedConcurrentExecutions": quota if unreserved is None else unreserved,
        }
        stub.add_response("get_account_settings", {"AccountLimit": limit}, {})
        stub.add_response(
            "get_function_concurrency",
            {} if deployed is None else {"ReservedConcurrentExecutions": deployed},
            {"FunctionName": "co2-analysis-prod-reasoning-function"},
        )
        found = list(run(checks.CHECKS["concurrency"], _session(client, **function)))
        stub.assert_no_pending_responses()
        return found


def test_a_new_account_cannot_reserve_concurrency() -> None:
    wrong, warned = _concurrency(10, reserved_concurrency=50)

    assert wrong.status == "WRONG"
    assert "quota of 10" in wrong.found
    # 50, and the 100 that Lambda keeps unreserved.
    assert "--desired-value 150 --region us-east-1" in str(wrong.remedy)
    assert "remove function.reserved_concurrency" in str(wrong.remedy)
    assert warned.status == "WARN"
    assert warned.remedy == "set function.account_concurrency = 10"


@pytest.mark.parametrize(
    ("unreserved", "deployed", "wanted", "needed"),
    [
        (1000, None, 900, None),
        (1000, None, 901, 1001),
        (300, None, 200, None),
        (300, None, 201, 1001),
        # Already deployed, it fits by itself; more of it does not.
        (100, 900, 900, None),
        (100, 900, 901, 1001),
        (100, 300, 350, 1050),
    ],
)
def test_the_reservation_must_leave_what_lambda_keeps_unreserved(
    unreserved: int, deployed: int | None, wanted: int, needed: int | None
) -> None:
    (one,) = _concurrency(
        1000, unreserved=unreserved, deployed=deployed, reserved_concurrency=wanted
    )

    assert one.status == ("ok" if needed is None else "WRONG")
    if needed:
        assert f"--desired-value {needed} " in str(one.remedy)


@pytest.mark.parametrize(("quota", "most"), [(1000, 900), (100, 0), (10, 0)])
def test_an_unset_reservation_is_a_hint(quota: int, most: int) -> None:
    (one,) = _concurrency(quota)

    assert one.status == "ok"
    assert f"function.reserved_concurrency is unset, and could be at most {most}" in one.found


def test_the_settings_name_the_accounts_quota() -> None:
    right, warned = _concurrency(2000, reserved_concurrency=50, account_concurrency=1000)

    assert (right.status, warned.status) == ("ok", "WARN")
    assert warned.remedy == "set function.account_concurrency = 2000"


@pytest.mark.parametrize(
    ("code", "found", "status"),
    [
        ("ResourceNotFoundException", "at most 900", "ok"),
        ("AccessDeniedException", "may not", "WARN"),
    ],
)
def test_the_quota_is_compared_without_a_function_or_a_permission(
    code: str, found: str, status: str
) -> None:
    client = boto3.client(
        "lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    with Stubber(client) as stub:
        stub.add_response("get_account_settings", {"AccountLimit": limit})
        stub.add_client_error("get_function_concurrency", code)
        (one,) = run(checks.CHECKS["concurrency"], _session(client))

    assert found in one.found
    assert one.status == status


def test_the_emulators_quota_is_not_compared() -> None:
    session = _session(None, endpoint="http://127.0.0.1:4566", reserved_concurrency=50)
    assert list(run(checks.CHECKS["concurrency"], session)) == []
