"""Tests of the deploy roles' rights: recorded calls, and what no role may do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modules import environments
from modules.deploy_rights import (
    Right,
    Scope,
    apply_groups,
    apply_rights,
    boundary,
    boundary_rights,
    plan_groups,
    plan_rights,
)
from modules.iam import Statement, policy
from modules.naming import Naming
from testing.iam.calls import Call
from testing.iam.evaluators import Evaluator, Role
from tests.iam.cases import (
    FORBIDDEN,
    NAMELESS,
    NEEDED,
    OTHER_ENVIRONMENTS,
    RECORDED,
    ROLES,
    Forbidden,
    calls_elsewhere,
    elsewhere,
    is_read,
    recorded_for,
)
from tests.iam.record import SCOPE
from tests.modules.conftest import VARIANTS
from tests.modules.terraform_json import Stack

EVALUATORS = {name: Evaluator(role) for name, role in ROLES.items()}
GROUPS = {"plan": plan_groups(SCOPE), "apply": apply_groups(SCOPE)}

LARGEST_POLICY = 6144
MOST_POLICIES = 9

# A read that needs the right to write, since AWS has no other.
LOCKS = {"s3:PutObject", "s3:DeleteObject"}


@pytest.mark.parametrize("role", ["plan", "apply"])
def test_every_recorded_call_is_allowed(role: str) -> None:
    denied = [call for call in recorded_for(role) if not EVALUATORS[role].allows(call)]

    assert denied == []


def test_the_plan_role_can_write_nothing_but_locks() -> None:
    allowed = [call for call in RECORDED if not is_read(call) and EVALUATORS["plan"].allows(call)]

    assert {call.action for call in allowed} <= LOCKS
    assert all(call.resource.endswith(".tflock") for call in allowed)


def _rights() -> Iterable[tuple[str, Right]]:
    return (
        (role, right)
        for role, groups in GROUPS.items()
        for rights in groups.values()
        for right in rights
        if right.effect == "Allow"
    )


def test_every_right_is_used_or_has_a_reason() -> None:
    unused, used = [], []
    for role, right in _rights():
        alone = Evaluator(Role(policies={"alone": [right.statement()]}))
        used_here = {call.action for call in recorded_for(role) if alone.allows(call)}
        unused += [
            f"{role} {right.sid} {action}" for action in right.actions if action not in used_here
        ]
        used += [
            f"{role} {right.sid} {action}" for action in right.unrecorded if action in used_here
        ]

    assert unused == [], "allowed, never called, and without a reason"
    assert used == [], "called after all, so no reason is needed"


def _documents() -> Iterator[Statement]:
    """Yield every statement of the deploy roles and of the boundary, for all settings."""
    for rights in (plan_rights(SCOPE), apply_rights(SCOPE), {"boundary": boundary(SCOPE)}):
        for statements in rights.values():
            yield from statements


def test_every_arn_names_its_partition_and_service() -> None:
    """IAM refuses a pattern there: the vendor must be fully qualified."""
    arns = {arn for statement in _documents() for arn in statement.resources if arn != "*"}

    assert len(arns) > len(RECORDED) / 10
    for arn in arns:
        start, partition, service, *rest = arn.split(":", 5)
        assert (start, len(rest)) == ("arn", 3), arn
        assert re.fullmatch(r"aws[a-z-]*", partition), arn
        assert re.fullmatch(r"[a-z0-9-]+", service), arn


def test_a_right_on_every_resource_has_a_reason_and_no_other_has() -> None:
    rights = [right for _, right in _rights()] + [*boundary_rights(SCOPE)]
    wide = {right.sid for right in rights if "*" in right.resources}

    assert wide
    assert wide == {right.sid for right in rights if right.every_resource}


@pytest.mark.parametrize("role", ["plan", "apply"])
def test_no_other_environment_can_be_reached(role: str) -> None:
    allowed = [call for call in calls_elsewhere(role) if EVALUATORS[role].allows(call)]

    assert allowed == []


def test_writes_that_name_no_environment_are_known() -> None:
    nameless = {
        call.action
        for call in recorded_for("apply")
        if not is_read(call) and elsewhere(call, "staging") == call
    }

    assert nameless == NAMELESS


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=lambda one: one.reason)
def test_no_role_does_what_is_forbidden(forbidden: Forbidden) -> None:
    allowed = [
        (role, call)
        for role in forbidden.roles
        for call in forbidden.calls
        if EVALUATORS[role].allows(call)
    ]

    assert allowed == []


def test_what_is_needed_beyond_the_recording_is_allowed() -> None:
    assert [(role, call) for role, call in NEEDED if not EVALUATORS[role].allows(call)] == []


def _size(statements: Iterable[Statement]) -> int:
    return len(json.dumps(json.loads(policy(*statements)), separators=(",", ":")))


def _longest() -> Scope:
    """Return the scope of the longest names that AWS allows."""
    name = "a"
    while not list(Naming(environment=f"{name}a").problems()):
        name += "a"
    region = "ap-southeast-2"
    start = "arn:aws-us-gov:iam::123456789012:policy/co2-analysis/bootstrap/co2-analysis-"
    return Scope(
        naming=Naming(environment=name),
        region=region,
        account_id="123456789012",
        boundary_arn=f"{start}{name}-boundary",
        state_bucket="b" * 63,
        state_key_arn=f"arn:aws:kms:{region}:123456789012:key/mrk-{'0' * 32}",
    )


@pytest.mark.parametrize("rights", [plan_rights, apply_rights])
def test_policies_fit_into_their_limits(
    rights: Callable[[Scope], Mapping[str, tuple[Statement, ...]]],
) -> None:
    sizes = {group: _size(found) for group, found in rights(_longest()).items()}

    assert max(sizes.values()) <= LARGEST_POLICY, sizes
    assert len(sizes) <= MOST_POLICIES


def test_the_boundary_fits_into_one_policy() -> None:
    assert _size(boundary(_longest())) <= LARGEST_POLICY


def _scope(name: str) -> Scope:
    (environment,) = environments.load([name], folder=VARIANTS)
    settings = environment.settings
    return Scope(
        naming=environment.naming,
        region=settings.region,
        account_id=settings.account_id or "",
        boundary_arn=str(settings.permissions_boundary),
    )


def _filled(scope: Scope, document: str) -> dict[str, Any]:
    """Return a policy with what Terraform would replace its expressions by."""
    table = scope.arn("dynamodb", f"table/{scope.naming.cache_table}")
    values = {
        "aws_dynamodb_table.cache.arn": table,
        "data.aws_caller_identity.current.account_id": scope.account_id,
        "data.terraform_remote_state.base.outputs.data_key_arn": scope.arn("kms", "key/own"),
        "data.terraform_remote_state.storage.outputs.cache_table_arn": table,
    }
    for id_, bucket in scope.naming.buckets.items():
        values[f"aws_s3_bucket.{id_}.arn"] = scope.bucket_arn(bucket)
        copy = scope.bucket_arn(scope.naming.replica(bucket))
        values[f"aws_s3_bucket.{id_}_replica.arn"] = copy
    filled = re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], document)
    policy_: dict[str, Any] = json.loads(filled)
    return policy_


def _calls(statement: Mapping[str, Any]) -> Iterator[Call]:
    """Yield a call for each action and resource of a statement, which meets its conditions."""
    context = {}
    for tests in statement.get("Condition", {}).values():
        for key, values in tests.items():
            value = values if isinstance(values, str) else values[0]
            context[key] = value.replace("*", "eu-central-1")
    for action in statement["Action"]:
        for resource in statement["Resource"]:
            concrete = resource.replace("*", "x").replace("?", "x")
            yield Call(action=action, resource=concrete, context=context)


@pytest.mark.parametrize("variant", ["everything", "hardened"])
def test_the_boundary_allows_what_the_layers_give_their_roles(
    variant: str, request: pytest.FixtureRequest
) -> None:
    stacks: dict[str, Stack] = request.getfixturevalue(variant)
    scope = _scope(variant)
    bounded = Evaluator(Role(policies={"boundary": boundary(scope)}))
    policies = [
        str(arguments["policy"])
        for stack in stacks.values()
        for address, arguments in stack.resources().items()
        if address.startswith("aws_iam_role_policy.")
    ]

    denied = [
        call
        for document in policies
        for statement in _filled(scope, document)["Statement"]
        for call in _calls(statement)
        if not bounded.allows(call)
    ]

    assert len(policies) == len(("function", "replication", "backup"))
    assert denied == []


@pytest.mark.parametrize(
    "action",
    [
        "iam:PassRole",
        "iam:PutRolePolicy",
        "sts:AssumeRole",
        "dynamodb:DeleteTable",
        "lambda:UpdateFunctionCode",
        "s3:DeleteObject",
        "s3:PutBucketPolicy",
        "secretsmanager:PutSecretValue",
        "ssm:PutParameter",
    ],
)
def test_a_bounded_role_with_every_right_cannot(action: str) -> None:
    everything = Statement(sid="All", actions=("*",), resources=("*",))
    role = Evaluator(Role(policies={"all": [everything]}, boundary=boundary(SCOPE)))
    own = {one.resource for one in RECORDED if one.action == action}

    for resource in own or {"*"}:
        assert not role.allows(Call(action=action, resource=resource))


@pytest.mark.parametrize("environment", OTHER_ENVIRONMENTS)
def test_a_bounded_role_cannot_read_another_environments_secret(environment: str) -> None:
    everything = Statement(sid="All", actions=("*",), resources=("*",))
    role = Evaluator(Role(policies={"all": [everything]}, boundary=boundary(SCOPE)))
    (secret,) = {one.resource for one in RECORDED if one.action == "secretsmanager:DescribeSecret"}
    value = Call(action="secretsmanager:GetSecretValue", resource=secret)

    assert role.allows(value)
    assert not role.allows(elsewhere(value, environment))


def test_the_page_lists_each_policy_and_its_services() -> None:
    page = Path("docs/deploy-roles.md").read_text(encoding="utf-8")
    row = r"^\| `([a-z-]+)` \| \w+ \| [^|]+ \| ([^|]*?) *\|$"
    listed = dict(re.findall(row, page, flags=re.MULTILINE))

    assert listed == {
        f"{role}-{group}": ", ".join(
            sorted(
                {
                    action.partition(":")[0]
                    for right in rights
                    if right.effect == "Allow"
                    for action in right.statement().actions
                }
            )
        )
        for role, groups in GROUPS.items()
        for group, rights in groups.items()
    }
