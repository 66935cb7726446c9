"""Two policy documents, compared by what they mean.

A combination of an effect, a principal, an action, a resource and a condition is new if no single
statement before certainly covered it, and gone if none afterwards does; so what several statements
cover only together is shown as changed. What the documents say about other documents (a denial in
one, a permission in another one) is not weighed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from math import prod

from ops.review.policy_change import Change, Rights
from ops.review.policy_conditions import Condition
from ops.review.policy_dangers import Danger, dangers, notable
from ops.review.policy_document import (
    Effect,
    Element,
    Part,
    PolicyError,
    Statement,
    covers_part,
    may_share,
    read,
)
from ops.review.policy_index import Index, Parts
from ops.review.policy_wording import line, shorten, subject

__all__ = ["Change", "Danger", "PolicyChange", "PolicyError", "compare"]

# The policies of AWS have 32 KiB at most, which is less than this many combinations.
_MOST_COMBINATIONS = 500_000

# Of this many statements with the same condition a line tells what they have of its rights.
_MOST_REMARKED = 50

_Key = tuple[Effect, Parts]


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """What one policy document means more, less or otherwise than another; the worst first."""

    changes: tuple[Change, ...]
    _before: Index = field(repr=False, compare=False)
    _after: Index = field(repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def dangers(self) -> tuple[Danger, ...]:
        """What is dangerous, the worst first."""
        found = (danger for change in self.changes for danger in dangers(change))
        return tuple(sorted(found, key=lambda danger: danger.kind.rank))

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each change."""
        return tuple(
            line(change, notable(change.rights.actions), self._remark(change))
            for change in self.changes
        )

    def document(self) -> dict[str, object]:
        """Return it for JSON, with everything that the lines shorten."""
        return {
            "changes": [
                {
                    "sign": change.sign,
                    "direction": change.direction.value if change.sign == "~" else None,
                    "before": [rights.statement() for rights in change.before],
                    "after": [rights.statement() for rights in change.after],
                    "text": text,
                    "dangers": [
                        {"kind": danger.kind.value, "text": danger.text}
                        for danger in dangers(change)
                    ],
                }
                for change, text in zip(self.changes, self.lines, strict=True)
            ]
        }

    def already(self, change: Change) -> tuple[Rights, ...]:
        """Return what was in effect before and may have something in common with the change."""
        return _overlap(self._before, change.rights)

    def still(self, change: Change) -> tuple[Rights, ...]:
        """Return what is in effect afterwards and may have something in common with the change."""
        return _overlap(self._after, change.rights)

    def _remark(self, change: Change) -> str:
        """Return what was in effect before of wider rights, or what stays of them."""
        if change.sign == "~":
            return ""
        other, word = (self._before, "before") if change.after else (self._after, "still")
        rights = change.rights
        if not any(part.wild for each in rights.parts for part in each):
            return ""
        same = other.conditioned(rights.condition)
        found: set[str] = set()
        for statement in islice(other.select(same), _MOST_REMARKED):
            if statement.effect is not rights.effect:
                continue
            inner = [
                [
                    part
                    for part in statement.parts[element]
                    if any(covers_part(element, wide, part) for wide in mine)
                ]
                for element, mine in zip(Element, rights.parts, strict=True)
            ]
            if not all(inner):
                continue
            principals, actions, resources = (tuple(each) for each in inner)
            if (principals, resources) == (rights.principals, rights.resources):
                found.update(text for part in actions for text in part.texts)
            else:
                inside = replace(
                    rights, principals=principals, actions=actions, resources=resources
                )
                found.add(subject(inside))
        return f"{word}: {shorten(sorted(found))}" if found else ""


def compare(before: object, after: object) -> PolicyChange:
    """Compare two documents, JSON text or parsed; None is no document.

    Raises:
        PolicyError: One is no policy document, or they are too large.

    """
    old, new = Index(read(before)), Index(read(after))
    added = _uncovered(new, old)
    removed = _uncovered(old, new)
    found: dict[tuple[Effect, frozenset[Condition], frozenset[Condition]], set[Parts]] = (
        defaultdict(set)
    )
    for effect, parts in added.keys() | removed.keys():
        lost, gained = (_conditions(index, effect, parts) for index in (old, new))
        lost, gained = lost - gained, gained - lost
        if lost and gained:
            found[effect, lost, gained].add(parts)
            continue
        for one in added.get((effect, parts), ()):
            found[effect, frozenset(), frozenset([one])].add(parts)
        for one in removed.get((effect, parts), ()):
            found[effect, frozenset([one]), frozenset()].add(parts)
    changes = [
        Change(
            before=_rights(old, effect, lost, group),
            after=_rights(new, effect, gained, group),
        )
        for (effect, lost, gained), combinations in found.items()
        for group in _groups(combinations)
    ]
    return PolicyChange(changes=tuple(sorted(changes, key=_order)), _before=old, _after=new)


