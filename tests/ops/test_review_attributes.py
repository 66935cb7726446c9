"""Nested changes by path."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given

from ops.review.attributes import compare
from ops.review.plan import Action, Change
from tests.ops.test_review_plan import JSON
from tests.review.building import change, item, shown

TOPIC = "aws_sns_topic.one"


def lines(before: object, after: object, **others: Any) -> list[str]:
    return shown(item(change(TOPIC, before, after, **others)))


def test_one_changed_origin_is_one_line() -> None:
    def rules(*origins: str) -> dict[str, Any]:
        rule = {"allowed_origins": list(origins), "allowed_methods": ["GET"], "max_age_seconds": 1}
        return {"cors_rule": [rule]}

    assert lines(rules("https://a", "https://b"), rules("https://c", "https://a")) == [
        'cors_rule.allowed_origins: "https://b" -> "https://c"'
    ]


def test_blocks_of_the_same_id_are_compared() -> None:
    def rules(**days: int) -> dict[str, Any]:
        return {"rule": [{"id": name, "expiration": [{"days": n}]} for name, n in days.items()]}

    assert lines(rules(a=1, b=2, c=3), rules(c=3, b=20, d=4)) == [
        'rule[a].id: "a" -> (absent)',
        "rule[a].expiration.days: 1 -> (absent)",
        "rule[b].expiration.days: 2 -> 20",
        'rule[d].id: (absent) -> "d"',
        "rule[d].expiration.days: (absent) -> 4",
    ]


def test_blocks_without_an_id_are_compared_with_the_most_similar() -> None:
    before = [
        {"path": "/a", "ttl": 1, "compress": True},
        {"path": "/b", "ttl": 2, "compress": True},
    ]
    after = [{"path": "/b", "ttl": 3, "compress": True}, {"path": "/a", "ttl": 1, "compress": True}]
    assert lines({"b": before}, {"b": after}) == ["b[1].ttl: 2 -> 3"]


def test_many_blocks_are_compared_quickly() -> None:
    before = [{"cidr": f"10.0.{n}.0/24", "port": n, "deep": [{"a": n}]} for n in range(2_000)]
    after = [{**one, "port": 9} for one in before[:50]] + before[:49:-1]
    start = time.process_time()
    assert len(lines({"b": before}, {"b": after})) == 49
    assert time.process_time() - start < 3


def test_the_order_of_blocks_and_statements_of_a_document_changes_nothing() -> None:
    one, other = {"a": 1, "b": 2}, {"a": 3, "b": 4}
    assert item(change(TOPIC, {"s": [one, other]}, {"s": [other, one]})).lines == ()


def test_json_is_compared_as_a_document() -> None:
    before = {"body": json.dumps({"widgets": [{"title": "a", "width": 6}]})}
    after = {"body": json.dumps({"widgets": [{"width": 12, "title": "a"}]}, indent=2)}
    assert lines(before, after) == ["body.widgets.width: 6 -> 12"]


@pytest.mark.parametrize("nothing", [{}, [], 0, False, "", [{"a": None}]])
def test_nothing_that_becomes_another_nothing_is_noise(nothing: object) -> None:
    one = item(change(TOPIC, {"a": None, "b": 1}, {"a": nothing, "b": 2}))
    assert shown(one) == ["b: 1 -> 2"]
    assert one.noise == 1


def test_a_value_that_becomes_nothing_is_no_noise() -> None:
    assert lines({"a": [1]}, {"a": None}) == ["a: 1 -> (absent)"]
    assert lines({"a": True}, {"a": None}) == ["a: true -> null"]
    assert lines({"a": True}, {"a": 1}) == ["a: true -> 1"]


def test_unknown_values_are_known_after_apply() -> None:
    one = item(
        change(
            TOPIC,
            {"a": 1, "b": [{"c": 2}]},
            {"b": [{}]},
            after_unknown={
                "a": True,
                "b": [{"c": True}],
                "d": False,
            },
        )
    )
    assert one.lines == ()
    assert one.later == ("a", "b.c")


def test_an_unknown_value_that_forces_a_replacement_is_shown() -> None:
    one = item(
        change(
            "aws_lambda_alias.one",
            {"arn": "a", "name": "x"},
            {},
            actions=["delete", "create"],
            after_unknown={"arn": True, "name": True},
            replace_paths=[["name"]],
        )
    )
    assert shown(one) == ['name: "x" -> (known after apply)']
    assert one.later == ("arn",)


@given(JSON)
def test_equal_values_do_not_differ(value: Any) -> None:
    assert compare(Change(action=Action.UPDATE, before=value, after=value)) == []


@given(JSON, JSON)
def test_any_two_values_can_be_compared(before: Any, after: Any) -> None:
    compare(Change(action=Action.UPDATE, before=before, after=after, after_sensitive=before))


def test_what_is_no_json_is_compared_as_text() -> None:
    one = item(change("a.b", {"body": '{"x": NaN, "y": 1}'}, {"body": '{"x": NaN, "y": 2}'}))
    assert [line.path for line in one.lines] == ["body"]
