"""The Lambda package: reproducible, with locked distributions only."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from modules import packaging
from modules.packaging import BUNDLED, ROOT, build_package
from modules.problems import InputError

SOURCE = ROOT / "lambda_src" / "reasoning"


def test_the_package_is_the_same_from_another_checkout(tmp_path: Path) -> None:
    clone = tmp_path / "clone" / "reasoning"
    shutil.copytree(SOURCE, clone, ignore=shutil.ignore_patterns("__pycache__"))
    for path in clone.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (0, 0))
    one = build_package(SOURCE, folder=tmp_path / "one")
    other = build_package(clone, root=clone.parent, folder=tmp_path / "other")
    assert one.sha256 == other.sha256
    assert one.path.read_bytes() == other.path.read_bytes()


def test_the_package_contains_code_and_licences_only(tmp_path: Path) -> None:
    package = build_package(SOURCE, folder=tmp_path)
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
    package = build_package(SOURCE, folder=tmp_path)
    assert package.path.stat().st_size < 1_500_000


def test_a_distribution_other_than_the_locked_one_is_rejected(tmp_path: Path) -> None:
    lock = tmp_path / "Pipfile.lock"
    lock.write_text(json.dumps({"default": {"fastjsonschema": {"version": "==0.0.1"}}}))
    with pytest.raises(InputError, match="make install") as caught:
        build_package(SOURCE, lock=lock, folder=tmp_path / "out")
    assert metadata.version("fastjsonschema") in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_distribution_that_is_not_installed_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not installed"):
        build_package(SOURCE, distributions={"no-such-thing": ""}, folder=tmp_path)


def test_the_reported_hash_is_the_one_that_lambda_reports(tmp_path: Path) -> None:
    package = build_package(SOURCE, folder=tmp_path)
    digest = hashlib.sha256(package.path.read_bytes()).digest()
    assert base64.b64decode(package.sha256) == digest


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"#")


def _rerecord(site: Path) -> None:
    """Change a module and what RECORD says about it."""
    module = site / "fastjsonschema" / "draft04.py"
    (record,) = site.glob("fastjsonschema-*.dist-info/RECORD")
    before = _recorded(module)
    _append(module)
    text = record.read_text(encoding="utf-8")
    assert before in text
    record.write_text(text.replace(before, _recorded(module)), encoding="utf-8")


def _recorded(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that Python finds a copy of fastjsonschema in, before the installed one."""
    installed = metadata.distribution("fastjsonschema")
    site = tmp_path / "site"
    for folder in {file.parts[0] for file in installed.files or ()}:
        shutil.copytree(str(installed.locate_file(folder)), site / folder)
    monkeypatch.syspath_prepend(site)
    return site


def test_a_copy_of_what_was_reviewed_is_packaged(site: Path, tmp_path: Path) -> None:
    assert metadata.distribution("fastjsonschema").locate_file("") == site
    package = build_package(SOURCE, folder=tmp_path / "out")
    with zipfile.ZipFile(package.path) as archive:
        assert "fastjsonschema/draft04.py" in archive.namelist()


def test_the_documented_command_computes_the_digest_of_what_is_packaged(
    site: Path, tmp_path: Path
) -> None:
    comments = Path(packaging.__file__).read_text(encoding="utf-8").partition("BUNDLED:")[0]
    command = "".join(re.findall(r"(?m)^#     (.*)", comments))

    def computed() -> str:
        pipe = subprocess.run(["sh", "-c", command], cwd=site, capture_output=True, check=True)
        return pipe.stdout.decode().split()[0]

    assert computed() == BUNDLED["fastjsonschema"]
    for name in ("Licence.md", "COPYING", "notice.txt", "licenses.py", "a_notice.txt"):
        (site / "fastjsonschema" / name).write_text("new")
    package = build_package(
        SOURCE, distributions={"fastjsonschema": computed()}, folder=tmp_path / "out"
    )
    with zipfile.ZipFile(package.path) as archive:
        assert "fastjsonschema/Licence.md" in archive.namelist()
        assert "fastjsonschema/a_notice.txt" not in archive.namelist()


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (lambda site: _append(site / "fastjsonschema" / "draft04.py"), "fastjsonschema/draft04.py"),
        (
            lambda site: (site / "fastjsonschema" / "_more.py").write_text("x = 1"),
            "fastjsonschema/_more.py",
        ),
        (
            lambda site: (site / "fastjsonschema" / "draft06.py").unlink(),
            "fastjsonschema/draft06.py",
        ),
        (_rerecord, "RECORD"),
    ],
    ids=["changed", "additional", "missing", "changed with its record"],
)
def test_a_distribution_that_was_tampered_with_is_rejected(
    site: Path, tmp_path: Path, tamper: Callable[[Path], object], named: str
) -> None:
    tamper(site)
    with pytest.raises(InputError, match="BUNDLED") as caught:
        build_package(SOURCE, folder=tmp_path / "out")
    (problem,) = caught.value.problems
    assert named in problem.reason
    assert not (tmp_path / "out").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a package in a Git repository of its own."""
    source = tmp_path / "checkout" / "reasoning"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    _git(source.parent, "init", "--quiet")
    return source


def _git(folder: Path, *arguments: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=folder, env=clean, check=True)


def test_a_module_that_git_does_not_track_is_rejected(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git(checkout, "add", ".")
    (checkout / "notes.txt").write_text("not Python, so never packaged")
    expected = build_package(SOURCE, folder=tmp_path / "out").sha256
    assert build_package(checkout, root=checkout.parent, folder=tmp_path / "out").sha256 == expected

    stray = checkout / "secrets.py"
    stray.write_text("KEY = 1")
    # As in a hook, for which Git sets it.
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    with pytest.raises(InputError, match=f"git add {stray}") as caught:
        build_package(checkout, root=checkout.parent, folder=tmp_path / "out")
    assert [problem.subject for problem in caught.value.problems] == ["reasoning: secrets.py"]
    _git(checkout, "add", "secrets.py")
    assert build_package(checkout, root=checkout.parent, folder=tmp_path / "out").sha256 != expected


@pytest.mark.parametrize("how", ["no git", "nested repository", "another work tree"])
def test_a_git_that_does_not_know_the_package_is_no_permission(
    how: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git(checkout, "add", ".")
    (checkout / "evil.py").write_text("KEY = 1")
    if how == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif how == "nested repository":
        _git(checkout, "init", "--quiet")
    else:
        _git(checkout.parent, "config", "core.worktree", "/")
    with pytest.raises(InputError, match="Git"):
        build_package(checkout, root=checkout.parent, folder=tmp_path / "out")


def test_a_link_is_rejected(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("KEY = 1")
    (checkout / "linked.py").symlink_to(tmp_path / "outside.py")
    _git(checkout, "add", ".")
    with pytest.raises(InputError, match="symbolic link"):
        build_package(checkout, root=checkout.parent, folder=tmp_path / "out")


def test_outside_a_checkout_all_modules_are_packaged(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout.parent / ".git")
    (checkout / "additional.py").write_text("KEY = 1")
    found = build_package(checkout, root=checkout.parent, folder=tmp_path / "out").sha256
    assert found != build_package(SOURCE, folder=tmp_path / "out").sha256
