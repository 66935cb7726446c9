"""Folders that hold the AWS provider, so that Terraform need not download it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.local.versions import parse_version, satisfies

PROVIDER = "registry.terraform.io/hashicorp/aws"
WISH = "TF_PLUGIN_MIRROR"

_PACKED = re.compile(r"terraform-provider-aws_(?P<version>[^_]+)_(?P<platform>.+)\.zip")


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """A folder with a version of the provider that can be used; ``packed`` means as a zip file."""

    folder: Path
    version: str
    packed: bool


def find_mirror(folders: Iterable[Path], *, platform: str, versions: str) -> Mirror | None:
    """Return the first folder with a usable provider, with the newest of those that it holds."""
    for folder in folders:
        found = [
            mirror
            for mirror in _mirrors_in(folder, platform)
            if satisfies(mirror.version, versions)
        ]
        if found:
            return max(found, key=lambda mirror: (parse_version(mirror.version), not mirror.packed))
    return None


def known_folders(
    user_environment: Mapping[str, str], *, checkout: Path, root: Path = Path("/")
) -> Iterator[Path]:
    """Yield where providers may lie: first where Terraform itself looks, then optional software.

    ``root`` is the root of the file system, replaced in tests.
    """
    home = Path(user_environment.get("HOME", root / "root"))
    yield checkout / "terraform.d/plugins"
    yield home / ".terraform.d/plugins"
    yield home / "Library/Application Support/io.terraform/plugins"
    yield root / "Library/Application Support/io.terraform/plugins"
    yield _data_home(user_environment, home) / "terraform/plugins"
    shared = user_environment.get("XDG_DATA_DIRS") or ""
    for folder in filter(None, shared.split(":")):
        yield Path(folder) / "terraform/plugins"
    yield root / "usr/local/share/terraform/plugins"
    yield root / "usr/share/terraform/plugins"
    yield from sorted(path for path in _listed(root / "opt") if path.is_dir())


def _data_home(user_environment: Mapping[str, str], home: Path) -> Path:
    return Path(user_environment.get("XDG_DATA_HOME") or home / ".local/share")


def _mirrors_in(folder: Path, platform: str) -> Iterator[Mirror]:
    for entry in _listed(folder / PROVIDER):
        packed = _PACKED.fullmatch(entry.name)
        if packed and packed["platform"] == platform and _is_version(packed["version"]):
            yield Mirror(folder=folder, version=packed["version"], packed=True)
        elif _is_version(entry.name) and any(
            program.name.startswith("terraform-provider-aws")
            for program in _listed(entry / platform)
        ):
            yield Mirror(folder=folder, version=entry.name, packed=False)


def _is_version(text: str) -> bool:
    # Terraform takes a pre-release only where the constraint names it, so none counts here.
    return re.fullmatch(r"\d+\.\d+\.\d+", text) is not None


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
