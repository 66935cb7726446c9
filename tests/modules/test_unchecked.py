"""Packages imported without run-time type checks otherwise behave the same."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modules.fast_import.unchecked import import_unchecked

CODE = """
def recorded(value):
    seen.append(value)
    return value

seen = []

def checked(value: recorded("a hint")) -> None:
    if __debug__:
        seen.append("a check")
"""

Package = Callable[[str], Path]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    def write(name: str) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(CODE, encoding="utf-8")
        importlib.invalidate_caches()
        return tmp_path / name

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _seen(name: str) -> list[str]:
    module = importlib.import_module(name)
    module.checked(1)
    seen: list[str] = module.seen
    return seen


def test_a_listed_package_evaluates_no_annotations_and_checks_no_types(package: Package) -> None:
    package("generated")
    import_unchecked(["generated"])
    assert _seen("generated") == []


def test_other_packages_are_unchanged(package: Package) -> None:
    package("written")
    import_unchecked(["generated"])
    assert _seen("written") == ["a hint", "a check"]


def test_bytecode_is_cached_under_a_separate_name(package: Package) -> None:
    folder = package("generated")
    assert _seen("generated") == ["a hint", "a check"]
    del sys.modules["generated"]
    import_unchecked(["generated"])
    assert _seen("generated") == []
    cached = sorted(path.name for path in (folder / "__pycache__").iterdir())
    stem = f"__init__.{sys.implementation.cache_tag}"
    assert cached == [f"{stem}.opt-unchecked.pyc", f"{stem}.pyc"]
