"""The parts of the pipeline that need neither Terraform nor AWS."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.common.errors import OperatorError
from ops.pipeline.bundle import Bundle, Planned, digest, pack, unpack
from ops.pipeline.deferral import Deferral, deferrals
from ops.pipeline.states import moved_on
from ops.review import json_report, sources
from ops.review.acceptance import Acceptance, Acceptances
from ops.review.reviewing import judge, review
from ops.terraform.stacks import Stack
from ops.terraform.states import State, parse

PLANS = Path(__file__).resolve().parents[1] / "review" / "plans"
PLAN = b'{"format_version": "1.2", "resource_changes": []}'


def stack(name: str, *needs: str, reads: str = "") -> Stack:
    return Stack(name=name, folder=Path(name), needs=needs, document={"output": {"a": reads}})


BASE = stack("dev-base")
STORAGE = stack("dev-storage", "dev-base", reads="${data.terraform_remote_state.base.outputs.key}")
COMPUTE = stack(
    "dev-compute",
    "dev-base",
    "dev-storage",
    reads="${data.terraform_remote_state.base.outputs.key}"
    " and ${data.terraform_remote_state.storage.outputs.cross-stack-output-table}",
)


def applied(*outputs: str) -> State:
    return State(lineage="l", serial=1, outputs=dict.fromkeys(outputs))


def test_a_stack_waits_for_outputs_that_do_not_exist() -> None:
    found = deferrals([BASE, STORAGE, COMPUTE], {"dev-base": applied("key"), "dev-storage": None})

    assert found == {
        "dev-compute": Deferral(until=("dev-storage",), reason="dev-storage is not applied yet")
    }


def test_a_new_output_of_an_applied_stack_is_waited_for() -> None:
    states_ = {"dev-base": applied("other"), "dev-storage": applied("cross-stack-output-table")}

    found = deferrals([BASE, STORAGE, COMPUTE], states_)

    assert found.keys() == {"dev-storage", "dev-compute"}
    assert found["dev-storage"].reason == "dev-base has no output key yet"
    assert found["dev-compute"].until == ("dev-base",)


def test_nothing_waits_once_all_outputs_exist() -> None:
    states_ = {"dev-base": applied("key"), "dev-storage": applied("cross-stack-output-table")}

    assert deferrals([BASE, STORAGE, COMPUTE], states_) == {}


def state(serial: int, *, lineage: str = "l", **attributes: object) -> State:
    document = {
        "version": 4,
        "lineage": lineage,
        "serial": serial,
        "outputs": {"key": {"value": "secret"}},
        "resources": [
            {"mode": "data", "type": "aws_region", "name": "here", "instances": [{}]},
            {
                "mode": "managed",
                "type": "aws_thing",
                "name": "many",
                "module": "module.inner",
                "instances": [
                    {"index_key": key, "attributes": {"value": value}}
                    for key, value in attributes.items()
                ],
            },
        ],
    }
    found = parse(json.dumps(document).encode(), "the state")
    assert found
    return found


def test_a_state_tells_which_resources_were_changed() -> None:
    before, after = state(3, one=1, two=2, three=3), state(5, one=1, two=7, four=4)

    text = moved_on(before, after)

    assert text.startswith("its state moved on from serial 3 to 5")
    changed = ("four", "three", "two")
    assert ", ".join(f'module.inner.aws_thing.many["{key}"]' for key in changed) in text
    assert '"one"' not in text


def test_the_same_revision_has_not_moved_on() -> None:
    assert moved_on(state(3, one=1), state(3, one=1)) == ""
    assert moved_on(None, None) == ""


def test_another_state_is_named() -> None:
    assert "another state, of lineage m" in moved_on(state(3), state(3, lineage="m"))
    assert moved_on(None, state(1)) == "a state exists now"
    assert moved_on(state(1), None) == "the state is gone"


def test_a_state_that_cannot_be_read_is_named() -> None:
    with pytest.raises(OperatorError, match=r"s3://b/k is not .*version 3 is not 4"):
        parse(b'{"version": 3}', "s3://b/k")
    assert parse(b"", "s3://b/k") is None


def bundle(**changes: Any) -> Bundle:
    base = Bundle(
        environment="dev",
        digest="d",
        created=datetime(2027, 1, 31, 12, 0, tzinfo=UTC),
        terraform_version="1.11.4",
        lock="# lock",
        planned=[
            Planned(stack="dev-base", json=PLAN, state=replace(state(3, one=1), outputs={})),
            Planned(stack="dev-storage", deferral=Deferral(until=("dev-base",), reason="it waits")),
        ],
        files={"stacks/dev-base/cdk.tf.json": b"{}"},
    )
    return replace(base, **changes)


def test_a_bundle_is_read_back_as_it_was() -> None:
    assert unpack(pack(bundle()), "here") == bundle()


def test_the_same_bundle_is_the_same_bytes() -> None:
    assert pack(bundle()) == pack(bundle())


def rewritten(content: bytes, name: str, data: bytes) -> bytes:
    """Return an archive with another file."""
    body = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as old,
        tarfile.open(fileobj=body, mode="w:gz") as new,
    ):
        for entry in old:
            file = old.extractfile(entry)
            assert file
            inside = data if entry.name == name else file.read()
            entry.size = len(inside)
            new.addfile(entry, io.BytesIO(inside))
    return body.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "BadGzipFile"),
        (pack(bundle())[:200], "EOFError"),
        (gzip.compress(b"", mtime=0), "KeyError|ReadError"),
        (rewritten(pack(bundle()), "plans/dev-base.json", b"{}"), "plan of dev-base is not"),
        (rewritten(pack(bundle()), "bundle.json", b'{"format": 2}'), "its format is 2"),
        (rewritten(pack(bundle()), "bundle.json", b"[]"), "TypeError"),
        (rewritten(pack(bundle()), "bundle.json", b"[" * 100_000), "RecursionError"),
        (gzip.compress(bytes(200_000_001), 1, mtime=0), "more than 200,000,000 bytes"),
    ],
)
def test_a_bundle_that_was_changed_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(OperatorError, match=rf"here is no bundle .*({reason})"):
        unpack(content, "here")


files = st.dictionaries(st.text("ab/", min_size=1, max_size=4), st.binary(max_size=4), max_size=4)


@given(files, files, st.none() | st.text(max_size=3), st.none() | st.text(max_size=3))
def test_only_the_same_stacks_have_the_same_digest(
    one: dict[str, bytes], other: dict[str, bytes], lock: str | None, another: str | None
) -> None:
    is_same = (one, lock) == (other, another)

    assert (digest(one, lock) == digest(other, another)) is is_same


def test_a_review_is_read_back_as_it_was() -> None:
    made = review(sources.load(sorted(PLANS.glob("*.json"))), Acceptances())
    assert made.open_dangers

    stacks = json_report.read(json.loads(json.dumps(json_report.document(made))), "here")

    assert judge(stacks, Acceptances()) == made


def test_dangers_are_accepted_when_reviews_are_combined() -> None:
    made = review(sources.load(sorted(PLANS.glob("*.json"))), Acceptances())
    everything = Acceptances(
        valid=tuple(
            Acceptance(address=item.address, kind=one.danger.kind, who="a", why="b", until="9999")
            for _, item, one in made.dangers()
        )
    )

    again = judge(json_report.read(json_report.document(made), "here"), everything)

    assert again.open_dangers == 0
    assert again.exit_code != made.exit_code or made.exit_code == 1


@pytest.mark.parametrize("document", [None, [], {}, {"format_version": "2.0", "stacks": []}])
def test_what_is_no_review_is_refused(document: object) -> None:
    with pytest.raises(OperatorError, match="here is no review that can be read"):
        json_report.read(document, "here")
