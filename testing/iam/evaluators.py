"""Two evaluators of IAM policies: the emulator's own, and an independent one from npm.

The second one comes with AWS's Service Authorization Reference.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator

from modules.iam import Statement, policy
from testing.iam.calls import ACCOUNT, Call

_CHECKOUT = Path(__file__).resolve().parents[2]
SIMULATOR = _CHECKOUT / "build" / "iam"
_PROGRAMS = Path(__file__).with_name("simulate")
_MAX_SECONDS = 300

Policies = Mapping[str, Sequence[Statement]]


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role with its policies, by name, and its boundary if it has one."""

    policies: Policies
    boundary: Sequence[Statement] | None = None


class Evaluator:
    """The evaluator of the emulator, in process."""

    def __init__(self, role: Role) -> None:
        self._policies = [_parsed(statements) for statements in role.policies.values()]
        self._limits = [[_parsed(role.boundary)]] if role.boundary is not None else []

    def allows(self, call: Call) -> bool:
        """Return whether the role may make a call."""
        return self.decision(call) == "Allow"

    def decision(self, call: Call) -> str:
        """Return Allow, Deny (explicitly) or ImplicitDeny."""
        context = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/session",
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=call.action,
            resource_arn=call.resource,
            region=call.context.get("aws:RequestedRegion", ""),
            service_context={key.lower(): value for key, value in call.context.items()},
        )
        return str(iam_evaluator.evaluate(context, self._policies, *self._limits).decision)


def _parsed(statements: Iterable[Statement]) -> Any:
    return iam_evaluator.parse_policy_document(policy(*statements))


def simulated(role: Role, calls: Sequence[Call]) -> list[str]:
    """Return the independent evaluator's decision on each call, or its objection to the call.

    It knows which resources and condition keys AWS evaluates for an action: it objects to another
    kind of resource, and ignores other keys.
    """
    question = {
        "account": ACCOUNT,
        "policies": [json.loads(policy(*one)) for one in role.policies.values()],
        "boundary": json.loads(policy(*role.boundary)) if role.boundary is not None else None,
        "calls": [
            {
                "action": call.action,
                "resource": call.resource,
                "context": {"aws:ResourceAccount": ACCOUNT, **call.context},
            }
            for call in calls
        ],
    }
    (answers,) = _answers("simulate.cjs", [question])
    return [str(answer) for answer in answers]


@dataclass(frozen=True, kw_only=True)
class Documented:
    """What AWS documents of an action: the patterns of its resources, and its condition keys.

    A condition key that has a part of its own, such as ``aws:ResourceTag/${TagKey}``, ends with the
    slash. Keys that AWS evaluates for every action are not included.
    """

    arns: tuple[str, ...]
    keys: frozenset[str]


def documented(actions: Sequence[str]) -> dict[str, Documented | None]:
    """Return what AWS documents of actions; None for what is no action."""
    return {
        action: found
        and Documented(
            arns=tuple(found["arns"]),
            keys=frozenset(key.partition("$")[0].lower() for key in found["keys"]),
        )
        for action, found in zip(actions, _answers("reference.cjs", actions), strict=True)
    }


def _answers(program: str, questions: Sequence[object]) -> list[Any]:
    done = subprocess.run(
        ["node", str(_PROGRAMS / program), str(SIMULATOR)],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=_MAX_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr}")
    answers: list[Any] = json.loads(done.stdout)
    return answers
