"""The reader of Terraform's plans."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.review import plan
from ops.review.plan import Action, Invocation, Json, Plan, PlanError
from tests.review.building import change, document

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KEYS = (
    *("resource_changes", "resource_drift", "deferred_changes", "output_changes", "checks"),
    *("address", "type", "change", "actions", "before", "after", "importing", "id", "errored"),
    *("replace_paths", "previous_address", "deposed", "action_reason", "resource_change"),
    *("instances", "problems", "message", "status", "to_display", "reason", "applyable", "values"),
)
# Documents whose keys are those of the format, and whose values are anything.
NEARLY = st.recursive(
    JSON | st.sampled_from([["update"], ["delete", "create"], "fail", "a.b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)


def read(document: Json) -> Plan:
    return plan.read(plan.parse(json.dumps(document).encode()))


@given(JSON | NEARLY)
def test_it_fails_only_with_its_own_error(document: Json) -> None:
    for version in ({}, {"format_version": "1.2"}):
        whole = {**document, **version} if isinstance(document, dict) else document
        with contextlib.suppress(PlanError):
            plan.read(whole)


@given(st.binary(max_size=60))
def test_bytes_fail_only_with_its_own_error(text: bytes) -> None:
    with contextlib.suppress(PlanError):
        plan.read(plan.parse(text))


@given(st.sampled_from(list(Action)), JSON, JSON, st.text(min_size=1), st.none() | st.text())
def test_what_is_written_is_read(
    action: Action, before: Any, after: Any, name: str, reason: str | None
) -> None:
    written = change(
        "aws_sns_topic.one",
        before,
        after,
        actions=action.value,
        action_reason=reason,
        previous_address=name,
        replace_paths=[["a", 0]],
        importing={"id": name},
        after_unknown={"b": True},
    )
    (one,) = plan.read(document(written)).changes
    assert one.change.action is action
    assert (one.change.before, one.change.after) == (before, after)
    assert one.change.unknown == {"b": True}
    assert (one.previous_address, one.imports, one.reason) == (name, name, reason)
    assert one.replace_paths == (("a", 0),)


def test_unknown_keys_are_ignored() -> None:
    one = {**change("a.b"), "new": 1}
    assert read({**document(one), "newer": [1]}).changes[0].address == "a.b"


def test_a_plan_may_plan_nothing() -> None:
    document: Json = {"format_version": "1.0", "planned_values": {"root_module": {}}}

    assert read(document) == Plan(format_version="1.0")


def test_invoked_actions_are_read() -> None:
    action: Json = {"address": "action.a", "type": "aws_lambda_invoke"}
    found = read(
        {
            "format_version": "1.2",
            "action_invocations": [action],
            "deferred_action_invocations": [{"reason": "r", "action_invocation": action}],
            "resource_changes": [],
        }
    )

    assert found.invocations == (Invocation(address="action.a", type="aws_lambda_invoke"),) * 2


@pytest.mark.parametrize("more", [{}, {"provider_schemas": {}}])
def test_a_document_without_a_part_of_a_plan_is_not_taken_for_nothing_to_do(more: Json) -> None:
    assert isinstance(more, dict)

    with pytest.raises(PlanError, match="it is no plan"):
        read({"format_version": "1.0", **more})


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ([], "no plan"),
        ({}, "format_version is missing"),
        ({"format_version": "2.0"}, "'2.0'"),
        ({"format_version": "1.0", "values": {}}, "a state"),
        ({"format_version": "1.2", "resource_changes": [{}]}, r"address of resource_changes\[0\]"),
        (document(change("a.b", actions=["explode"])), r"a\.b has the unknown actions"),
        (document(change("a.b", actions=["create", "create"])), "unknown actions"),
        (document({**change("a.b"), "change": {"actions": [["update"]]}}), "unknown actions"),
        (document({**change("a.b"), "change": {"actions": ["update", 1]}}), "unknown actions"),
        (document(change("a.b", replace_paths=[{}])), "replace_paths of a.b"),
    ],
)
def test_what_is_no_plan_says_why(document: Json, cause: str) -> None:
    with pytest.raises(PlanError, match=cause) as error:
        read(document)
    assert error.value.remedy
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 1


def test_the_log_of_a_plan_is_named() -> None:
    with pytest.raises(PlanError, match="the log of `terraform plan -json`"):
        plan.parse(b'{"@level":"info"}\n{"@level":"info"}\n')


def test_a_deep_document_is_refused() -> None:
    with pytest.raises(PlanError, match="can be read"):
        plan.parse(b"[" * 100_000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_powershell_may_have_written_it(encoding: str) -> None:
    text = json.dumps(document(change("a.ü")), ensure_ascii=False)
    assert plan.read(plan.parse(text.encode(encoding))).changes[0].address == "a.ü"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_have_is_refused(constant: str) -> None:
    with pytest.raises(PlanError, match=f"{constant} is no value of JSON"):
        plan.parse(f'{{"format_version": {constant}}}'.encode())
