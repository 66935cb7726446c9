"""Every kind of change, in plans of real Terraform: what the reader of a review sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.review import json_report, markdown, sarif, sources, terminal
from ops.review.acceptance import Acceptances
from ops.review.attributes import parsed
from ops.review.plan import Action, PlanError
from ops.review.report import COLUMNS, Review
from ops.review.reviewing import REASONS, review
from ops.review.secrets import HIDDEN
from tests.review.building import change, source

CORPUS = Path(__file__).resolve().parents[1] / "review"
REAL, BY_HAND = CORPUS / "plans", CORPUS / "by_hand"
REFUSED = BY_HAND / "refused.json"
FILES = sorted({*REAL.glob("*.json"), *BY_HAND.glob("*.json")} - {REFUSED})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of change: the plan that has it, and the lines by which a reader knows it."""

    name: str
    action: Action
    plan: str
    address: str
    operations: tuple[str, ...]
    shows: tuple[str, ...]


def _kind(name: str, action: Action, plan: str, address: str, operations: str, *shows: str) -> Kind:
    return Kind(
        name=name,
        action=action,
        plan=plan,
        address=address,
        operations=tuple(operations.split()),
        shows=shows,
    )


_A = Action
_FORCED = "name cannot be changed in place"
KINDS = [
    _kind("create", _A.CREATE, "kinds", "aws_ssm_parameter.created", "add",
          "+ aws_ssm_parameter.created  (add)"),
    _kind("update", _A.UPDATE, "kinds", "aws_ssm_parameter.updated", "change",
          "! aws_ssm_parameter.updated  (change)", 'insecure_value: "before" -> "after"'),
    _kind("delete", _A.DELETE, "kinds", "aws_ssm_parameter.deleted", "destroy",
          "- aws_ssm_parameter.deleted  (destroy; it is no longer in the configuration)"),
    _kind("replace", _A.DELETE_THEN_CREATE, "kinds", "aws_sqs_queue.replaced", "replace",
          f"-/+ aws_sqs_queue.replaced  (replace; {_FORCED})",
          'because: name: "kinds-replaced" -> "kinds-replaced-after"'),
    _kind("replace, created first", _A.CREATE_THEN_DELETE, "kinds", "aws_sqs_queue.renewed",
          "replace",
          f"-/+ aws_sqs_queue.renewed  (replace; {_FORCED}; the new one is created first)"),
    _kind("replace, of what holds nothing", _A.DELETE_THEN_CREATE, "kinds", "aws_iam_role.renamed",
          "replace", f"-/+ aws_iam_role.renamed  (replace; {_FORCED})"),
    _kind("replace, tainted", _A.DELETE_THEN_CREATE, "kinds", "aws_sqs_queue.tainted", "replace",
          "because: it is tainted: its creation failed"),
    _kind("replace, -replace", _A.DELETE_THEN_CREATE, "kinds", "aws_sqs_queue.requested", "replace",
          "because: -replace asks for it"),
    _kind("replace, triggered", _A.DELETE_THEN_CREATE, "kinds", "aws_iam_policy.triggered",
          "replace", "-/+ aws_iam_policy.triggered  (replace; replace_triggered_by)"),
    _kind("delete, count", _A.DELETE, "kinds", "aws_ssm_parameter.counted[1]", "destroy",
          "- aws_ssm_parameter.counted[1]  (destroy; count is lower)"),
    _kind("delete, for_each", _A.DELETE, "kinds", 'aws_ssm_parameter.keyed["b"]', "destroy",
          '- aws_ssm_parameter.keyed["b"]  (destroy; for_each no longer has its key)'),
    _kind("delete, repetition", _A.DELETE, "kinds", "aws_ssm_parameter.repeated", "destroy",
          "because: count or for_each was added or removed"),
    _kind("delete, module", _A.DELETE, "kinds", "module.removed.terraform_data.inside", "destroy",
          "- module.removed.terraform_data.inside  (destroy; it is no longer in the "),
    _kind("delete, no move target", _A.DELETE, "forgets", "aws_sqs_queue.moved_away",
          "destroy move", "because: it was moved to where there is no resource"),
    _kind("delete, of a later version", _A.DELETE, "forgets", "aws_sqs_queue.invented", "destroy",
          "because: delete because of a later version"),
    _kind("delete, module instance", _A.DELETE, "forgets", "module.gone[1].aws_sns_topic.one",
          "destroy", "because: its module is no longer in the configuration"),
    _kind("delete, deposed", _A.DELETE, "deposed", "aws_s3_bucket.data", "destroy",
          "because: an earlier apply replaced it, and could not destroy it", "deposed object "),
    _kind("destroy plan", _A.DELETE, "destroy", "aws_dynamodb_table.cache", "destroy",
          "critical: destroy/aws_dynamodb_table.cache:destroy"),
    _kind("read", _A.READ, "kinds", "data.aws_ssm_parameter.read_later", "",
          "= data.aws_ssm_parameter.read_later"
          "  (it is read during the apply: what it depends on changes)"),
    _kind("read, unknown argument", _A.READ, "kinds", "data.aws_ssm_parameter.read_when_known", "",
          "it is read during the apply: its arguments are not known yet"),
    _kind("read, for a check", _A.READ, "kinds", "data.aws_sns_topic.in_a_check", "",
          "it is read during the apply, for a check"),
    _kind("move", _A.NO_OP, "kinds", "aws_sns_topic.moved", "move",
          "= aws_sns_topic.moved  (move; from aws_sns_topic.old_name)"),
    _kind("move and change", _A.UPDATE, "kinds", "aws_sns_topic.moved_changed", "change move",
          "! aws_sns_topic.moved_changed  (change, move; from aws_sns_topic.old_name_changed)",
          'display_name: "before" -> "after"'),
    _kind("move and replace", _A.DELETE_THEN_CREATE, "kinds", "aws_sqs_queue.moved_replaced",
          "replace move",
          f"(replace, move; from aws_sqs_queue.old_name_replaced; {_FORCED})"),
    _kind("import", _A.NO_OP, "kinds", "aws_cloudwatch_log_group.imported", "import",
          "= aws_cloudwatch_log_group.imported  (import; id /kinds/imported)"),
    _kind("import and change", _A.UPDATE, "kinds", "aws_cloudwatch_log_group.imported_changed",
          "change import",
          "! aws_cloudwatch_log_group.imported_changed  (change, import; id /kinds/imported-",
          "retention_in_days: 0 -> 7"),
    _kind("import by identity", _A.NO_OP, "forgets", "aws_cloudwatch_log_group.identified",
          "import", "= aws_cloudwatch_log_group.identified  (import; id name=/by-hand)"),
    _kind("import, known later", _A.NO_OP, "forgets", "aws_cloudwatch_log_group.identified_later",
          "import", "(import; id known after apply)"),
    _kind("forget", _A.FORGET, "kinds", "aws_cloudwatch_log_group.forgotten", "forget",
          "x aws_cloudwatch_log_group.forgotten  (forget; it is no longer in the configuration)",
          "high: kinds/aws_cloudwatch_log_group.forgotten:forget"),
    _kind("replace and forget", _A.CREATE_THEN_FORGET, "forgets", "aws_dynamodb_table.kept",
          "replace", "the new one is created first, and the old one stays",
          "high: forgets/aws_dynamodb_table.kept:forget"),
    _kind("change of OpenTofu", _A.UPDATE, "opentofu", 'aws_sqs_queue.changed["a"]', "change",
          "delay_seconds: 0 -> 5"),
]  # fmt: skip
# Nothing is done to these: an apply changes neither them nor anything outside Terraform.
UNSEEN = [
    (Action.NO_OP, "kinds", "aws_sns_topic.unchanged"),
    (Action.OPEN, "opentofu", "ephemeral.aws_secretsmanager_secret_version.key"),
]


