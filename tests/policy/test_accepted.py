"""Findings are compared with the accepted ones: what is new, not needed any more, or overdue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.problems import InputError
from policy import __main__ as command
from policy.accepted import Entry, compare, read, tool
from policy.findings import CHECKOV, TF_NAG, Finding, Report
from policy.report import entries

TODAY = date(2026, 11, 25)
BOTH = (CHECKOV, TF_NAG)


def _finding(check: str, resource: str, environment: str) -> Finding:
    stack = f"{environment}-storage"
    return Finding(
        environment=environment, check=check, resource=resource, stack=stack, name="Ensure it"
    )


def _entry(*, environments: Sequence[str] = ("prod",), review: date = TODAY) -> Entry:
    return Entry(
        checks=("CKV_AWS_1", "AwsSolutions-S1"),
        resources=("aws_s3_bucket.*",),
        environments=tuple(environments),
        reason="It is public.",
        review=review.isoformat(),
    )


BUCKET = _finding("CKV_AWS_1", "aws_s3_bucket.pages", "prod")
BUCKET_LOG = _finding("AwsSolutions-S1", "aws_s3_bucket.pages", "prod")

FINDINGS = st.lists(
    st.builds(
        _finding,
        st.sampled_from(["CKV_AWS_1", "CKV2_AWS_2", "AwsSolutions-S1"]),
        st.sampled_from(["aws_s3_bucket.pages", "aws_s3_bucket.logs", "aws_kms_key.key"]),
        st.sampled_from(["dev", "prod", "everything"]),
    ),
    min_size=1,
    unique=True,
)


def test_exactly_the_accepted_findings_are_clean() -> None:
    found = compare([BUCKET, BUCKET_LOG], [_entry()], ran=BOTH, today=TODAY)
    assert found.clean
    assert found.accepted == (BUCKET, BUCKET_LOG)


@pytest.mark.parametrize(
    "other",
    [
        _finding("CKV_AWS_11", "aws_s3_bucket.pages", "prod"),
        _finding("CKV_AWS_1", "aws_kms_key.pages", "prod"),
        _finding("CKV_AWS_1", "aws_s3_bucket.pages", "dev"),
    ],
)
def test_another_check_resource_or_environment_is_not_accepted(other: Finding) -> None:
    found = compare([BUCKET, BUCKET_LOG, other], [_entry()], ran=BOTH, today=TODAY)
    assert found.unaccepted == (other,)
    assert not found.clean


def test_every_combination_of_an_entry_must_be_found() -> None:
    found = compare(
        [BUCKET, BUCKET_LOG], [_entry(environments=["prod", "dev"])], ran=BOTH, today=TODAY
    )
    assert found.unneeded == (
        "CKV_AWS_1 on aws_s3_bucket.* in dev",
        "AwsSolutions-S1 on aws_s3_bucket.* in dev",
    )
    assert not found.clean


def test_what_a_tool_would_find_that_did_not_run_is_not_called_unneeded() -> None:
    assert compare([BUCKET], [_entry()], ran=[CHECKOV], today=TODAY).clean
    assert not compare([BUCKET], [_entry()], ran=BOTH, today=TODAY).clean


def test_an_entry_is_overdue_after_the_day_of_its_review() -> None:
    late = compare([BUCKET, BUCKET_LOG], [_entry()], ran=BOTH, today=TODAY + timedelta(days=1))
    assert late.overdue == ("CKV_AWS_1, AwsSolutions-S1 on aws_s3_bucket.* since 2026-11-25",)
    assert not late.clean


@given(FINDINGS, st.data())
def test_the_printed_entries_accept_the_findings_and_nothing_else(
    findings: list[Finding], data: st.DataObject
) -> None:
    text = "\n".join(entries(findings, TODAY))
    with pytest.raises(InputError, match="reason"):
        read(text, where="list")
    accepted = read(text.replace('reason = ""', 'reason = "It is public."'), where="list")
    assert compare(findings, accepted, ran=BOTH, today=TODAY).clean

    gone = data.draw(st.sampled_from(findings))
    left = [one for one in findings if one != gone]
    found = compare(left, accepted, ran=BOTH, today=TODAY)
    assert found.unneeded == (f"{gone.check} on {gone.resource} in {gone.environment}",)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('checks = ["CKV_AWS_1"', "file"),
        ('checks = ["TFSEC_1"]', "checks"),
        ('checks = "CKV_AWS_1"', "checks"),
        ("resources = []", "resources"),
        ('reason = " "', "reason"),
        ('review = "soon"', "review"),
        ('review = "2027-02-32"', "review"),
        ("review = 2026-11-25", "review"),
        ("until = 2026-11-25", "until"),
    ],
)
def test_an_invalid_entry_is_rejected(line: str, field: str) -> None:
    good = {
        "checks": 'checks = ["CKV_AWS_1"]',
        "resources": 'resources = ["aws_s3_bucket.pages"]',
        "environments": 'environments = ["prod"]',
        "reason": 'reason = "It is public."',
        "review": 'review = "2026-11-25"',
    }
    assert len(read("\n".join(["[[accepted]]", *good.values()]), where="list")) == 1
    lines = good | {line.partition(" ")[0]: line}
    with pytest.raises(InputError) as caught:
        read("\n".join(["[[accepted]]", *lines.values()]), where="list")
    (problem,) = caught.value.problems
    assert problem.field.rpartition(".")[2].partition("[")[0] == field


@pytest.mark.parametrize("text", ["", "[accepted]\nchecks = []", "accepted = 1", "[[a]]\n[[b]]"])
def test_a_list_of_another_form_is_rejected(text: str) -> None:
    with pytest.raises(InputError, match="write nothing but tables"):
        read(text, where="list")


_CORRECTED = {
    *("CKV_AWS_68", "CKV2_AWS_31", "CKV2_AWS_47", "AwsSolutions-CFR2"),
    *("CKV_AWS_174", "CKV2_AWS_42", "AwsSolutions-CFR4"),
    *("CKV_AWS_115", "CKV_AWS_338", "CKV_AWS_374", "AwsSolutions-CFR1"),
    *("CKV_AWS_28", "AwsSolutions-DDB3", "AwsSolutions-CFR7", "CKV_AWS_272"),
    # Customer-managed keys; CKV_AWS_145 cannot be corrected of buckets for access logs.
    *("CKV_AWS_119", "CKV_AWS_149", "CKV_AWS_158", "CKV_AWS_173", "CKV_AWS_271"),
}


def test_nothing_that_a_setting_corrects_is_accepted_of_the_hardened_variant() -> None:
    text = (Path(command.__file__).parent / "accepted.toml").read_text(encoding="utf-8")
    accepted = read(text, where="policy/accepted.toml")
    for check in _CORRECTED:
        assert tool(check) in BOTH
        for entry in accepted:
            for resource in entry.resources:
                assert not entry.accepts(_finding(check, resource, "hardened")), check


def _report(*findings: Finding, problems: tuple[str, ...] = ()) -> Report:
    return Report(tool=CHECKOV, findings=findings, problems=problems, passed=1)


@pytest.mark.parametrize(
    ("reports", "code", "printed"),
    [
        ([_report(BUCKET)], 0, "not accepted: 0"),
        ([_report(BUCKET, _finding("CKV_AWS_7", "aws_kms_key.key", "dev"))], 1, "[[accepted]]"),
        ([_report(BUCKET, problems=("cannot parse it",))], 1, "cannot parse it"),
        ([_report()], 1, "CKV_AWS_1 on aws_s3_bucket.pages in prod: remove it"),
    ],
)
def test_the_exit_code_tells_whether_everything_is_as_accepted(
    reports: list[Report],
    code: int,
    printed: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    accepted = tmp_path / "accepted.toml"
    text = "\n".join(entries([BUCKET], date(9999, 1, 1)))
    accepted.write_text(text.replace('""', '"It is public."'), encoding="utf-8")
    monkeypatch.setattr(command, "_ACCEPTED", accepted)
    monkeypatch.setattr(command, "_reports", lambda: reports)
    assert command.main([]) == code
    assert printed in capsys.readouterr().out
    assert command.main(["--json"]) == code
    accepted.write_text(text, encoding="utf-8")
    assert command.main([]) == 2
    assert "reason" in capsys.readouterr().err
