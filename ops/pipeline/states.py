"""What happened to the states since the review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.terraform.states import State

# How the text about a state begins that is no later revision.
REPLACED = "it is another state"


def document(state: State) -> dict[str, object]:
    """Return what is kept of a state: not the values of its outputs."""
    return {
        "lineage": state.lineage,
        "serial": state.serial,
        "resources": dict(state.resources),
    }


def from_document(document: Mapping[str, Any]) -> State:
    """Return what ``document`` kept."""
    return State(
        lineage=str(document["lineage"]),
        serial=int(document["serial"]),
        resources={str(key): str(one) for key, one in document["resources"].items()},
    )


def moved_on(reviewed: State | None, now: State | None) -> str:
    """Return what happened to a state since the review, "" if nothing did."""
    if reviewed is None or now is None:
        if reviewed == now:
            return ""
        return "a state exists now" if reviewed is None else "the state is gone"
    if reviewed.lineage != now.lineage:
        return f"{REPLACED}, of lineage {now.lineage} instead of {reviewed.lineage}"
    if reviewed.serial == now.serial:
        return ""
    changed = sorted(
        address
        for address in reviewed.resources.keys() | now.resources.keys()
        if reviewed.resources.get(address) != now.resources.get(address)
    )
    what = f"changed: {', '.join(changed)}" if changed else "no resource was changed"
    return f"its state moved on from serial {reviewed.serial} to {now.serial} ({what})"