@pytest.fixture(scope="module")
def reviews() -> dict[str, Review]:
    return {file.stem: review(sources.load([file]), Acceptances()) for file in FILES}


@pytest.fixture(scope="module")
def plans() -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES}


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.name)
def test_a_reader_sees_what_is_done(
    kind: Kind, reviews: dict[str, Review], plans: dict[str, dict[str, Any]]
) -> None:
    (actions,) = (
        one["change"]["actions"]
        for one in plans[kind.plan]["resource_changes"]
        if one["address"] == kind.address and ("deposed" in one) == (kind.plan == "deposed")
    )
    assert tuple(actions) == kind.action.value, "the plan no longer has this kind"
    found = reviews[kind.plan]
    for text in (markdown.comment(found, limit=65_000), markdown.full(found)):
        assert [line for line in kind.shows if line not in text] == []
    document: Any = json_report.document(found)
    (item,) = (one for one in document["stacks"][0]["changes"] if one["address"] == kind.address)
    assert item["operations"] == list(kind.operations)


@pytest.mark.parametrize(("action", "plan", "address"), UNSEEN)
def test_what_does_nothing_is_not_shown(
    action: Action,
    plan: str,
    address: str,
    reviews: dict[str, Review],
    plans: dict[str, dict[str, Any]],
) -> None:
    assert [list(action.value)] == [
        one["change"]["actions"]
        for one in plans[plan]["resource_changes"]
        if one["address"] == address
    ]
    assert address not in "".join(outputs(reviews[plan]).values())


