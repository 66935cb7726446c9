"""What a review says, as values in which no secret is left; every output is made from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ops.review.acceptance import Acceptance
from ops.review.dangers import Danger

COLUMNS = (
    "add",
    "change",
    "replace",
    "destroy",
    "import",
    "move",
    "forget",
    "drift",
    "deferred",
)


# Worse than a lowered protection of the same rank.
_LOSES_ALL = {"destroy", "replace"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """An attribute that changes, as texts."""

    path: str
    before: str
    after: str
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A danger, and who has accepted it."""

    danger: Danger
    accepted: Acceptance | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One resource: what is done to it.

    ``operations`` are columns of the summary. ``rights`` are lines about a policy by its path.
    ``later`` are attributes whose values are known after the apply, ``noise`` counts changes from
    nothing to nothing. ``elsewhere`` are attributes in which a resource shows what others manage.
    """

    address: str
    type: str
    operations: tuple[str, ...]
    previous_address: str | None = None
    imports: str | None = None
    deposed: str | None = None
    reason: str | None = None
    lines: tuple[Line, ...] = ()
    rights: tuple[tuple[str, tuple[str, ...]], ...] = ()
    later: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    noise: int = 0
    dangers: tuple[Judged, ...] = ()

    @property
    def rank(self) -> int:
        """The rank of its worst danger; those that are accepted come after all others."""
        ranks = [int(one.danger.rank) + (10 if one.accepted else 0) for one in self.dangers]
        return min(ranks, default=100)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The review of one plan, or of a stack that cannot be planned yet."""

    name: str
    environment: str
    layer: str
    source: str
    items: tuple[Item, ...] = ()
    drift: tuple[Item, ...] = ()
    drift_noise: int = 0
    deferred: tuple[Item, ...] = ()
    outputs: tuple[tuple[str, Line], ...] = ()
    failed_checks: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    waits_for: tuple[str, ...] = ()
    waits_because: str = ""
    errored: bool = False
    has_changes: bool = False

    @property
    def is_deferred(self) -> bool:
        """Whether there is no plan of it yet."""
        return bool(self.waits_for or self.waits_because)

    @property
    def undone(self) -> tuple[Item, ...]:
        """The drift that an apply would undo: that of resources which the plan changes."""
        changed = {item.address for item in self.items}
        return tuple(item for item in self.drift if item.address in changed)

    @property
    def counts(self) -> Counter[str]:
        """Its row of the summary."""
        counted = Counter(operation for item in self.items for operation in item.operations)
        counted["drift"] = len(self.drift)
        counted["deferred"] = len(self.deferred) + self.is_deferred
        return counted

    @property
    def noise(self) -> int:
        """How many changes from one empty value to another are not shown."""
        return self.drift_noise + sum(item.noise for item in (*self.items, *self.drift))


@dataclass(frozen=True, kw_only=True)
class Review:
    """All stacks; of which commit, if that is known; expired and unneeded acceptances."""

    stacks: tuple[Stack, ...]
    commit: str = ""
    expired: tuple[Acceptance, ...] = ()
    unneeded: tuple[Acceptance, ...] = ()

    def dangers(self) -> Iterator[tuple[Stack, Item, Judged]]:
        """Yield every danger, the worst first, those that are accepted at the end."""
        found = [
            (stack, item, judged)
            for stack in self.stacks
            for item in stack.items
            for judged in item.dangers
        ]
        found.sort(
            key=lambda one: (
                one[2].accepted is not None,
                one[2].danger.rank,
                one[2].danger.kind not in _LOSES_ALL,
            )
        )
        yield from found

    @property
    def open_dangers(self) -> int:
        """How many dangers nobody has accepted."""
        return sum(judged.accepted is None for _, _, judged in self.dangers())

    @property
    def exit_code(self) -> int:
        """1: a plan failed; 3: a danger nobody accepted; 2: changes; 0: nothing to do."""
        if any(stack.errored for stack in self.stacks):
            return 1
        if self.open_dangers:
            return 3
        return 2 if any(stack.has_changes or stack.is_deferred for stack in self.stacks) else 0

    @property
    def verdict(self) -> str:
        """The result in one line."""
        failed = sum(stack.errored for stack in self.stacks)
        if failed:
            return f"{_count(failed, 'plan')} failed: the review is not complete."
        if self.open_dangers:
            return f"{_count(self.open_dangers, 'dangerous change')} that nobody has accepted."
        if self.exit_code == 0:
            return "Nothing to do."
        accepted = sum(1 for _ in self.dangers())
        return f"Changes; {_count(accepted, 'danger')} accepted." if accepted else "Changes."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
