"""The deploy roles' rights as an evaluator judges them that shares no code with the emulator's.

It comes with AWS's Service Authorization Reference, which has every action that there is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache

import pytest

from modules.deploy_rights import boundary
from modules.iam import Statement
from testing.iam.calls import Call
from testing.iam.evaluators import SIMULATOR, Documented, documented, simulated
from tests.iam.cases import (
    FORBIDDEN,
    NEEDED,
    RECORDED,
    ROLES,
    Forbidden,
    calls_elsewhere,
    is_read,
    recorded_for,
)
from tests.iam.record import SCOPE

pytestmark = pytest.mark.slow

ALLOWED, DENIED = "Allowed", {"ImplicitlyDenied", "ExplicitlyDenied"}

# It cannot tell an alias from a version, nor a backup plan or vault from a recovery point, whose
# ARN has no fixed part. AWS's reference names the wrong resource for DeleteDeliverySource. The
# other evaluator judges these calls alone.
UNDECIDED = {
    "backup:ListTags",
    "backup:TagResource",
    "lambda:DeleteProvisionedConcurrencyConfig",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:PutProvisionedConcurrencyConfig",
    "logs:DeleteDeliverySource",
}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if not (SIMULATOR / ".installed").exists():
        message = "NOT JUDGED BY A SECOND EVALUATOR: make build/iam/.installed"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)


def _judged(role: str, calls: Sequence[Call]) -> dict[Call, str]:
    decidable = [call for call in calls if call.action not in UNDECIDED]
    return dict(zip(decidable, simulated(ROLES[role], decidable), strict=True))


@pytest.mark.parametrize("role", ["plan", "apply"])
def test_every_recorded_call_is_allowed(role: str) -> None:
    judged = _judged(role, recorded_for(role))

    assert {call: answer for call, answer in judged.items() if answer != ALLOWED} == {}


@pytest.mark.parametrize("role", ["plan", "apply"])
def test_what_is_needed_beyond_the_recording_is_allowed(role: str) -> None:
    judged = _judged(role, [call for needs, call in NEEDED if needs == role])

    assert {call: answer for call, answer in judged.items() if answer != ALLOWED} == {}


def test_the_plan_role_can_write_nothing_but_locks() -> None:
    judged = _judged("plan", [call for call in RECORDED if not is_read(call)])

    allowed = [call for call, answer in judged.items() if answer not in DENIED]
    assert all(call.resource.endswith(".tflock") for call in allowed), allowed


@pytest.mark.parametrize("role", ["plan", "apply"])
def test_no_other_environment_can_be_reached(role: str) -> None:
    judged = _judged(role, [*calls_elsewhere(role)])

    assert {call: answer for call, answer in judged.items() if answer not in DENIED} == {}


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=lambda one: one.reason)
def test_no_role_does_what_is_forbidden(forbidden: Forbidden) -> None:
    for role in forbidden.roles:
        judged = _judged(role, forbidden.calls)
        assert {call: answer for call, answer in judged.items() if answer not in DENIED} == {}


ALLOWING: dict[str, Statement] = {
    f"{role} {name} {statement.sid}": statement
    for role, groups in (
        *((role, found.policies) for role, found in ROLES.items()),
        ("boundary", {"policy": boundary(SCOPE)}),
    )
    for name, statements in groups.items()
    for statement in statements
    if statement.effect == "Allow"
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Documented | None]:
    return documented(sorted({action for one in ALLOWING.values() for action in one.actions}))


def _same_kind(one: str, other: str) -> bool:
    """Return whether two patterns of ARNs have an ARN in common."""
    return all(map(_overlap, one.split(":", 5), other.split(":", 5)))


def _overlap(one: str, other: str) -> bool:
    """Return whether two patterns have a string in common."""

    @cache
    def rest(i: int, j: int) -> bool:
        if i == len(one) or j == len(other):
            return set(one[i:]) | set(other[j:]) <= {"*"}
        if "*" in (one[i], other[j]):
            return rest(i + 1, j) or rest(i, j + 1)
        return (one[i] == other[j] or "?" in (one[i], other[j])) and rest(i + 1, j + 1)

    return rest(0, 0)


def test_every_action_exists(reference: dict[str, Documented | None]) -> None:
    assert [action for action, found in reference.items() if found is None] == []


def test_every_action_supports_a_resource_and_every_resource_an_action(
    reference: dict[str, Documented | None],
) -> None:
    unsupported = []
    for name, statement in ALLOWING.items():
        named = [resource for resource in statement.resources if resource != "*"]
        arns = {action: found.arns for action in statement.actions if (found := reference[action])}
        supported = {
            (action, resource)
            for action, patterns in arns.items()
            for resource in named
            if any(_same_kind(pattern, resource) for pattern in patterns)
        }
        if named:
            unsupported += [
                f"{name}: {one}"
                for one in (*arns, *named)
                if not any(one in pair for pair in supported)
            ]

    assert unsupported == []


def test_every_condition_key_is_one_of_the_action(
    reference: dict[str, Documented | None],
) -> None:
    # Every action has them: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    everywhere = {"aws:requestedregion", "aws:resourceaccount"}
    unknown = [
        f"{name}: {action} has no {key}"
        for name, statement in ALLOWING.items()
        for action in statement.actions
        if (found := reference[action])
        for keys in statement.conditions.values()
        for key in keys
        if "".join(key.lower().partition("/")[:2]) not in found.keys | everywhere
    ]

    assert unknown == []