def test_every_action_and_reason_has_a_plan(plans: dict[str, dict[str, Any]]) -> None:
    listed = {kind.action for kind in KINDS} | {action for action, _, _ in UNSEEN}
    assert set(Action) == listed
    reasons = {
        one.get("action_reason")
        for plan in plans.values()
        for one in plan.get("resource_changes", [])
    }
    assert reasons >= REASONS.keys()


def test_every_column_of_the_summary_has_a_plan(reviews: dict[str, Review]) -> None:
    counted = {
        column
        for found in reviews.values()
        for stack in found.stacks
        for column, number in stack.counts.items()
        if number
    }
    assert counted == set(COLUMNS)


def test_outputs_are_shown_by_what_is_done_to_them(reviews: dict[str, Review]) -> None:
    text = markdown.full(reviews["kinds"])
    for line in (
        '+ output added: null -> "after"',
        '! output changed: "before" -> "after"',
        '! output nested.region: "us-east-1" -> "eu-west-1"',
        "+ output known_later: null -> (known after apply)",
        f"! output hidden: {HIDDEN} -> {HIDDEN}",
        '- output removed: "before" -> null',
    ):
        assert f"\n{line}\n" in text
    document: Any = json_report.document(reviews["kinds"])
    found = {one["path"]: one["operation"] for one in document["stacks"][0]["outputs"]}
    assert found["nested.region"] == "change"
    assert (found["added"], found["removed"]) == ("add", "destroy")
    assert "becomes-sensitive" not in "".join(outputs(reviews["kinds"]).values())


def test_checks_that_fail_are_shown_with_their_message(reviews: dict[str, Review]) -> None:
    text = markdown.full(reviews["kinds"])
    assert "`check.fails: fail: The parameter is not encrypted.`" in text
    assert "`check.cannot_read: fail: reading SSM Parameter (/kinds/missing)" in text
    for other in ("check.passes", "check.known_later", "check.reads", "Never shown"):
        assert other not in text


def test_what_was_changed_by_hand_is_drift(reviews: dict[str, Review]) -> None:
    for name, address, operation in (
        ("kinds", "aws_ssm_parameter.gone_in_aws", "destroy"),
        ("changes", "aws_dynamodb_table.cache", "change"),
        ("drift", "aws_ssm_parameter.model", "change"),
    ):
        document: Any = json_report.document(reviews[name])
        drift = {one["address"]: one["operations"] for one in document["stacks"][0]["drift"]}
        assert drift[address] == [operation]
        _, _, after = markdown.full(reviews[name]).partition("Changed outside Terraform")
        assert address in after
    # A refresh-only plan has drift alone, and applying it changes the state.
    assert reviews["drift"].exit_code == 2
    assert not any(item.operations for item in reviews["drift"].stacks[0].items)


def test_what_cannot_be_planned_yet_is_deferred_with_the_reason(
    reviews: dict[str, Review],
) -> None:
    text = markdown.full(reviews["deferred"])
    for line in (
        "deferred: add aws_s3_object.each[*]: instance count unknown",
        "deferred: change aws_sns_topic.later: deferred prereq",
        "deferred: data.aws_ssm_parameter.later: provider config unknown",
        "deferred: destroy aws_sqs_queue.gone: absent prereq",
        "deferred: add aws_sqs_queue.unknown: resource config unknown",
    ):
        assert f"- `{line}`\n" in text
    assert reviews["deferred"].stacks[0].counts["deferred"] == 5
    assert reviews["deferred"].exit_code == 2


def test_a_failed_plan_says_that_it_is_not_all(reviews: dict[str, Review]) -> None:
    assert reviews["failed"].exit_code == 1
    text = markdown.full(reviews["failed"])
    assert "1 plan failed: the review is not complete" in text
    assert "PLAN FAILED" in text


