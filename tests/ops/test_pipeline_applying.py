"""Each layer is planned anew, and applied only if that is what was reviewed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.common.display import Display
from ops.pipeline.applying import Applied, apply_all
from ops.pipeline.bundle import Bundle, Planned
from ops.pipeline.deferral import Deferral
from ops.pipeline.engine import HeldError, Made
from ops.review.acceptance import Acceptance, Acceptances
from ops.terraform.runner import Changes
from ops.terraform.stacks import Stack
from ops.terraform.states import State

BASE = Stack(name="dev-base", folder=Path("base"), needs=(), document={})
STORAGE = Stack(name="dev-storage", folder=Path("storage"), needs=("dev-base",), document={})
TABLE = "aws_dynamodb_table.cache"

Document = dict[str, Any]


def document(*changes: Document) -> bytes:
    return json.dumps({"format_version": "1.2", "resource_changes": changes}).encode()


def update(value: object, *, before: object = 1, type_: str = "aws_thing") -> Document:
    return {
        "address": f"{type_}.one",
        "type": type_,
        "change": {"actions": ["update"], "before": {"size": before}, "after": {"size": value}},
    }


def replaced(type_: str) -> Document:
    values = {"before": {"id": "a", "hash_key": "k"}, "after": {"hash_key": "l"}}
    actions = {"actions": ["delete", "create"], "after_unknown": {"id": True}}
    return {"address": TABLE, "type": type_, "change": {**actions, **values}}


class Engine:
    """Plans what it is told, and remembers what is done."""

    terraform_version = "1.11.4"

    def __init__(self, plans: Mapping[str, bytes]) -> None:
        self.plans = dict(plans)
        self.states: dict[str, State | None] = {}
        self.done: list[str] = []
        self.locks: set[str | None] = set()

    def state(self, stack: Stack) -> State | None:
        return self.states.get(stack.name)

    def prepare(self, stack: Stack, lock: str | None) -> str:
        del stack
        self.locks.add(lock)
        return lock or ""

    def plan(self, stack: Stack, say: Callable[[str], None], *, keep: bool = False) -> Made:
        del say, keep
        self.done.append(f"plan {stack.name}")
        return Made(json=self.plans[stack.name])

    def apply(
        self, stack: Stack, made: Made, *, changes: int, say: Callable[[str], None]
    ) -> Changes:
        del made, say
        self.done.append(f"apply {stack.name}")
        state = self.states.get(stack.name) or State(lineage=stack.name)
        self.states[stack.name] = State(lineage=state.lineage, serial=state.serial + 1)
        return Changes(changed=changes)

    def stop(self) -> None:
        raise NotImplementedError


def bundle(*planned: Planned) -> Bundle:
    return Bundle(
        environment="dev",
        digest="d",
        created=datetime(2027, 1, 31, tzinfo=UTC),
        terraform_version="1.11.4",
        lock="what was stored",
        planned=planned,
    )


def apply(engine: Engine, of: Bundle, *accepted: Acceptance) -> list[Applied]:
    found: list[Applied] = []
    stacks = [
        stack for stack in (BASE, STORAGE) if any(one.stack == stack.name for one in of.planned)
    ]
    found.extend(
        apply_all(
            stacks,
            of,
            engine,
            Display(Console(quiet=True)),
            lock="the lock file",
            acceptances=Acceptances(valid=accepted),
        )
    )
    return found


def test_what_was_reviewed_is_applied_with_the_lock_file_of_the_checkout() -> None:
    engine = Engine({"dev-base": document(update(2))})

    (one,) = apply(engine, bundle(Planned(stack="dev-base", json=document(update(2)))))

    assert one.changes.changed == 1
    assert engine.done == ["plan dev-base", "apply dev-base"]
    assert engine.locks == {"the lock file"}


def test_something_else_is_held() -> None:
    engine = Engine({"dev-base": document(update(3))})

    with pytest.raises(HeldError, match=r"aws_thing.one: size: .*reviewed: 2, now: 3"):
        apply(engine, bundle(Planned(stack="dev-base", json=document(update(2)))))

    assert engine.done == ["plan dev-base"]


def test_a_danger_is_judged_in_what_is_applied() -> None:
    """What was stored may have been written by somebody who wants to hide it."""
    replacement = document(replaced("aws_dynamodb_table"))
    engine = Engine({"dev-base": replacement})
    reviewed = bundle(Planned(stack="dev-base", json=replacement))
    accepted = Acceptance(address=TABLE, kind="replace", who="a", why="b", until="9999-12-31")

    with pytest.raises(HeldError, match=f"dev-base/{TABLE}:replace"):
        apply(engine, reviewed)
    with pytest.raises(HeldError, match="would not be changed as it was reviewed"):
        apply(engine, bundle(Planned(stack="dev-base", json=document(replaced("terraform_data")))))
    assert "apply dev-base" not in engine.done
    assert apply(engine, reviewed, accepted)[0].changes.changed == 1


def test_a_plan_that_only_invokes_an_action_is_not_taken_for_nothing() -> None:
    invoking = json.dumps(
        {
            "format_version": "1.2",
            "resource_changes": [],
            "action_invocations": [{"address": "action.aws_x.a", "type": "aws_x"}],
        }
    ).encode()
    engine = Engine({"dev-base": invoking, "dev-storage": document()})
    engine.states["dev-base"] = State(lineage="one", serial=1)

    with pytest.raises(HeldError, match=r"action.aws_x.a: to invoke it was not reviewed"):
        apply(engine, bundle(Planned(stack="dev-base", json=document())))


def test_a_layer_is_left_alone_if_nothing_was_reviewed_and_nothing_moved_on() -> None:
    engine = Engine({"dev-base": document(), "dev-storage": document()})

    apply(
        engine,
        bundle(
            Planned(stack="dev-base", json=document()),
            Planned(stack="dev-storage", json=document()),
        ),
    )

    assert engine.done == []


def test_a_layer_is_planned_again_if_one_that_it_reads_was_applied() -> None:
    engine = Engine({"dev-base": document(update(2)), "dev-storage": document(update(9))})
    reviewed = bundle(
        Planned(stack="dev-base", json=document(update(2))),
        Planned(stack="dev-storage", json=document()),
    )

    with pytest.raises(HeldError, match="dev-storage would not be changed as it was reviewed"):
        apply(engine, reviewed)

    assert engine.done == ["plan dev-base", "apply dev-base", "plan dev-storage"]


def test_a_deferred_layer_is_held_unless_nothing_is_to_be_done() -> None:
    waiting = Planned(
        stack="dev-base", deferral=Deferral(until=("dev-other",), reason="it is not applied")
    )

    with pytest.raises(HeldError, match="dev-base was not reviewed: it had to wait for dev-other"):
        apply(Engine({"dev-base": document(update(2))}), bundle(waiting))
    (one,) = apply(Engine({"dev-base": document()}), bundle(waiting))

    assert one == Applied(stack="dev-base")


def test_another_state_is_held_even_if_the_plan_is_the_same() -> None:
    engine = Engine({"dev-base": document(update(2))})
    engine.states["dev-base"] = State(lineage="another", serial=1)
    reviewed = Planned(
        stack="dev-base", json=document(update(2)), state=State(lineage="one", serial=1)
    )

    with pytest.raises(HeldError, match="another state, of lineage another"):
        apply(engine, bundle(reviewed))


def test_a_later_revision_of_the_state_is_applied_if_the_plan_is_the_same() -> None:
    engine = Engine({"dev-base": document(update(2))})
    engine.states["dev-base"] = State(lineage="one", serial=7)
    reviewed = Planned(
        stack="dev-base", json=document(update(2)), state=State(lineage="one", serial=1)
    )

    assert apply(engine, bundle(reviewed))[0].changes.changed == 1


def test_what_is_no_longer_planned_is_counted() -> None:
    engine = Engine({"dev-base": document()})
    reviewed = Planned(
        stack="dev-base", json=document(update(2)), state=State(lineage="one", serial=1)
    )

    (one,) = apply(engine, bundle(reviewed))

    assert one.text == "no change; 1 of the reviewed changes are no longer planned"
    assert engine.done == ["plan dev-base"]
