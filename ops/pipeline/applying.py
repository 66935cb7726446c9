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
from ops.review import attributes, text
from ops.review.acceptance import Acceptances
from ops.review.plan import Plan
from ops.review.report import Review
from ops.review.reviewing import Source, mask_of, review
from ops.review.secrets import Mask
from ops.terraform.runner import Changes
from ops.terraform.stacks import Stack

_MOST_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of a stack: the changes that were made, and how many are no longer planned."""

    stack: str
    changes: Changes = field(default_factory=Changes)
    gone: int = 0

    @property
    def text(self) -> str:
        """Return it in a few words."""
        gone = f"; {self.gone} of the reviewed changes are no longer planned" if self.gone else ""
        return f"{self.changes}{gone}"


def apply_all(
    stacks: Sequence[Stack],
    bundle: Bundle,
    engine: Engine,
    display: Display,
    *,
    lock: str,
    acceptances: Acceptances,
) -> Iterator[Applied]:
    """Apply the stacks in their order, and yield what became of each.

    ``lock`` is the lock file for all of them. A danger must be accepted in what is applied, too: at
    the review it may have been a value that was not known yet.

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
            engine.prepare(stack, lock)
            made = engine.plan(stack, step.say)
            count = _number(made.plan)
            if count or reviewed.plan is None:
                _require_reviewed(reviewed, made, moved)
                _require_accepted(stack.name, made, acceptances)
            changes = Changes()
            if count:
                changes = engine.apply(stack, made, changes=count, say=step.say)
            result = Applied(
                stack=stack.name,
                changes=changes,
                gone=max(0, _resources(reviewed.plan) - _resources(made.plan))
                if reviewed.plan
                else 0,
            )
            step.result = result.text
        yield result


def _resources(plan: Plan) -> int:
    return sum(map(acts, plan.changes))


def _number(plan: Plan) -> int:
    """Return how many changes an apply makes, those of outputs and invoked actions included."""
    outputs = sum(change.action.changes for _, change in plan.outputs)
    return _resources(plan) + outputs + len(plan.invocations)


def _require_accepted(stack: str, made: Made, acceptances: Acceptances) -> None:
    found = review([Source(name=stack, file="", plan=made.plan)], acceptances)
    require_accepted(found)


def require_accepted(found: Review) -> None:
    """Require that every danger of a review is accepted.

    Raises:
        HeldError: One is not.

    """
    lines = [f"  {text.danger(*one)[0]}" for one in found.dangers() if not one[2].accepted]
    if lines:
        raise HeldError(
            "dangers that nobody has accepted:\n" + "\n".join(lines),
            remedy="accept them in accepted-dangers.toml, in a pull request",
        )


def _require_reviewed(reviewed: Planned, made: Made, moved: str) -> None:
    plan = reviewed.plan
    if plan is None:
        if not _number(made.plan):
            return
        waited = ", ".join(reviewed.deferral.until) if reviewed.deferral else "nothing"
        raise HeldError(f"{reviewed.stack} was not reviewed: it had to wait for {waited}")
    found = list(differences(plan, made.plan))
    if not found and not moved.startswith(states.REPLACED):
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
    was, now = text.shortened(*(attributes.shown(value, mask) for value in (one.reviewed, one.now)))
    return f"{where}: {one.text} (reviewed: {was}, now: {now})"
