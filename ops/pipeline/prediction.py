"""Whether a new plan does what was reviewed, and nothing else.

What an apply would do is compared: the actions, and the attributes that they change. What a plan
says beside them, such as the number of items in a table, may be different a minute later.
A value that was unknown may have become known. A change may also be missing, because it is made
already: whoever runs an interrupted apply again makes the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops.review.attributes import UNKNOWN, Document, Secret, Value, marked
from ops.review.plan import Action, Change, Plan, ResourceChange


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
    outputs = dict(reviewed.outputs)
    for name, change in new.outputs:
        if change.action.changes:
            yield from _of_output(name, outputs.get(name), change)
    known = {_key(one.resource) for one in reviewed.deferred}
    for deferred in new.deferred:
        if _key(deferred.resource) not in known:
            yield Difference(address=deferred.resource.address, text="it is deferred now")


def acts(one: ResourceChange) -> bool:
    """Return whether an apply does something about a resource, or about what the state says."""
    return one.change.action.changes or one.moves or one.imports is not None


def _key(one: ResourceChange) -> tuple[str, str | None]:
    return one.address, one.deposed


def _replacement(
    one: ResourceChange, expected: Mapping[tuple[str, str | None], ResourceChange]
) -> ResourceChange | None:
    """Return the reviewed replacement of an object that was replaced and is still to be deleted."""
    replaced = expected.get((one.address, None)) if one.deposed else None
    return replaced if replaced and replaced.change.action is Action.CREATE_THEN_DELETE else None


def _is_rest(reviewed: Action, new: Action) -> bool:
    """Return whether it is the second half of a replacement that was interrupted."""
    return (reviewed, new) in {
        (Action.DELETE_THEN_CREATE, Action.CREATE),
        (Action.CREATE_THEN_DELETE, Action.DELETE),
    }


def _action(one: ResourceChange) -> str:
    action = one.change.action
    if action.replaces:
        return "to replace it"
    if action.changes:
        return f"to {action.value[0]} it"
    return "to import it" if one.imports is not None else "to move it"


def _of_resource(reviewed: ResourceChange, new: ResourceChange) -> Iterator[Difference]:
    was, now = reviewed.change.action, new.change.action
    if now is not was and not _is_rest(was, now):
        text = f"{_action(reviewed)} was reviewed, and now it is {_action(new)}"
        yield Difference(address=new.address, text=text)
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
        yield Difference(address=address, text="it gets another value", reviewed=was, now=now)


def _of_values(address: str, reviewed: Change, new: Change) -> Iterator[Difference]:
    old_before, old_after = map(_object, marked(reviewed))
    new_before, new_after = map(_object, marked(new))
    if new.action in {Action.DELETE, Action.FORGET}:
        # What is lost is the object that was reviewed, whatever its other attributes are now.
        was, now = old_before.get("id"), new_before.get("id")
        if was != now:
            text = "it is another object"
            yield Difference(address=address, text=text, attribute="id", reviewed=was, now=now)
        return
    for name in dict.fromkeys((*new_after, *new_before, *old_after, *old_before)):
        was, expected = old_before.get(name), old_after.get(name)
        before, after = new_before.get(name), new_after.get(name)
        changes = _plain(before) != _plain(after)
        if _plain(was) == _plain(expected):
            text = "its change was not reviewed" if changes else ""
        elif not _fits(expected, after):
            text = "it gets another value"
        else:
            is_whole = changes and reviewed.action is new.action
            moved_on = is_whole and _plain(was) != _plain(before)
            text = "it was changed since the review" if moved_on else ""
            expected, after = was, before
        if text:
            yield Difference(
                address=address, text=text, attribute=name, reviewed=expected, now=after
            )


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
            all(map(_fits, expected, actual))
            or (_has_unknown(expected) and _pairs(expected, actual))
        )
    return bool(_plain(expected) == _plain(actual))


def _pairs(expected: list[Value], actual: list[Value]) -> bool:
    """Return whether each finds a partner. The place in a set may depend on unknown values."""
    left = list(actual)
    # Those with unknown parts last: they fit more than one.
    for one in sorted(expected, key=_has_unknown):
        partner = next((number for number, other in enumerate(left) if _fits(one, other)), None)
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


def _plain(value: Value) -> object:
    """Return a value without the marks of secrets and policies, which may differ by themselves."""
    if isinstance(value, Secret | Document):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
