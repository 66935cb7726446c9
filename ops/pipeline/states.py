"""What the states of the layers contain: read before planning, and again before applying."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.common.errors import OperatorError

_VERSION = 4


@dataclass(frozen=True, kw_only=True)
class State:
    """One revision of a state.

    ``resources`` has a digest of each managed instance by its address; ``outputs`` are names.
    """

    lineage: str
    serial: int
    resources: Mapping[str, str] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "lineage": self.lineage,
            "serial": self.serial,
            "resources": dict(self.resources),
            "outputs": sorted(self.outputs),
        }


def parse(content: bytes | None, where: str) -> State | None:
    """Return a state, None if there is none.

    Raises:
        OperatorError: It is not a state of the supported version.

    """
    if not content:
        return None
    try:
        document = json.loads(content)
        _require_version(document["version"])
        return State(
            lineage=str(document["lineage"]),
            serial=int(document["serial"]),
            resources=dict(_instances(document["resources"])),
            outputs=frozenset(document["outputs"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(
            f"{where} is not a readable Terraform state ({type(error).__name__}: {error})",
            remedy="restore an earlier version of it",
        ) from error


def from_document(document: Mapping[str, Any]) -> State:
    """Return what ``document`` returned."""
    return State(
        lineage=str(document["lineage"]),
        serial=int(document["serial"]),
        resources={str(key): str(one) for key, one in document["resources"].items()},
        outputs=frozenset(map(str, document["outputs"])),
    )


def moved_on(reviewed: State | None, now: State | None) -> str:
    """Return what happened to a state since the review, "" if nothing did."""
    if reviewed is None or now is None:
        if reviewed == now:
            return ""
        return "a state exists now" if reviewed is None else "the state is gone"
    if reviewed.lineage != now.lineage:
        return f"it is another state, of lineage {now.lineage} instead of {reviewed.lineage}"
    if reviewed.serial == now.serial:
        return ""
    changed = sorted(
        address
        for address in reviewed.resources.keys() | now.resources.keys()
        if reviewed.resources.get(address) != now.resources.get(address)
    )
    what = f"changed: {', '.join(changed)}" if changed else "no resource was changed"
    return f"its state moved on from serial {reviewed.serial} to {now.serial} ({what})"


def _require_version(version: object) -> None:
    if version != _VERSION:
        raise ValueError(f"version {version} is not {_VERSION}")


def _instances(resources: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in resources:
        if one["mode"] != "managed":
            continue
        module = f"{one['module']}." if one.get("module") else ""
        for instance in one["instances"]:
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            content = json.dumps(instance["attributes"], sort_keys=True)
            yield (
                f"{module}{one['type']}.{one['name']}{index}",
                hashlib.sha256(content.encode()).hexdigest(),
            )
