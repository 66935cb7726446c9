"""Terraform and the real provider accept every synthesized stack."""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from modules.settings import Settings
from ops.local.terraform.stacks import Stack
from tests.integration.terraform import VARIANTS, Installation

pytestmark = pytest.mark.integration


def test_every_stack_is_valid(
    installation: Installation, stacks: dict[str, Stack], tmp_path: Path
) -> None:
    # As modules of one configuration the stacks share one start of the provider, which takes most
    # of the time. Terraform ignores the backends of modules.
    calls = {
        stack.name: {"source": os.path.relpath(stack.folder, tmp_path)} for stack in stacks.values()
    }
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls}), encoding="utf-8")

    with installation.running(tmp_path) as terraform:
        terraform.run("init", "-backend=false", "-input=false", "-no-color")
        printed = terraform.run("validate", "-json", accept=(0, 1))

    errors = [
        _readable(diagnostic)
        for diagnostic in json.loads(printed)["diagnostics"]
        if diagnostic["severity"] == "error"
    ]
    assert not errors, "\n".join(errors)


def _readable(diagnostic: Mapping[str, Any]) -> str:
    stack = Path(diagnostic.get("range", {}).get("filename", "?")).parent.name
    place = (diagnostic.get("snippet") or {}).get("context")
    return f"{stack}: {diagnostic['summary']} ({place}): {diagnostic.get('detail', '')}"


def test_the_variants_use_every_setting() -> None:
    """A new setting must be used in a variant, so that the test above covers its resources."""
    chosen = {
        path
        for file in VARIANTS.glob("*.toml")
        for path in _chosen(tomllib.loads(file.read_text(encoding="utf-8")))
    }

    assert set(_paths(Settings)) - chosen == set()


def _chosen(document: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _chosen(value, f"{at}{key}.")
        else:
            yield f"{at}{key}"


def _paths(section: type, at: str = "") -> Iterator[str]:
    hints = get_type_hints(section)
    for field in dataclasses.fields(section):
        kinds = get_args(hints[field.name]) or (hints[field.name],)
        inner = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
        if isinstance(inner, type):
            yield from _paths(inner, f"{at}{field.name}.")
        else:
            yield f"{at}{field.name}"
