"""Whether a new plan does what was reviewed, and nothing else.

What an apply would do is compared: the actions, and the attributes that they change. What a plan
says beside them, such as the number of items in a table, may be different a minute later.
A value that was unknown may have become known. A change may also be missing, because it is made
already: whoever runs an interrupted apply again makes the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from ops.review.attributes import UNKNOWN, Document, Secret, Value, canonical, marked
from ops.review.plan import Action, Change, Plan, ResourceChange
from ops.review.reviewing import REASONS

# Mode, type, address, and the key of a deposed object.
_Key: TypeAlias = tuple[str, str, str, str | None]

# What is done at last to the object that was replaced.
_LEFT_OVER = {
    Action.CREATE_THEN_DELETE: Action.DELETE,
    Action.CREATE_THEN_FORGET: Action.FORGET,
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a new plan does that was not reviewed.

    ``attribute`` is "" if the whole change was not; the values are then None.
    """

    address: str
    text: str
    attribute: str = ""
    reviewed: Value = None
    now: Value = None


def differences(reviewed: Plan, new: Plan) -> Iterator[Difference]:
    """Yield what the new plan does that the reviewed one does not."""
    expected = {_key(one): one for one in reviewed.changes}
    for one in new.changes:
        if not acts(one):
            continue
        before = expected.get(_key(one)) or _replacement(one, expected)
        if before is None or not acts(before):
            yield Difference(address=one.address, text=f"{_action(one)} was not reviewed")
        else:
            yield from _of_resource(before, one)
    for action in new.invocations:
        if action not in reviewed.invocations:
            yield Difference(address=action.address, text="to invoke it was not reviewed")
    outputs = dict(reviewed.outputs)
    for name, change in new.outputs:
        if change.action.changes:
            yield from _of_output(name, outputs.get(name), change)
    known = {_key(one.resource) for one in reviewed.deferred}
    for deferred in new.deferred:
        if _key(deferred.resource) not in known:
            yield Difference(address=deferred.resource.address, text="it is deferred now")


def does_anything(plan: Plan) -> bool:
    """Return whether an apply of the plan does anything that is compared."""
    outputs = any(change.action.changes for _, change in plan.outputs)
    return any(map(acts, plan.changes)) or outputs or bool(plan.invocations or plan.deferred)


def acts(one: ResourceChange) -> bool:
    """Return whether an apply does something about a resource, or about what the state says."""
    return one.change.action.changes or one.moves or one.imports is not None


def _key(one: ResourceChange) -> _Key:
    return one.mode, one.type, one.address, one.deposed


def _replacement(
    one: ResourceChange, expected: Mapping[_Key, ResourceChange]
) -> ResourceChange | None:
    """Return the reviewed replacement of an object that was replaced and is left over."""
    replaced = expected.get((one.mode, one.type, one.address, None)) if one.deposed else None
    return replaced if replaced and replaced.change.action in _LEFT_OVER else None


def _is_rest(reviewed: ResourceChange, new: ResourceChange) -> bool:
    """Return whether it is the second half of a replacement that was interrupted."""
    was, now = reviewed.change.action, new.change.action
    if new.deposed:
        return _LEFT_OVER.get(was) is now
    return (was, now) == (Action.DELETE_THEN_CREATE, Action.CREATE)


def _action(one: ResourceChange) -> str:
    action = one.change.action
    if action.replaces:
        return "to replace it"
    if action.changes:
        return f"to {action.value[0]} it"
    return "to import it" if one.imports is not None else "to move it"


def _of_resource(reviewed: ResourceChange, new: ResourceChange) -> Iterator[Difference]:
    if new.change.action is not reviewed.change.action and not _is_rest(reviewed, new):
        why = REASONS.get(new.reason or "", "")
        text = f"{_action(reviewed)} was reviewed, and now it is {_action(new)}"
        yield Difference(address=new.address, text=f"{text}: {why}" if why else text)
        return
    for what, one, other in (
        ("moved from", reviewed.previous_address, new.previous_address),
        ("imported as", reviewed.imports, new.imports),
    ):
        if other is not None and other != one:
            yield Difference(address=new.address, text=f"it is {what} {other}")
    yield from _of_values(new.address, reviewed.change, new.change)


def _of_output(name: str, reviewed: Change | None, new: Change) -> Iterator[Difference]:
    address = f"output.{name}"
    if reviewed is None or not reviewed.action.changes:
        yield Difference(address=address, text="its change was not reviewed")
        return
    was, now = marked(reviewed)[1], marked(new)[1]
    if not _fits(was, now):
        yield _difference(address, "it gets another value", "", (was, now), (was, now))