def test_exit_codes_of_the_corpus(reviews: dict[str, Review]) -> None:
    assert {name: found.exit_code for name, found in reviews.items()} == {
        **dict.fromkeys(reviews, 3),
        "failed": 1,
        "nothing": 0,
        "deferred": 2,
        "drift": 2,
    }


def test_an_unknown_major_version_is_refused() -> None:
    with pytest.raises(PlanError, match=r"refused\.json: the plan has format '2\.0'"):
        sources.load([REFUSED])


# --- Secrets -----------------------------------------------------------------------------------


def outputs(found: Review) -> dict[str, str]:
    """Return every output of a review."""
    return {
        "terminal": "\n".join(terminal.lines(found, colour=True)),
        "comment": markdown.comment(found, limit=65_000),
        "full": markdown.full(found),
        "json": json.dumps(json_report.document(found), ensure_ascii=False),
        "sarif": json.dumps(sarif.document(found), ensure_ascii=False),
    }


def _marked(value: Any, mark: Any) -> Iterator[str]:
    """Yield the texts and numbers that a plan marks as sensitive."""
    if mark is True:
        if isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from _marked(one, True)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value)
            yield from _marked(parsed(str(value)), True)
    elif isinstance(value, dict) and isinstance(mark, dict):
        for key, inner in mark.items():
            yield from _marked(value.get(key), inner)
    elif isinstance(value, list) and isinstance(mark, list):
        for one, inner in zip(value, mark, strict=False):
            yield from _marked(one, inner)


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_what_a_plan_marks_is_in_no_output(
    name: str, reviews: dict[str, Review], plans: dict[str, dict[str, Any]]
) -> None:
    secrets = {
        secret
        for part in ("resource_changes", "resource_drift")
        for one in plans[name].get(part, [])
        for side in ("before", "after")
        for secret in _marked(one["change"].get(side), one["change"].get(f"{side}_sensitive"))
        # Words of an ordinary text; a shorter one is hidden only where it stands.
        if len(secret) > 6
    }
    texts = outputs(reviews[name])
    assert [(where, one) for one in secrets for where, text in texts.items() if one in text] == []
    if name == "secrets":
        assert len(secrets) > 20
        assert {"7777001", "sesame-in-a-set-1", "sesame-nested-2"} <= secrets


def test_what_the_provider_forgot_is_in_no_output(
    reviews: dict[str, Review], plans: dict[str, dict[str, Any]]
) -> None:
    """Neither where a value's name is beside it, nor in a policy, a check, a tag or a JSON text."""
    assert json.dumps(plans["secrets"]).count("sesame") > 40
    for name, text in outputs(reviews["secrets"]).items():
        assert "sesame" not in text, name


def test_a_policy_that_differs_in_a_secret_alone_is_changed(reviews: dict[str, Review]) -> None:
    assert (
        f"condition changed: StringEquals sts:ExternalId = {HIDDEN} -> {HIDDEN} #2"
        in markdown.full(reviews["secrets"])
    )


def test_the_other_value_of_a_pair_stays_readable(reviews: dict[str, Review]) -> None:
    text = markdown.full(reviews["secrets"])
    assert 'container_definitions.environment[LOG_LEVEL].value: "debug-1" -> "debug-2"' in text
    assert f"container_definitions.environment[DB_PASSWORD].value: {HIDDEN} -> {HIDDEN}" in text


# --- Size --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_5_000_resources_the_worst_are_in_the_comment() -> None:
    tags = [
        change(f'aws_sns_topic.t["{number}"]', {"tags": {"a": "1"}}, {"tags": {"a": "2"}})
        for number in range(4_990)
    ]
    worst = [
        change(f"aws_dynamodb_table.t{number}", {"name": "t"}, actions=["delete"])
        for number in range(10)
    ]
    found = review([source(*tags, *worst)], Acceptances())
    text = markdown.comment(found, limit=markdown.DEFAULT_LIMIT, pointer="report.md")
    assert markdown.size(text) <= markdown.DEFAULT_LIMIT < markdown.GITHUB_LIMIT
    assert all(f"aws_dynamodb_table.t{number}:destroy" in text for number in range(10))
    assert "parts are left out. All: `report.md`" in text
    whole = markdown.full(found)
    assert all(f't["{number}"]' in whole for number in range(4_990))
