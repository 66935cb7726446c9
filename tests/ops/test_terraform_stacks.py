"""The manifest, the states, and the digest of both."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modules import environments
from ops.common.errors import OperatorError
from ops.terraform.stacks import digest, read_stacks, read_state, settings_folder
from ops.terraform.states import State


def _write(output: Path, needs: Mapping[str, list[str]]) -> Path:
    stacks = {}
    for name, others in needs.items():
        folder = output / "stacks" / name
        folder.mkdir(parents=True, exist_ok=True)
        document = {"terraform": {"backend": {"local": {"path": f"../../../state/{name}"}}}}
        (folder / "cdk.tf.json").write_text(json.dumps(document), encoding="utf-8")
        stacks[name] = {
            "name": name,
            "dependencies": others,
            "workingDirectory": f"stacks/{name}",
            "synthesizedStackPath": f"stacks/{name}/cdk.tf.json",
        }
    (output / "manifest.json").write_text(json.dumps({"stacks": stacks}), encoding="utf-8")
    return output


def _state(resources: list[dict[str, Any]], outputs: dict[str, Any] | None = None) -> str:
    revision = {"version": 4, "lineage": "a", "serial": 1}
    return json.dumps({**revision, "resources": resources, "outputs": outputs or {}})


def test_a_relative_folder_of_settings_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert settings_folder({"CO2_SETTINGS": "own"}) == tmp_path / "own"
    assert settings_folder({"CO2_SETTINGS": ""}) == environments.FOLDER


def test_stacks_are_in_dependency_order(tmp_path: Path) -> None:
    output = _write(
        tmp_path, {"a-last": ["b-middle", "c-first"], "b-middle": ["c-first"], "c-first": []}
    )
    stacks = read_stacks(output, place=output)
    assert [stack.name for stack in stacks] == ["c-first", "b-middle", "a-last"]
    assert stacks[2].needs == ("b-middle", "c-first")


def test_folders_are_those_where_terraform_will_run(tmp_path: Path) -> None:
    output = _write(tmp_path / "draft", {"one": []})
    stack = read_stacks(output, place=tmp_path / "checkout" / "cdktf.out")[0]
    assert stack.folder == tmp_path / "checkout" / "cdktf.out" / "stacks" / "one"
    assert stack.state_file == tmp_path / "checkout" / "state" / "one"


def test_a_dependency_cycle_is_reported(tmp_path: Path) -> None:
    output = _write(tmp_path, {"one": ["two"], "two": ["one"]})
    with pytest.raises(OperatorError, match=r"cycle: (one -> two|two -> one)"):
        read_stacks(output, place=output)


@pytest.mark.parametrize("text", [None, "", "{}", '{"stacks": {"one": {"name": "one"}}}'])
def test_an_incomplete_output(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(OperatorError, match="not a complete output of main"):
        read_stacks(tmp_path, place=tmp_path)


def test_counts_managed_resources_and_reads_outputs(tmp_path: Path) -> None:
    file = tmp_path / "state"
    resources = [
        {
            "mode": "managed",
            "type": "a",
            "name": "b",
            "instances": [{"index_key": 0}, {"index_key": 1}],
        },
        {"mode": "managed", "type": "a", "name": "c", "instances": [{}]},
        {"mode": "data", "type": "a", "name": "d", "instances": [{}]},
    ]
    file.write_text(_state(resources, {"url": {"value": "https://x/"}}), encoding="utf-8")
    state = read_state(file)
    assert state.resources.keys() == {"a.b[0]", "a.b[1]", "a.c"}
    assert state.outputs == {"url": "https://x/"}
    assert read_state(tmp_path / "missing") == State()


@pytest.mark.parametrize("text", ["", "[]", '{"version": 3}', '{"version": 4}'])
def test_a_state_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(OperatorError, match="not a readable Terraform state") as error:
        read_state(file)
    assert "down" in str(error.value.remedy)


def test_the_digest_changes_with_code_state_and_emulator(tmp_path: Path) -> None:
    stacks = read_stacks(_write(tmp_path / "cdktf.out", {"one": []}), place=tmp_path / "cdktf.out")
    first = digest(stacks, emulator="started at 1")
    assert digest(stacks, emulator="started at 1") == first
    assert digest(stacks, emulator="started at 2") != first
    changed = [dataclasses.replace(stacks[0], document={**stacks[0].document, "output": {}})]
    assert digest(changed, emulator="started at 1") != first
    stacks[0].state_file.parent.mkdir()
    stacks[0].state_file.write_text(_state([]), encoding="utf-8")
    assert digest(stacks, emulator="started at 1") != first
