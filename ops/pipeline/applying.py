"""Apply what was reviewed, layer by layer.

Each layer is planned anew, because the layers before it have changed what it reads, and because
nothing that a pull request's code wrote is to run with the rights of the apply. Its plan is applied
only if it does what was reviewed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ops.common.display import Display
from ops.common.output import printable
from ops.pipeline import states
from ops.pipeline.bundle import Bundle, Planned
from ops.pipeline.engine import Engine, HeldError, Made
from ops.pipeline.prediction import Difference, acts, differences
from ops.review import attributes
from ops.review.plan import Plan
from ops.review.reviewing import mask_of
from ops.review.secrets import Mask
from ops.terraform.runner import Changes
from ops.terraform.stacks import Stack

_MOST_SHOWN = 20
_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of a stack: the changes that were made, and those that were made before."""

    stack: str
    changes: Changes = field(default_factory=Changes)
    before: int = 0

    @property
    def text(self) -> str:
        """Return it in a few words."""
        already = f"; {self.before} of the reviewed changes were made before" if self.before else ""
        return f"{self.changes}{already}"


def apply_all(
    stacks: Sequence[Stack], bundle: Bundle, engine: Engine, display: Display
) -> Iterator[Applied]:
    """Apply the stacks in their order, and yield what became of each.

    Raises:
        HeldError: A layer would do what was not reviewed; the layers before it are applied.
        BusyError: Somebody else holds the lock of a state.
        OperatorError: Terraform failed.

    """
    by_name = {stack.name: stack for stack in stacks}

    def moved_on(name: str) -> str:
        return states.moved_on(bundle.of(name).state, engine.state(by_name[name]))

    for stack in stacks:
        reviewed = bundle.of(stack.name)
        with display.step(stack.name) as step:
            moved = moved_on(stack.name)
            settled = reviewed.plan is not None and not _number(reviewed.plan)
            if settled and not moved and not any(map(moved_on, stack.needs)):
                step.result = "nothing to do, as reviewed"
                yield Applied(stack=stack.name)
                continue
            step.say("planning")
            engine.prepare(stack, bundle.lock)
            made = engine.plan(stack, step.say)
            count = _number(made.plan)
            if count or reviewed.plan is None:
                _require_reviewed(reviewed, made, moved)
            changes = Changes()
            if count:
                changes = engine.apply(stack, made, changes=count, say=step.say)
            result = Applied(
                stack=stack.name,
                changes=changes,
                before=_resources(reviewed.plan) - _resources(made.plan) if reviewed.plan else 0,
            )
            step.result = result.text
        yield result


def _resources(plan: Plan) -> int:
    return sum(map(acts, plan.changes))


def _number(plan: Plan) -> int:
    """Return how many changes an apply makes, those of outputs included."""
    return _resources(plan) + sum(change.action.changes for _, change in plan.outputs)


def _require_reviewed(reviewed: Planned, made: Made, moved: str) -> None:
    plan = reviewed.plan
    if plan is None:
        if not _number(made.plan):
            return
        waited = ", ".join(reviewed.deferral.until) if reviewed.deferral else "nothing"
        raise HeldError(f"{reviewed.stack} was not reviewed: it had to wait for {waited}")
    found = list(differences(plan, made.plan))
    if not found:
        return
    mask = mask_of((plan, made.plan))
    lines = [f"  {printable(_line(one, mask))}" for one in islice(found, _MOST_SHOWN)]
    if len(found) > _MOST_SHOWN:
        lines.append(f"  ... and {len(found) - _MOST_SHOWN} more")
    if moved:
        lines.append(f"  {printable(moved)}")
    what = "\n".join(lines)
    raise HeldError(f"{reviewed.stack} would not be changed as it was reviewed\n{what}")


def _line(one: Difference, mask: Mask) -> str:
    where = f"{mask(one.address)}: {one.attribute}" if one.attribute else mask(one.address)
    if one.reviewed is None and one.now is None:
        return f"{where}: {one.text}"
    was, now = (_short(attributes.shown(value, mask)) for value in (one.reviewed, one.now))
    return f"{where}: {one.text} (reviewed: {was}, now: {now})"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
