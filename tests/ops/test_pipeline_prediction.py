"""A new plan is applied only if it does what was reviewed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pipeline.prediction import Difference, differences
from ops.review.plan import Action, Change, Invocation, Json, Plan, ResourceChange

Path = tuple[str | int, ...]


def change(
    action: Action,
    before: Json = None,
    after: Json = None,
    *,
    address: str = "aws_thing.one",
    unknown: Json = None,
    deposed: str | None = None,
) -> ResourceChange:
    return ResourceChange(
        address=address,
        type="aws_thing",
        change=Change(action=action, before=before, after=after, unknown=unknown),
        deposed=deposed,
    )


def plan(*changes: ResourceChange, outputs: dict[str, Change] | None = None) -> Plan:
    return Plan(format_version="1.2", changes=changes, outputs=tuple((outputs or {}).items()))


def found(reviewed: Plan, new: Plan) -> list[tuple[str, str]]:
    return [(one.attribute, one.text) for one in differences(reviewed, new)]


UPDATE = change(Action.UPDATE, {"size": 1, "items": 5}, {"size": 2, "items": 5})
NEW = "aws_thing.new"
CREATE = change(
    Action.CREATE, None, {"name": "a", "tags": None}, unknown={"arn": True}, address=NEW
)


def test_the_same_plan_is_the_reviewed_one() -> None:
    assert found(plan(UPDATE, CREATE), plan(UPDATE, CREATE)) == []


def test_what_does_not_change_may_be_different_now() -> None:
    later = change(Action.UPDATE, {"size": 1, "items": 9}, {"size": 2, "items": 9})

    assert found(plan(UPDATE), plan(later)) == []


def test_what_was_unknown_may_be_known_now() -> None:
    after: Json = {"name": "a", "tags": None, "arn": "arn:aws:x"}
    known = change(Action.CREATE, None, after, address=NEW)

    assert found(plan(CREATE), plan(known)) == []


def test_what_was_known_must_not_be_unknown_now() -> None:
    marks: Json = {"arn": True, "name": True}
    unknown = change(Action.CREATE, None, {"tags": None}, unknown=marks, address=NEW)

    assert found(plan(CREATE), plan(unknown)) == [("name", "it gets another value")]


def test_what_is_done_already_may_be_missing() -> None:
    assert found(plan(UPDATE, CREATE), plan(CREATE)) == []
    assert found(plan(UPDATE), plan(change(Action.NO_OP, {"size": 2}, {"size": 2}))) == []


def test_a_change_that_was_not_reviewed_is_found() -> None:
    other = change(Action.DELETE, {"id": "x"}, address="aws_thing.two")

    assert found(plan(UPDATE), plan(UPDATE, other)) == [("", "to delete it was not reviewed")]


def test_another_action_is_found() -> None:
    replaced = change(Action.DELETE_THEN_CREATE, {"size": 1}, {"size": 2})

    assert found(plan(UPDATE), plan(replaced)) == [
        ("", "to update it was reviewed, and now it is to replace it")
    ]


def test_another_attribute_is_found() -> None:
    more = change(Action.UPDATE, {"size": 1, "open": False}, {"size": 2, "open": True})
    reviewed = change(Action.UPDATE, {"size": 1, "open": False}, {"size": 2, "open": False})

    assert found(plan(reviewed), plan(more)) == [("open", "its change was not reviewed")]


def test_another_value_is_found() -> None:
    later = change(Action.UPDATE, {"size": 1}, {"size": 3})

    (one,) = differences(plan(UPDATE), plan(later))

    assert one == Difference(
        address="aws_thing.one", text="it gets another value", attribute="size", reviewed=2, now=3
    )


def test_a_value_that_was_changed_since_the_review_is_found() -> None:
    later = change(Action.UPDATE, {"size": 7}, {"size": 2})

    assert found(plan(UPDATE), plan(later)) == [("size", "it was changed since the review")]


def test_an_attribute_that_is_no_longer_set_is_found() -> None:
    after: Json = {"name": None, "tags": None}
    fewer = change(Action.CREATE, None, after, unknown={"arn": True}, address=NEW)

    assert found(plan(CREATE), plan(fewer)) == [("name", "it gets another value")]


def test_the_destroyed_object_is_the_reviewed_one() -> None:
    reviewed = change(Action.DELETE, {"id": "a", "items": 1})

    assert found(plan(reviewed), plan(change(Action.DELETE, {"id": "a", "items": 2}))) == []
    assert found(plan(reviewed), plan(change(Action.DELETE, {"id": "b", "items": 1}))) == [
        ("id", "it is another object")
    ]


@pytest.mark.parametrize(
    ("reviewed", "rest"),
    [
        (
            change(Action.DELETE_THEN_CREATE, {"id": "a"}, {"size": 2}, unknown={"id": True}),
            change(Action.CREATE, None, {"size": 2}, unknown={"id": True}),
        ),
        (
            change(Action.CREATE_THEN_DELETE, {"id": "a"}, {"size": 2}, unknown={"id": True}),
            change(Action.DELETE, {"id": "a"}, deposed="0123abcd"),
        ),
    ],
)
def test_the_rest_of_an_interrupted_replacement_was_reviewed(
    reviewed: ResourceChange, rest: ResourceChange
) -> None:
    assert found(plan(reviewed), plan(rest)) == []
    assert found(plan(UPDATE), plan(rest)) != []


def test_of_the_rest_of_a_replacement_only_what_it_comes_to_is_compared() -> None:
    reviewed = change(
        Action.DELETE_THEN_CREATE, {"id": "a", "key": "k", "size": 1}, {"key": "k", "size": 2}
    )

    assert found(plan(reviewed), plan(change(Action.CREATE, None, {"key": "k", "size": 2}))) == []
    assert found(plan(reviewed), plan(change(Action.CREATE, None, {"key": "k", "size": 3}))) == [
        ("size", "it gets another value")
    ]


def test_the_successor_of_a_destroyed_object_must_exist() -> None:
    """Only a left-over object may be deleted without a new one: that it is deposed says so."""
    reviewed = change(Action.CREATE_THEN_DELETE, {"id": "a"}, {"size": 2}, unknown={"id": True})

    assert found(plan(reviewed), plan(change(Action.DELETE, {"id": "a"}))) == [
        ("", "to replace it was reviewed, and now it is to delete it")
    ]


def test_a_lost_object_without_an_id_is_compared_as_a_whole() -> None:
    reviewed = change(Action.DELETE, {"arn": "x"})

    assert found(plan(reviewed), plan(reviewed)) == []
    assert found(plan(reviewed), plan(change(Action.DELETE, {"arn": "y"}))) == [
        ("arn", "it is another object")
    ]


def test_the_changed_object_is_the_reviewed_one() -> None:
    reviewed = change(Action.UPDATE, {"id": "1", "size": 1}, {"id": "1", "size": 2})
    other = change(Action.UPDATE, {"id": "2", "size": 1}, {"id": "2", "size": 2})

    assert found(plan(reviewed), plan(other)) == [("id", "it is another object")]


@pytest.mark.parametrize("reviewed", [replace(CREATE, type="a"), replace(CREATE, mode="data")])
def test_a_change_of_another_kind_at_the_same_address_was_not_reviewed(
    reviewed: ResourceChange,
) -> None:
    assert found(plan(reviewed), plan(CREATE)) == [("", "to create it was not reviewed")]


def test_what_is_known_only_after_the_apply_may_have_moved_on() -> None:
    def last_modified(before: str) -> Plan:
        marks: Json = {"modified": True}
        made = change(
            Action.UPDATE, {"code": "a", "modified": before}, {"code": "b"}, unknown=marks
        )
        return plan(made)

    assert found(last_modified("monday"), last_modified("tuesday")) == []


@pytest.mark.parametrize("is_after", [True, False])
def test_a_value_that_is_secret_somewhere_is_never_shown(*, is_after: bool) -> None:
    def note(before: str) -> Plan:
        made = Change(
            action=Action.UPDATE,
            before={"note": before},
            after={"note": "new"},
            before_sensitive={"note": not is_after},
            after_sensitive={"note": is_after},
        )
        return plan(replace(UPDATE, change=made))

    (one,) = differences(note("old"), note("other"))

    assert one.text == "it was changed since the review"
    assert [str(one.reviewed), str(one.now)] == ["(sensitive value)"] * 2


@pytest.mark.parametrize(("reviewed", "now"), [(True, 1), (1, True), (0, False), (1, "1")])
def test_values_of_different_types_differ(reviewed: Json, now: Json) -> None:
    one = plan(change(Action.CREATE, None, {"flag": reviewed}))
    other = plan(change(Action.CREATE, None, {"flag": now}))

    assert found(one, other) == [("flag", "it gets another value")]


def test_an_unknown_part_does_not_free_the_order_of_the_others() -> None:
    behaviours: Json = [{"path": "/a"}, {"path": "/b"}, {"path": "/c"}]
    marks: Json = {"behaviours": [False, False, {"function": True}]}
    reviewed = change(Action.CREATE, None, {"behaviours": behaviours}, unknown=marks)
    moved: Json = [{"path": "/c", "function": "f"}, {"path": "/b"}, {"path": "/a"}]

    assert found(plan(reviewed), plan(change(Action.CREATE, None, {"behaviours": moved}))) == [
        ("behaviours", "it gets another value")
    ]


def test_moves_and_imports_are_compared() -> None:
    moved = replace(change(Action.NO_OP, {"size": 1}, {"size": 1}), previous_address="aws_thing.a")
    imported = replace(change(Action.NO_OP, {"size": 1}, {"size": 1}, address=NEW), imports="id-1")

    assert found(plan(moved, imported), plan(moved, imported)) == []
    assert found(plan(moved), plan(replace(moved, previous_address="aws_thing.b"))) == [
        ("", "it is moved from aws_thing.b")
    ]
    assert found(plan(imported), plan(replace(imported, imports="id-2"))) == [
        ("", "it is imported as id-2")
    ]


def test_an_action_that_was_not_reviewed_is_found() -> None:
    acting = replace(plan(), invocations=(Invocation(address="action.a", type="aws_x"),))

    assert found(acting, acting) == []
    assert found(plan(), acting) == [("", "to invoke it was not reviewed")]


def test_outputs_are_compared() -> None:
    def output(after: Json, *, unknown: Json = None) -> Plan:
        made = Change(action=Action.UPDATE, before="a", after=after, unknown=unknown)
        return plan(outputs={"host": made})

    assert found(output(None, unknown=True), output("b")) == []
    assert found(output("b"), output("c")) == [("", "it gets another value")]
    assert found(plan(), output("b")) == [("", "its change was not reviewed")]


def test_a_secret_is_compared_by_its_value() -> None:
    def secret(value: str) -> Plan:
        return plan(change(Action.UPDATE, {"password": "a"}, {"password": value}))

    assert found(secret("b"), secret("b")) == []
    assert found(secret("b"), secret("c")) == [("password", "it gets another value")]


def test_the_place_of_an_unknown_element_in_a_set_does_not_matter() -> None:
    reviewed = change(
        Action.CREATE, None, {"rules": [{"id": 1}, {"id": 2}]}, unknown={"rules": [{"arn": True}]}
    )
    sorted_now = change(Action.CREATE, None, {"rules": [{"id": 2}, {"id": 1, "arn": "x"}]})
    other = change(Action.CREATE, None, {"rules": [{"id": 2}, {"id": 3, "arn": "x"}]})

    assert found(plan(reviewed), plan(sorted_now)) == []
    assert found(plan(reviewed), plan(other)) == [("rules", "it gets another value")]


# Without JSON in texts, which is compared as a document.
leaves = st.integers() | st.booleans() | st.text("abc/é", min_size=1, max_size=4)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["one", "two", "three"]), values, min_size=1)


def paths(value: Json, at: Path = ()) -> list[Path]:
    """Return the paths of the leaves."""
    if isinstance(value, dict) and value:
        return [path for key, one in value.items() for path in paths(one, (*at, key))]
    if isinstance(value, list) and value:
        return [path for key, one in enumerate(value) for path in paths(one, (*at, key))]
    return [at]


def hide(value: Json, path: Path) -> tuple[Json, Json]:
    """Return the value as Terraform shows it if the leaf is unknown, and what is unknown in it."""
    if not path:
        return None, True
    step, *rest = path
    if isinstance(value, dict):
        assert isinstance(step, str)
        inner, mark = hide(value[step], tuple(rest))
        kept = {key: one for key, one in value.items() if key != step or rest}
        return kept | ({step: inner} if rest else {}), {step: mark}
    assert isinstance(value, list)
    assert isinstance(step, int)
    inner, mark = hide(value[step], tuple(rest))
    marks: list[Json] = [False] * step + [mark]
    return [*value[:step], inner, *value[step + 1 :]], marks


def changed(value: Json, path: Path, alter: Callable[[Json], Json]) -> Json:
    """Return the value with another leaf."""
    if not path:
        return alter(value)
    altered = copy.deepcopy(value)
    assert isinstance(altered, dict | list)
    step, *rest = path
    altered[step] = changed(altered[step], tuple(rest), alter)  # type: ignore[index]
    return altered


@given(objects, st.data())
def test_any_known_value_fits_an_unknown_one(after: dict[str, Json], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(after)))
    shown, unknown = hide(after, path)
    reviewed = plan(change(Action.CREATE, None, shown, unknown=unknown))

    assert found(reviewed, plan(change(Action.CREATE, None, after))) == []


@given(objects, st.data())
def test_any_other_value_is_found(after: dict[str, Json], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(after)))
    other = changed(after, path, lambda leaf: ["another", leaf])

    texts = {
        text
        for _, text in found(
            plan(change(Action.CREATE, None, after)), plan(change(Action.CREATE, None, other))
        )
    }

    assert texts == {"it gets another value"}