def _of_values(address: str, reviewed: Change, new: Change) -> Iterator[Difference]:
    old_before, old_after = map(_object, marked(reviewed))
    new_before, new_after = map(_object, marked(new))
    is_lost = new.action in {Action.DELETE, Action.FORGET}
    has_id = "id" in old_before and "id" in new_before
    # Without an id, all of an object tells which one is lost.
    for name in ("id",) if has_id else old_before if is_lost else ():
        was, now = old_before.get(name), new_before.get(name)
        if not _same(was, now):
            yield _difference(address, "it is another object", name, (was, now), (was, now))
            return
    if is_lost:
        return
    is_rest = reviewed.action is not new.action
    for name in dict.fromkeys((*new_after, *new_before, *old_after, *old_before)):
        values = _Values(
            was=old_before.get(name),
            expected=old_after.get(name),
            before=new_before.get(name),
            after=new_after.get(name),
        )
        yield from values.differences(address, name, is_rest=is_rest)


@dataclass(frozen=True, kw_only=True)
class _Values:
    """An attribute before and after, as it was reviewed and as it is now."""

    was: Value
    expected: Value
    before: Value
    after: Value

    def differences(self, address: str, name: str, *, is_rest: bool) -> Iterator[Difference]:
        """Yield how it differs; of the rest of a change only what it comes to is compared."""
        shown = self.expected, self.after
        if not is_rest and _same(self.was, self.expected):
            text = "" if _same(self.before, self.after) else "its change was not reviewed"
        elif not _fits(self.expected, self.after):
            text = "it gets another value"
        else:
            text = "" if is_rest or not self._has_moved_on() else "it was changed since the review"
            shown = self.was, self.before
        if text:
            every = (self.was, self.expected, self.before, self.after)
            yield _difference(address, text, name, shown, every)

    def _has_moved_on(self) -> bool:
        changes = self.expected is not UNKNOWN and not _same(self.before, self.after)
        return changes and not _same(self.was, self.before)


def _difference(
    address: str,
    text: str,
    attribute: str,
    shown: tuple[Value, Value],
    every: tuple[Value, ...],
) -> Difference:
    """Return a difference; the values are hidden if one of all is secret: it may be the same."""
    reviewed, now = (Secret(None), Secret(None)) if any(map(_has_secret, every)) else shown
    return Difference(address=address, text=text, attribute=attribute, reviewed=reviewed, now=now)


def _has_secret(value: Value) -> bool:
    if isinstance(value, dict):
        return any(map(_has_secret, value.values()))
    if isinstance(value, list):
        return any(map(_has_secret, value))
    return isinstance(value, Secret)


def _object(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _fits(expected: Value, actual: Value) -> bool:
    """Return whether a value is the expected one, in which each unknown part may be anything."""
    if expected is UNKNOWN:
        return True
    if isinstance(expected, dict) and isinstance(actual, dict):
        return all(_fits(expected.get(key), actual.get(key)) for key in expected | actual)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and (
            all(map(_fits, expected, actual)) or _fits_set(expected, actual)
        )
    return _same(expected, actual)


def _fits_set(expected: list[Value], actual: list[Value]) -> bool:
    """Return whether it is the same set, in which only elements with unknown parts have moved.

    Their place depends on their values; the others keep their order, also in a list.
    """
    left = list(actual)
    start = 0
    for one in (one for one in expected if not _has_unknown(one)):
        at = next((at for at in range(start, len(left)) if _same(one, left[at])), None)
        if at is None:
            return False
        del left[at]
        start = at
    for one in filter(_has_unknown, expected):
        partner = next((at for at, other in enumerate(left) if _fits(one, other)), None)
        if partner is None:
            return False
        del left[partner]
    return True


def _has_unknown(value: Value) -> bool:
    if isinstance(value, dict):
        return any(map(_has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_has_unknown, value))
    return value is UNKNOWN


def _same(one: Value, other: Value) -> bool:
    """Return whether two values are equal; true is not 1, and a mark of a secret says nothing."""
    return canonical(_plain(one)) == canonical(_plain(other))


def _plain(value: Value) -> Value:
    """Return a value without the marks of secrets and policies, which may differ by themselves."""
    if isinstance(value, Secret | Document):
        return cast("Value", value.value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
