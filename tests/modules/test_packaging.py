"""The Lambda package: reproducible, with locked distributions only."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from modules.packaging import ROOT, build_package
from modules.problems import InputError

SOURCE = ROOT / "lambda_src" / "reasoning"


def test_the_package_is_the_same_from_another_checkout(tmp_path: Path) -> None:
    clone = tmp_path / "clone" / "reasoning"
    shutil.copytree(SOURCE, clone, ignore=shutil.ignore_patterns("__pycache__"))
    for path in clone.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (0, 0))
    one = build_package(SOURCE, distributions=["fastjsonschema"], folder=tmp_path / "one")
    other = build_package(clone, distributions=["fastjsonschema"], folder=tmp_path / "other")
    assert one.sha256 == other.sha256
    assert one.path.read_bytes() == other.path.read_bytes()


def test_the_package_contains_code_and_licences_only(tmp_path: Path) -> None:
    package = build_package(SOURCE, distributions=["fastjsonschema"], folder=tmp_path)
    with zipfile.ZipFile(package.path) as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert "reasoning/handler.py" in names
    assert "fastjsonschema/__init__.py" in names
    others = [name for name in names if not name.endswith(".py")]
    assert others
    assert all("LICENSE" in name.upper() or "AUTHORS" in name.upper() for name in others)
    # Its own, and one for what it bundles.
    assert len([name for name in others if "LICENSE" in name.upper()]) == 2


def test_the_package_stays_within_its_size_limit(tmp_path: Path) -> None:
    package = build_package(SOURCE, distributions=["fastjsonschema"], folder=tmp_path)
    assert package.path.stat().st_size < 1_500_000


def test_a_distribution_other_than_the_locked_one_is_rejected(tmp_path: Path) -> None:
    lock = tmp_path / "Pipfile.lock"
    lock.write_text(json.dumps({"default": {"fastjsonschema": {"version": "==0.0.1"}}}))
    with pytest.raises(InputError, match="make install") as caught:
        build_package(SOURCE, distributions=["fastjsonschema"], lock=lock, folder=tmp_path / "out")
    assert metadata.version("fastjsonschema") in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_distribution_that_is_not_installed_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not installed"):
        build_package(SOURCE, distributions=["no-such-thing"], folder=tmp_path)


def test_the_reported_hash_is_the_one_that_lambda_reports(tmp_path: Path) -> None:

    package = build_package(SOURCE, folder=tmp_path)
    digest = hashlib.sha256(package.path.read_bytes()).digest()
    assert base64.b64decode(package.sha256) == digest
