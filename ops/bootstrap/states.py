"""The states of the bootstrap layer: what they contain, and which of two is the current one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from ops.common.errors import OperatorError, RefusedError

_VERSION = 4


@dataclass(frozen=True, kw_only=True)
class State:
    """A Terraform state: its identity, its revision, and the managed resources in it.

    ``content`` is everything but the revision, in a form that can be compared.
    """

    lineage: str
    serial: int
    addresses: frozenset[str]
    content: str

    @property
    def text(self) -> str:
        """Return a short description."""
        return f"serial {self.serial}, {len(self.addresses)} resources"


class Current(Enum):
    """Where the current state is; the other one, if there is one, is an older copy."""

    NOWHERE = auto()
    LOCAL = auto()
    REMOTE = auto()


def parse(content: bytes | None, where: str) -> State | None:
    """Return a state, None if there is none; Terraform creates an empty file as its lock.

    Raises:
        OperatorError: It is not a state of the supported version.

    """
    if not content:
        return None
    try:
        document = json.loads(content)
        if document["version"] != _VERSION:
            raise _unreadable(where, f"version {document['version']} is not {_VERSION}")
        # While Terraform creates a resource, its entry has no instance yet. After a kill, the
        # resource can exist although the state does not know it.
        resources = [one for one in document["resources"] if one["instances"]]
        managed = [one for one in resources if one["mode"] == "managed"]
        return State(
            lineage=str(document["lineage"]),
            serial=int(document["serial"]),
            addresses=frozenset(f"{one['type']}.{one['name']}" for one in managed),
            content=json.dumps([resources, document["outputs"]], sort_keys=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        is_text = isinstance(error, json.JSONDecodeError | UnicodeDecodeError)
        why = "it is not JSON" if is_text else "a part of it is missing or has another form"
        raise _unreadable(where, why) from error


def read_file(path: Path) -> bytes | None:
    """Return the content of a local state, None if there is none.

    Raises:
        OperatorError: It cannot be read.

    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise _unreadable(str(path), reason) from error


def current(local: State | None, remote: State | None, *, places: tuple[str, str]) -> Current:
    """Return which state is the current one; ``places`` are those of the two.

    The same content in both means that the local one was moved: Terraform gives the state a new
    lineage when it writes the first one to a backend. Else a later serial of the same lineage wins.
    A local state without resources describes nothing.

    Raises:
        RefusedError: Neither of them is a later revision of the other.

    """
    if local is None or not local.addresses:
        return Current.REMOTE if remote else Current.NOWHERE
    if remote is None:
        return Current.LOCAL
    if local.content == remote.content:
        return Current.REMOTE
    if local.lineage != remote.lineage:
        raise _contradiction(
            places, f"they differ, and have the lineages {local.lineage} and {remote.lineage}"
        )
    if local.serial == remote.serial:
        raise _contradiction(places, f"they differ, and both have the serial {local.serial}")
    return Current.LOCAL if local.serial > remote.serial else Current.REMOTE


def _unreadable(where: str, why: str) -> OperatorError:
    return OperatorError(
        f"{where} is not a readable Terraform state ({why})",
        remedy="restore an earlier version of it, or move it away: what it described is then found "
        "by its names",
    )


def _contradiction(places: tuple[str, str], why: str) -> RefusedError:
    local, remote = places
    return RefusedError(
        f"two states of the same resources, {local} and {remote}: {why}",
        remedy="compare the two (`terraform show FILE`), and move the file of the wrong one away",
    )
