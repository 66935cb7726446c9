"""The record of the running local AWS, and the lock that admits one command at a time."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.common.errors import BusyError
from ops.local.services.ports import Ports
from ops.local.services.processes import ProcessIdentity


@dataclass(frozen=True, kw_only=True)
class Run:
    """A started local AWS. ``applied`` is the digest of what was last applied to it."""

    ports: Ports
    emulator: ProcessIdentity
    stand_in: ProcessIdentity | None = None
    applied: str | None = None


def save(path: Path, run: Run) -> None:
    """Write the record atomically."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {
        "port": run.ports.emulator,
        "emulator": dataclasses.asdict(run.emulator),
        "stand_in": dataclasses.asdict(run.stand_in) if run.stand_in else None,
        "applied": run.applied,
    }
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> Run | None:
    """Return the record, or None if it is missing or unreadable."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        stand_in = document["stand_in"]
        return Run(
            ports=Ports(int(document["port"])),
            emulator=ProcessIdentity(**document["emulator"]),
            stand_in=ProcessIdentity(**stand_in) if stand_in else None,
            applied=document["applied"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def exclusive(lock: Path, uses: str = "uses the local AWS") -> Iterator[None]:
    """Hold the lock; the kernel releases it even if this process is killed.

    ``uses`` says what another command does that holds it.

    Raises:
        BusyError: Another command holds it.

    """
    # State, logs and the snapshot of the emulator are for this user alone.
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise BusyError(
                f"another command {uses} (process {file.read().strip()})",
                remedy="wait until it has ended, or stop it with Ctrl-C",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
