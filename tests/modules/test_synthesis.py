"""Synthesis is reproducible: identical bytes in every run, folder and selection of layers."""

from __future__ import annotations

from pathlib import Path

from modules import environments
from modules.app import synthesize
from modules.catalogue import Layer
from tests.modules.conftest import SHIPPED
from tests.modules.terraform_json import Stack


def _files(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file()
    }


def test_a_second_run_writes_the_same_bytes(shipped: dict[str, Stack], tmp_path: Path) -> None:
    first = _files(shipped["dev-base"].folder.parent.parent)
    synthesize(environments.load(SHIPPED), output=tmp_path / "somewhere" / "else")
    assert _files(tmp_path / "somewhere" / "else") == first


def test_no_absolute_path_is_written(shipped: dict[str, Stack]) -> None:
    home = str(Path.home()).encode()
    checkout = str(Path(__file__).parents[2]).encode()
    for name, content in _files(shipped["dev-base"].folder.parent.parent).items():
        if not name.endswith(".zip"):
            assert home not in content, name
            assert checkout not in content, name


def test_a_selected_layer_is_the_same_as_in_a_full_run(
    shipped: dict[str, Stack], tmp_path: Path
) -> None:
    names = synthesize(environments.load(["prod"]), output=tmp_path, layers=[Layer.STORAGE])
    assert names == ["prod-storage"]
    assert sorted(path.name for path in (tmp_path / "stacks").iterdir()) == ["prod-storage"]
    assert Stack.read(tmp_path, "prod-storage").document == shipped["prod-storage"].document
