"""The record of the running local AWS."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from ops.common.processes import ProcessIdentity
from ops.local.services.ports import Ports


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
