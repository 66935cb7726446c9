"""Which of two states of the bootstrap layer is the current one."""

from __future__ import annotations

from enum import Enum, auto

from ops.common.errors import RefusedError
from ops.terraform.states import State


class Current(Enum):
    """Where the current state is; the other one, if there is one, is an older copy."""

    NOWHERE = auto()
    LOCAL = auto()
    REMOTE = auto()


def current(local: State | None, remote: State | None, *, places: tuple[str, str]) -> Current:
    """Return which state is the current one; ``places`` are those of the two.

    The same content in both means that the local one was moved: Terraform gives the state a new
    lineage when it writes the first one to a backend. Else a later serial of the same lineage wins.
    A local state without resources describes nothing.

    Raises:
        RefusedError: Neither of them is a later revision of the other.

    """
    if local is None or not local.resources:
        return Current.REMOTE if remote else Current.NOWHERE
    if remote is None:
        return Current.LOCAL
    if local.has_content_of(remote):
        return Current.REMOTE
    if local.lineage != remote.lineage:
        raise _contradiction(
            places, f"they differ, and have the lineages {local.lineage} and {remote.lineage}"
        )
    if local.serial == remote.serial:
        raise _contradiction(places, f"they differ, and both have the serial {local.serial}")
    return Current.LOCAL if local.serial > remote.serial else Current.REMOTE


def _contradiction(places: tuple[str, str], why: str) -> RefusedError:
    local, remote = places
    return RefusedError(
        f"two states of the same resources, {local} and {remote}: {why}",
        remedy="compare the two (`terraform show FILE`), and move the file of the wrong one away",
    )
