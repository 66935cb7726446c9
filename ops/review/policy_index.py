"""The statements of a document, to be asked which of them cover or touch a combination of parts.

A set of statements is an integer, one bit for each, because documents may have thousands of
combinations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ops.review.policy_conditions import Condition, implies
from ops.review.policy_document import (
    Effect,
    Element,
    Part,
    Statement,
    covers_part,
    may_share,
)

# Principal, action and resource.
Parts = tuple[Part, Part, Part]


class Index:
    """The statements of one document by their parts."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = statements
        self._effects: dict[Effect, int] = defaultdict(int)
        self._conditions: dict[Condition, int] = defaultdict(int)
        self._parts: dict[Element, dict[Part, int]] = {one: defaultdict(int) for one in Element}
        self._wide: dict[Element, dict[str, list[Part]]] = {
            one: defaultdict(list) for one in Element
        }
        for number, statement in enumerate(statements):
            bit = 1 << number
            self._effects[statement.effect] |= bit
            self._conditions[statement.condition] |= bit
            for element, parts in statement.parts.items():
                for part in parts:
                    self._parts[element][part] |= bit
        for element, held in self._parts.items():
            for part in held:
                if part.wild:
                    self._wide[element][part.start].append(part)
        self._covering: dict[tuple[Element, Part], int] = {}
        self._sharing: dict[tuple[Element, Part], int] = {}
        self._implied: dict[Condition, int] = {}

    def covering(self, effect: Effect, parts: Parts, condition: Condition) -> int:
        """Return the statements of which each certainly covers the combination."""
        found = self._effects.get(effect, 0)
        for element, part in zip(Element, parts, strict=True):
            if not found:
                return 0
            found &= self._covering_part(element, part)
        return found and found & self._implied_by(condition)

    def holding(self, effect: Effect, parts: Parts) -> int:
        """Return the statements that have exactly these parts."""
        found = self._effects.get(effect, 0)
        for element, part in zip(Element, parts, strict=True):
            found &= self._parts[element].get(part, 0)
        return found

    def conditioned(self, condition: Condition) -> int:
        """Return the statements that have the condition."""
        return self._conditions.get(condition, 0)

    def touching(self, effect: Effect, parts: Sequence[Sequence[Part]]) -> int:
        """Return the statements that have one of the parts of each element."""
        found = self._effects.get(effect, 0)
        for element, each in zip(Element, parts, strict=True):
            touched = 0
            for part in each:
                touched |= self._parts[element].get(part, 0)
            found &= touched
        return found

    def sharing(self, effect: Effect, parts: Sequence[Sequence[Part]]) -> int:
        """Return the statements that may have something in common with the combinations."""
        found = self._effects.get(effect, 0)
        for element, each in zip(Element, parts, strict=True):
            touched = 0
            for part in each:
                touched |= self._sharing_part(element, part)
            found &= touched
        return found

    def select(self, bits: int) -> Iterator[Statement]:
        """Yield the statements of a set."""
        while bits:
            lowest = bits & -bits
            yield self.statements[lowest.bit_length() - 1]
            bits ^= lowest

    def _covering_part(self, element: Element, part: Part) -> int:
        found = self._covering.get((element, part))
        if found is None:
            held = self._parts[element]
            found = held.get(part, 0)
            wide = self._wide[element]
            for length in range(len(part.start) + 1):
                for other in wide.get(part.start[:length], ()):
                    if covers_part(element, other, part):
                        found |= held[other]
            self._covering[element, part] = found
        return found

    def _sharing_part(self, element: Element, part: Part) -> int:
        found = self._sharing.get((element, part))
        if found is None:
            found = 0
            for other, bits in self._parts[element].items():
                if bits & ~found and may_share(element, part, other):
                    found |= bits
            self._sharing[element, part] = found
        return found

    def _implied_by(self, condition: Condition) -> int:
        found = self._implied.get(condition)
        if found is None:
            found = 0
            for other, bits in self._conditions.items():
                if implies(condition, other):
                    found |= bits
            self._implied[condition] = found
        return found