def _order(change: Change) -> tuple[int, str, str]:
    ranks = [danger.kind.rank for danger in dangers(change)]
    return (min(ranks, default=99), change.sign, line(change))


def _uncovered(mine: Index, theirs: Index) -> dict[_Key, set[Condition]]:
    """Return the combinations that no statement of the other document covers, nor a wider own."""
    known = set(theirs.statements)
    statements = [one for one in mine.statements if one not in known]
    size = sum(prod(len(parts) for parts in one.parts.values()) for one in statements)
    if size > _MOST_COMBINATIONS:
        raise PolicyError(
            f"the policy has {size:,} combinations of principals, actions and resources;"
            f" at most {_MOST_COMBINATIONS:,} are compared"
        )
    found: dict[_Key, set[Condition]] = defaultdict(set)
    for statement in statements:
        effect, condition = statement.effect, statement.condition
        for parts in _combinations(statement):
            if theirs.covering(effect, parts, condition):
                continue
            wider = mine.covering(effect, parts, condition)
            wider &= ~mine.conditioned(condition) | ~mine.holding(effect, parts)
            if not wider:
                found[effect, parts].add(condition)
    return found


def _combinations(statement: Statement) -> Iterator[Parts]:
    principals, actions, resources = (statement.parts[element] for element in Element)
    return ((one, two, three) for one in principals for two in actions for three in resources)


def _conditions(index: Index, effect: Effect, parts: Parts) -> frozenset[Condition]:
    return frozenset(one.condition for one in index.select(index.holding(effect, parts)))


_Group = tuple[tuple[Part, ...], tuple[Part, ...], tuple[Part, ...]]


def _groups(combinations: Iterable[Parts]) -> Iterator[_Group]:
    """Yield combinations as few products: by actions, then by resources, then by principals."""
    products: set[_Group] = {((one,), (two,), (three,)) for one, two, three in combinations}
    for at in (1, 2, 0):
        rows: dict[tuple[object, ...], set[Part]] = defaultdict(set)
        for product in products:
            # What an element excludes stands alone.
            alone = product[at] if product[at][0].negated else ()
            rows[*product[:at], alone, *product[at + 1 :]].update(product[at])
        products = {
            (*row[:at], tuple(sorted(parts, key=_text)), *row[at + 1 :])  # type: ignore[misc]
            for row, parts in rows.items()
        }
    return iter(
        sorted(products, key=lambda group: [[_text(part) for part in each] for each in group])
    )


def _text(part: Part) -> tuple[tuple[str, ...], str]:
    return part.texts, part.meaning


def _rights(
    index: Index, effect: Effect, conditions: Iterable[Condition], group: _Group
) -> tuple[Rights, ...]:
    principals, actions, resources = group
    return tuple(
        Rights(
            effect=effect,
            principals=principals,
            actions=actions,
            resources=resources,
            condition=condition,
            sids=_sids(index.select(index.touching(effect, group) & index.conditioned(condition))),
        )
        for condition in sorted(conditions, key=lambda one: one.meaning)
    )


def _overlap(index: Index, rights: Rights) -> tuple[Rights, ...]:
    """Return the statements of a document, each with what may be in common with the rights."""
    found = []
    for statement in index.select(index.sharing(rights.effect, rights.parts)):
        common = [
            tuple(
                part
                for part in statement.parts[element]
                if any(may_share(element, part, one) for one in each)
            )
            for element, each in zip(Element, rights.parts, strict=True)
        ]
        principals, actions, resources = common
        found.append(
            Rights(
                effect=rights.effect,
                principals=principals,
                actions=actions,
                resources=resources,
                condition=statement.condition,
                sids=_sids([statement]),
            )
        )
    return tuple(found)


def _sids(statements: Iterable[Statement]) -> tuple[str, ...]:
    return tuple(sorted({one.sid for one in statements if one.sid}))
