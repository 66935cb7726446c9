"""What differs between two policy documents, as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ops.review.policy_change import Change, Rights
from ops.review.policy_conditions import Condition, Test, all_of
from ops.review.policy_document import ABSENT, EVERYONE, Effect, Part

_MOST_ACTIONS, _MOST_OTHERS = 8, 4
_MOST_CHARACTERS = 200
_VERBS = {
    (Effect.ALLOW, "+"): "allows",
    (Effect.ALLOW, "-"): "no longer allows",
    (Effect.ALLOW, "~"): "allows",
    (Effect.DENY, "+"): "denies",
    (Effect.DENY, "-"): "no longer denies",
    (Effect.DENY, "~"): "denies",
}


def line(change: Change, first: Iterable[str] = (), remark: str = "") -> str:
    """Return the line of a change; of many actions it names those in ``first`` first."""
    rights = change.rights
    words = [change.sign, sentence(change, first)]
    if change.sign != "~" and rights.condition.tests:
        words.append(f"when {condition(rights.condition)}")
    text = " ".join(words)
    if change.sign == "~":
        text += f": {conditions(change)}"
    names = sorted({sid for one in (*change.before, *change.after) for sid in one.sids})
    suffix = f" ({_some([_clean(name) for name in names], _MOST_OTHERS)})" if names else ""
    return text + (f"; {remark}" if remark else "") + suffix


def sentence(change: Change, first: Iterable[str] = ()) -> str:
    """Return verb, actions, resources and principals."""
    return f"{_VERBS[change.effect, change.sign]} {subject(change.rights, first)}"


def subject(rights: Rights, first: Iterable[str] = ()) -> str:
    """Return actions, resources and principals."""
    return actions(rights.actions, first) + place(rights)


def place(rights: Rights) -> str:
    """Return resources and principals."""
    words = [""]
    if rights.resources != (ABSENT,):
        words.append(f"on {_parts(rights.resources)}")
    if rights.principals != (ABSENT,):
        words.append(f"to {_parts(rights.principals)}")
    return " ".join(words)


def actions(parts: Sequence[Part], first: Iterable[str] = ()) -> str:
    """Return the actions, or their number and some of them if they are many."""
    if parts[0].negated:
        return _parts(parts)
    texts = [_clean(part.texts[0]) for part in parts]
    if len(texts) <= _MOST_ACTIONS:
        return ", ".join(texts)
    leading = [text for text in first if text in texts]
    some = [*leading, *(text for text in texts if text not in leading)][:_MOST_ACTIONS]
    return f"{len(texts)} actions ({', '.join(some)}, ...)"


def condition(one: Condition) -> str:
    """Return the tests of a condition."""
    return " and ".join(_test(test) for test in one.tests) or "always"


def conditions(change: Change) -> str:
    """Return how the conditions of a change differ."""
    if len(change.before) != 1 or len(change.after) != 1:
        old, new = (
            " or ".join(condition(one.condition) for one in side)
            for side in (change.before, change.after)
        )
        return f"condition {change.direction.value}: {old} -> {new}"
    old_tests, new_tests = (
        {test.meaning: test for test in side[0].condition.tests}
        for side in (change.before, change.after)
    )
    dropped = [test for meaning, test in old_tests.items() if meaning not in new_tests]
    added = [test for meaning, test in new_tests.items() if meaning not in old_tests]
    found = []
    for test in dropped:
        same = [one for one in added if _similar(test, one)]
        if same:
            added.remove(same[0])
            found.append(_changed(test, same[0]))
        else:
            found.append(f"condition dropped: {_test(test)}")
    found += [f"condition added: {_test(test)}" for test in added]
    return "; ".join(found)


def _changed(old: Test, new: Test) -> str:
    sides = [
        (
            Rights(
                effect=Effect.ALLOW,
                principals=(),
                actions=(),
                resources=(),
                condition=all_of([test]),
            ),
        )
        for test in (old, new)
    ]
    direction = Change(before=sides[0], after=sides[1]).direction
    after = _values(new) if (old.name, old.key) == (new.name, new.key) else _test(new)
    return f"condition {direction.value}: {_test(old)} -> {after}"


def _similar(old: Test, new: Test) -> bool:
    return old.subject[3] == new.subject[3] and old.subject[1][:3] == new.subject[1][:3]


def _test(test: Test) -> str:
    if test.subject[1] == "null" and len(test.texts) == 1:
        return f"{_clean(test.key)} is {'absent' if test.texts[0].lower() == 'true' else 'present'}"
    if test.subject[1] == "bool" and len(test.texts) == 1 and not test.subject[2]:
        return f"{_clean(test.key)} is {_values(test)}"
    return f"{_clean(test.name)} {_clean(test.key)} = {_values(test)}"


def _values(test: Test) -> str:
    return _some([_clean(text) for text in test.texts], _MOST_ACTIONS) or "nothing"


def _parts(parts: Sequence[Part]) -> str:
    if parts == (EVERYONE,):
        return "anyone"
    texts = [_clean(text) for part in parts for text in part.texts]
    shown = _some(texts, _MOST_OTHERS)
    return f"everything except {shown}" if parts[0].negated else shown


def _some(texts: Sequence[str], most: int) -> str:
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def _clean(text: str) -> str:
    """Return a text for one line: no control characters, and not longer than is readable."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:_MOST_CHARACTERS])
    return shown + ("..." if len(text) > _MOST_CHARACTERS else "")


def shorten(texts: Sequence[str]) -> str:
    """Return some of the texts."""
    return _some([_clean(text) for text in texts], _MOST_OTHERS)
