"""The deploy roles' rights as an evaluator judges them that shares no code with the emulator's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest

from testing.iam.calls import Call
from testing.iam.evaluators import SIMULATOR, simulated
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
