"""The recording of the calls that real Terraform makes, as a reviewed file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from testing.iam.calls import BOUNDARY, Call, Request, calls

# What Terraform did at the time. The plan role plans, the apply role does all of it.
PLAN, APPLY, CHANGE, DESTROY = PHASES = ("plan", "apply", "change", "destroy")

Calls = Mapping[Call, frozenset[str]]


class Recording:
    """The calls in the requests of the emulator, by the phase in which they were made."""

    def __init__(self, requests: Path) -> None:
        self._requests = requests
        self._read = 0
        self._found: dict[Call, set[str]] = {}

    @property
    def calls(self) -> Calls:
        """The calls so far, with their phases."""
        return {call: frozenset(phases) for call, phases in self._found.items()}

    def skip(self) -> None:
        """Ignore the requests since the last call of this class."""
        self._read = len(self._lines())

    def add(self, phase: str) -> None:
        """Add the requests since the last call of this class to a phase."""
        for line in self._lines()[self._read :]:
            self._read += 1
            for call in calls(Request.read(line), lambda _: BOUNDARY):
                self._found.setdefault(call, set()).add(phase)

    def _lines(self) -> list[str]:
        return self._requests.read_text(encoding="utf-8").splitlines()


def read(file: Path) -> Calls:
    """Return the calls in a file."""
    return {
        Call(
            action=row["action"],
            resource=row["resource"],
            context={"aws:RequestedRegion": row["region"], **row.get("context", {})},
        ): frozenset(row["phases"].split())
        for row in json.loads(file.read_text(encoding="utf-8"))
    }


def write(file: Path, found: Calls) -> None:
    """Write the calls into a file: sorted, one on each line."""
    rows = sorted(json.dumps(_row(call, phases)) for call, phases in found.items())
    file.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def _row(call: Call, phases: frozenset[str]) -> dict[str, object]:
    context = dict(sorted(call.context.items()))
    row: dict[str, object] = {
        "action": call.action,
        "resource": call.resource,
        "region": context.pop("aws:RequestedRegion"),
        "phases": " ".join(phase for phase in PHASES if phase in phases),
    }
    return {**row, "context": context} if context else row
