"""Build the Lambda's deployment package: the same bytes on every machine, without a network.

The package holds the function's code, as far as Git tracks it, and the pure-Python distributions
that it bundles, each with its licence. These are taken from the installed environment and compared
with ``Pipfile.lock`` and ``BUNDLED``. The Lambda runtime provides botocore.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from modules.problems import InputError, Problem

ROOT = Path(__file__).resolve().parent.parent

# What the function bundles, with a digest of the files that get into the package. In the unpacked
# wheel, whose hash the lock has, this prints it:
#     find . -type f | sed 's,^./,,' | grep -iE '\.py$|(^|/)(LICEN[CS]E|COPYING|NOTICE)[^/]*$' |
#         LC_ALL=C sort | xargs sha256sum | sha256sum
# RECORD would not do instead: whoever can change installed files can change it as well.
BUNDLED: Mapping[str, str] = {
    "fastjsonschema": "60d5baccbaf6b8916cab651f771debb62e928f6a6d9e407bfff2fde0102ff865",
}

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
    distributions: Mapping[str, str] = BUNDLED,
    root: Path = ROOT,
    lock: Path = ROOT / "Pipfile.lock",
    folder: Path = ROOT / "build",
) -> Package:
    """Zip the Python package ``source`` with the bundled ``distributions`` into ``folder``.

    Raises:
        InputError: Git does not track a module of ``source`` in the checkout ``root``, or it is a
            link; or a distribution is not installed,
            not in the locked version, or not as it was reviewed.

    """
    own = sorted(source.rglob("*.py"))
    problems = list(_untracked(source, own, root))
    entries = {path.relative_to(source.parent).as_posix(): path.read_bytes() for path in own}
    entries["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    for name, reviewed in distributions.items():
        found, problem = _distribution_files(name, reviewed, lock)
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


def _untracked(source: Path, files: Iterable[Path], root: Path) -> Iterator[Problem]:
    """Yield a problem for each file that Git does not track, so that no stray file is deployed.

    Nothing is yielded outside a checkout, such as in an unpacked release. In one, a Git that fails
    knows no file.
    """
    for path in files:
        if path.is_symlink():
            yield _stray(source, path, "it is a symbolic link", "replace it by the file")
    if not (root / ".git").exists():
        return
    # A hook sets variables that point to another index.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        listed = subprocess.run(
            # In a container the checkout often belongs to another user, which Git refuses.
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", str(source)],
            cwd=root,
            env=variables,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason, remedy = f"Git cannot say what it tracks: {error}", "install Git, or correct that"
        yield _stray(source, source, reason, remedy)
        return
    tracked = {root / os.fsdecode(name) for name in listed.split(b"\0") if name}
    for path in files:
        if path not in tracked:
            reason = "it is untracked, and the package contains only what Git tracks"
            yield _stray(source, path, reason, f"run `git add {path}`, or remove it")


def _stray(source: Path, path: Path, reason: str, remedy: str) -> Problem:
    return Problem(
        where=source.name,
        field=path.relative_to(source).as_posix() if path != source else "the package",
        reason=reason,
        remedy=remedy,
    )


def _distribution_files(
    name: str, reviewed: str, lock: Path
) -> tuple[dict[str, bytes], Problem | None]:
    locked = json.loads(lock.read_text(encoding="utf-8"))["default"].get(name, {}).get("version")
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return {}, _not_locked(name, "it is not installed", locked)
    if f"=={distribution.version}" != locked:
        return {}, _not_locked(name, f"the lock says {locked}", distribution.version)
    files = _installed(distribution)
    listing = "".join(f"{_hexdigest(files[file])}  {file}\n" for file in sorted(files))
    found = _hexdigest(listing.encode())
    if found == reviewed:
        return files, None
    changed = (
        ", ".join(_changed(distribution, files)) or "none, but RECORD may have been changed too"
    )
    return {}, Problem(
        where="modules/packaging.py",
        field=f"BUNDLED[{name!r}]",
        value=reviewed,
        reason=f"the installed files have {found}; files that differ from RECORD: {changed}",
        remedy="remove .venv and run `make install`. If Pipfile.lock has a new version on purpose,"
        " read what has changed in it, and enter its digest",
    )


def _packaged(file: Path) -> bool:
    return file.suffix == ".py" or file.name.upper().startswith(_LICENCE_NAMES)


def _installed(distribution: metadata.Distribution) -> dict[str, bytes]:
    """Read the files to package from the folders of a distribution, listed in RECORD or not."""
    site = Path(str(distribution.locate_file("")))
    folders = {file.parts[0] for file in distribution.files or () if _packaged(Path(file))}
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for folder in folders
        for path in (site / folder).rglob("*")
        if _packaged(path) and path.is_file()
    }


def _changed(distribution: metadata.Distribution, files: Mapping[str, bytes]) -> list[str]:
    """Return the files that are changed, missing or additional, judged by RECORD."""
    recorded = {
        file.as_posix(): file.hash.value if file.hash else None
        for file in distribution.files or ()
        if _packaged(Path(file))
    }
    found = {
        file: base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        for file, content in files.items()
    }
    return sorted(file for file in recorded.keys() | found if recorded.get(file) != found.get(file))


def _hexdigest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
