"""Which of two states is the current one, and what a killed run leaves."""

from __future__ import annotations

import dataclasses
import json
import os
import pwd
import re
import socket
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.bootstrap.current import Current, current
from ops.bootstrap.state_store import parsed_lock
from ops.common.errors import OperatorError, RefusedError
from ops.terraform.states import State, parse

PLACES = ("here", "there")

STATES = st.builds(
    State,
    lineage=st.sampled_from(["a", "b"]),
    serial=st.integers(0, 3),
    resources=st.dictionaries(
        st.sampled_from(["aws_s3_bucket.state", "aws_iam_role.plan"]), st.sampled_from("12")
    ),
)
EITHER = st.none() | STATES


def _document(**changes: Any) -> bytes:
    resource = {"mode": "managed", "type": "aws_s3_bucket", "name": "state", "instances": [{}]}
    document = {
        "version": 4,
        "lineage": "a",
        "serial": 3,
        "resources": [resource, {**resource, "mode": "data", "name": "current"}],
        "outputs": {},
    }
    return json.dumps({**document, **changes}).encode()


def test_a_resource_that_was_being_created_is_not_known() -> None:
    """Terraform enters it in the state before it asks AWS for it; a kill leaves it like that."""
    document = json.loads(_document())
    begun = {**document["resources"][0], "type": "aws_iam_role", "name": "plan", "instances": []}
    document["resources"].append(begun)

    state = parse(json.dumps(document).encode(), "here")
    complete = parse(_document(), "here")

    assert state
    assert complete
    assert state.resources.keys() == {"aws_s3_bucket.state"}
    assert state.has_content_of(complete)


@given(EITHER, EITHER)
def test_nothing_that_a_state_describes_is_lost(local: State | None, remote: State | None) -> None:
    try:
        found = current(local, remote, places=PLACES)
    except RefusedError:
        # Both describe something, and neither is a revision of the other.
        assert local
        assert remote
        assert local.resources
        assert not local.has_content_of(remote)
        assert local.lineage != remote.lineage or local.serial == remote.serial
        return
    chosen = {Current.LOCAL: local, Current.REMOTE: remote}.get(found)
    given_up = {Current.LOCAL: remote, Current.REMOTE: local}.get(found, local)
    assert (chosen is None) == (found is Current.NOWHERE)
    if given_up and given_up.resources and chosen and not given_up.has_content_of(chosen):
        assert (given_up.lineage, given_up.serial < chosen.serial) == (chosen.lineage, True)
    if chosen is None:
        assert remote is None
        assert not (local and local.resources)


@given(STATES)
def test_a_copy_that_was_moved_is_not_moved_again(state: State) -> None:
    # Terraform gives the first state that it writes to a backend a lineage and a serial of its own.
    moved = dataclasses.replace(state, lineage="c", serial=1)

    assert current(state, moved, places=PLACES) is Current.REMOTE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"serial": 1}, "both have the serial 1"),
        ({"lineage": "b", "serial": 2}, "lineages b and a"),
    ],
)
def test_a_refusal_says_why(change: dict[str, Any], why: str) -> None:
    remote = State(lineage="a", serial=1, resources={"aws_s3_bucket.state": "1"})
    local = dataclasses.replace(remote, resources={"aws_s3_bucket.state": "2"}, **change)

    with pytest.raises(RefusedError, match=f"here and there: .*{why}"):
        current(local, remote, places=PLACES)


def test_a_state_has_its_managed_resources() -> None:
    state = parse(_document(), "there")

    assert state
    assert (state.lineage, state.serial) == ("a", 3)
    assert state.resources.keys() == {"aws_s3_bucket.state"}


@pytest.mark.parametrize("content", [None, b""])
def test_the_empty_file_that_terraform_locks_is_no_state(content: bytes | None) -> None:
    assert parse(content, "here") is None


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b"null", _document(version=3), _document(resources=[{}])]
)
def test_what_is_no_state_is_an_error_that_names_the_place(content: bytes) -> None:
    with pytest.raises(OperatorError, match="there is not a readable") as error:
        parse(content, "there")
    # Its cause in words, not the name of an exception of Python.
    assert not re.search(r"Error|object|indices", str(error.value))
    assert "\n" not in str(error.value)
    assert error.value.remedy


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_any_content_is_a_state_or_an_error(content: bytes) -> None:
    with suppress(OperatorError):
        parse(content, "there")


def test_a_lock_says_who_holds_it() -> None:
    me = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    content = {
        "ID": "f0",
        "Operation": "OperationTypeApply",
        "Who": me,
        "Created": "2026-11-25T02:50:56.123456789Z",
    }
    lock = parsed_lock(json.dumps(content).encode())

    assert lock.is_this_users
    assert lock.text == f"{me} since 2026-11-25 02:50:56 UTC (OperationTypeApply)"
    assert not dataclasses.replace(lock, who="ann@laptop").is_this_users


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"Created": 1}', b"\xff"])
def test_an_unreadable_lock_is_a_lock(content: bytes) -> None:
    lock = parsed_lock(content)

    assert not lock.is_this_users
    assert lock.text == "somebody (unknown operation)"
