"""The variants in tests/integration/environments use every setting."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from modules.catalogue import BUCKETS
from modules.settings import Settings
from tests.modules.conftest import VARIANTS


def test_the_variants_use_every_setting() -> None:
    """Else Terraform would not validate what the setting leads to: integration/test_validate.py."""
    chosen = {
        path
        for file in VARIANTS.glob("*.toml")
        for path in _chosen(tomllib.loads(file.read_text(encoding="utf-8")))
    }

    generated = {f"adopt.{bucket.adopt}" for bucket in BUCKETS}
    unused = set(_paths(Settings)) - chosen - generated
    assert not unused, "add them to a file of tests/integration/environments"


def _chosen(document: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for key, value in document.items():
        yield f"{at}{key}"
        if isinstance(value, dict):
            yield from _chosen(value, f"{at}{key}.")


def _paths(section: type, at: str = "") -> Iterator[str]:
    hints = get_type_hints(section)
    for field in dataclasses.fields(section):
        kinds = get_args(hints[field.name]) or (hints[field.name],)
        inner = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
        if isinstance(inner, type):
            yield from _paths(inner, f"{at}{field.name}.")
        else:
            yield f"{at}{field.name}"
