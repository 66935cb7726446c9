"""What differs between two policy documents, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ops.review.policy_conditions import Condition, implies
from ops.review.policy_document import ABSENT, Effect, Element, Part


class Direction(StrEnum):
    """Where a statement applies after its conditions changed, compared with before."""

    LOOSENED = "loosened"
    TIGHTENED = "tightened"
    CHANGED = "changed"  # neither is certain


@dataclass(frozen=True, kw_only=True)
class Rights:
    """An effect on each combination of principals, actions and resources, on one condition."""

    effect: Effect
    principals: tuple[Part, ...]
    actions: tuple[Part, ...]
    resources: tuple[Part, ...]
    condition: Condition
    sids: tuple[str, ...] = field(default=(), compare=False)

    @property
    def parts(self) -> tuple[tuple[Part, ...], tuple[Part, ...], tuple[Part, ...]]:
        """Principals, actions and resources."""
        return self.principals, self.actions, self.resources

    def statement(self) -> dict[str, object]:
        """Return the rights as a statement of IAM, in version 2012-10-17."""
        return {
            "Effect": self.effect.value,
            **_principals(self.principals),
            **_element(Element.ACTION, self.actions),
            **_element(Element.RESOURCE, self.resources),
            **_condition(self.condition),
        }


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one line says: rights that are new, that are gone, or whose conditions changed.

    ``before`` and ``after`` have the same parts. New rights have no ``before``, lost ones no
    ``after``; several on one side are alternatives.
    """

    before: tuple[Rights, ...]
    after: tuple[Rights, ...]

    @property
    def rights(self) -> Rights:
        """The rights after the change, or those that are lost."""
        return (self.after or self.before)[0]

    @property
    def effect(self) -> Effect:
        """What the statements do."""
        return self.rights.effect

    @property
    def sign(self) -> str:
        """+ for new rights, - for lost ones, ~ for other conditions."""
        if self.before and self.after:
            return "~"
        return "+" if self.after else "-"

    @property
    def direction(self) -> Direction:
        """Whether the effect reaches farther (a new right does) or less far than before."""
        wider = all(
            any(implies(old.condition, new.condition) for new in self.after) for old in self.before
        )
        narrower = all(
            any(implies(new.condition, old.condition) for old in self.before) for new in self.after
        )
        if wider == narrower:
            return Direction.CHANGED
        return Direction.LOOSENED if wider else Direction.TIGHTENED


def _principals(parts: tuple[Part, ...]) -> dict[str, object]:
    kinds: dict[str, list[str]] = {}
    for part in parts:
        for kind, text in zip(part.kinds, part.texts, strict=True):
            kinds.setdefault(kind, []).append(text)
    return {_name(Element.PRINCIPAL, parts): kinds} if kinds else {}


def _element(element: Element, parts: tuple[Part, ...]) -> dict[str, object]:
    texts = [text for part in parts for text in part.texts]
    return {_name(element, parts): texts} if parts != (ABSENT,) else {}


def _name(element: Element, parts: tuple[Part, ...]) -> str:
    return f"Not{element.value}" if parts[0].negated else element.value


def _condition(condition: Condition) -> dict[str, object]:
    names: dict[str, dict[str, list[str]]] = {}
    for test in condition.tests:
        names.setdefault(test.name, {})[test.key] = list(test.texts)
    return {"Condition": names} if names else {}
