"""The output of checkov and tf-nag is read, and never mistaken for a clean result."""

from __future__ import annotations

from typing import Any

import pytest

from policy.findings import read_checkov, read_tf_nag

STACKS: dict[str, Any] = {
    "prod-base": {"resource": {"aws_s3_bucket": {"logs": {}}, "aws_kms_key": {"key": {}}}},
    "dev-eu-base": {"resource": {"aws_s3_bucket": {"logs": {}}}},
}


def _result(stack: str, resource: str) -> dict[str, Any]:
    return {
        "check_id": "CKV_AWS_1",
        "check_name": "Ensure it",
        "file_path": f"/shipped/stacks/{stack}/cdk.tf.json",
        "resource": resource,
    }


def _document(**results: list[Any]) -> dict[str, Any]:
    passed = [_result(stack, "aws_s3_bucket.logs") for stack in STACKS]
    return {"results": {"passed_checks": passed, **results}}


def test_a_failed_check_is_a_finding_in_its_environment_and_at_its_address() -> None:
    failed = [
        _result("prod-base", "aws_kms_key.key"),
        _result("prod-base", "aws_kms_key.key"),
        _result("dev-eu-base", "resource.logs"),
    ]
    report = read_checkov(_document(failed_checks=failed), STACKS)
    assert [(one.environment, one.stack, one.resource) for one in report.findings] == [
        ("dev-eu", "dev-eu-base", "aws_s3_bucket.logs"),
        ("prod", "prod-base", "aws_kms_key.key"),
    ]
    assert not report.problems
    assert report.passed == 2


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        # What checkov writes, with exit code 0, if it has found nothing to read.
        ({"passed": 0, "failed": 0, "parsing_errors": 0}, "passed no check of prod-base"),
        (_document(parsing_errors=["prod-base/cdk.tf.json"]), "cannot parse prod-base/cdk.tf.json"),
        (_document(skipped_checks=[_result("prod-base", "a.b")]), "skipped CKV_AWS_1"),
        (
            {"results": {"passed_checks": [_result("prod-base", "a.b")]}},
            "passed no check of dev-eu-base",
        ),
    ],
)
def test_what_checkov_did_not_judge_is_a_problem(document: dict[str, Any], problem: str) -> None:
    report = read_checkov(document, STACKS)
    assert problem in "\n".join(report.problems)


def _violation(compliance: str) -> dict[str, str]:
    return {
        "rule_id": "AwsSolutions-S1",
        "address": "module.dev-eu-base.aws_s3_bucket.logs",
        "message": "No logs",
        "compliance": compliance,
    }


def test_an_undecided_rule_is_another_finding_than_a_broken_one() -> None:
    addresses = [
        "module.prod-base.aws_s3_bucket.logs",
        "module.prod-base.aws_kms_key.key",
        "module.dev-eu-base.aws_s3_bucket.logs",
    ]
    plan = {"resource_changes": [{"address": address} for address in addresses]}
    found = [_violation("NON_COMPLIANT"), _violation("UNKNOWN")]
    report = read_tf_nag(found, plan, STACKS)
    assert [(one.environment, one.check, one.resource) for one in report.findings] == [
        ("dev-eu", "AwsSolutions-S1", "aws_s3_bucket.logs"),
        ("dev-eu", "AwsSolutions-S1:unknown", "aws_s3_bucket.logs"),
    ]
    assert not report.problems

    plan["resource_changes"].pop()
    report = read_tf_nag(found, plan, STACKS)
    assert report.problems == ("tf-nag did not see aws_s3_bucket.logs of dev-eu-base",)
