"""Build the Lambda's deployment package: the same bytes on every machine, without a network.

The package holds the function's code and the pure-Python distributions that it bundles, each with
its licence, taken from the installed environment and checked against ``Pipfile.lock``. The Lambda
runtime provides botocore.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from modules.problems import InputError, Problem

ROOT = Path(__file__).resolve().parent.parent

# The oldest date that a zip entry can carry.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READ_ONLY_FOR_OTHERS = 0o100644
_LICENCE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


@dataclass(frozen=True, kw_only=True)
class Package:
    """A built package: its path, and its SHA-256 in base64, as AWS Lambda reports it."""

    path: Path
    sha256: str


def build_package(
    source: Path,
    *,
    distributions: Sequence[str] = (),
    lock: Path = ROOT / "Pipfile.lock",
    folder: Path = ROOT / "build",
) -> Package:
    """Zip the Python package ``source`` with the bundled ``distributions`` into ``folder``.

    Raises:
        InputError: A distribution is not installed, or not in the locked version.

    """
    entries = {"LICENSE": (ROOT / "LICENSE").read_bytes(), **_own_files(source)}
    problems = []
    for name in distributions:
        found, problem = _distribution_files(name, lock)
        entries |= found
        if problem:
            problems.append(problem)
    if problems:
        raise InputError(problems)
    content = _zip(entries)
    path = folder / f"{source.name}.zip"
    _write(path, content)
    digest = hashlib.sha256(content).digest()
    return Package(path=path, sha256=base64.b64encode(digest).decode())


def _own_files(source: Path) -> dict[str, bytes]:
    return {
        path.relative_to(source.parent).as_posix(): path.read_bytes()
        for path in source.rglob("*.py")
    }


def _distribution_files(name: str, lock: Path) -> tuple[dict[str, bytes], Problem | None]:
    locked = json.loads(lock.read_text(encoding="utf-8"))["default"].get(name, {}).get("version")
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return {}, _not_locked(name, "it is not installed", locked)
    if f"=={distribution.version}" != locked:
        return {}, _not_locked(name, f"the lock says {locked}", distribution.version)
    return {
        file.as_posix(): Path(str(file.locate())).read_bytes()
        for file in distribution.files or ()
        if file.suffix == ".py" or file.name.upper().startswith(_LICENCE_NAMES)
    }, None


def _not_locked(name: str, reason: str, value: object) -> Problem:
    return Problem(
        where="Pipfile.lock",
        field=name,
        value=value,
        reason=f"{reason}, so the package would not be the reviewed one",
        remedy="run `make install`",
    )


def _zip(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # Stored, not deflated: zlib's output differs between its versions, and with it the hash.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.external_attr = _READ_ONLY_FOR_OTHERS << 16
            info.create_system = 3  # Unix, also when built elsewhere
            archive.writestr(info, entries[name])
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    """Replace ``path`` atomically, so that a concurrent run never reads half a package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
