"""Terraform's states: what is in them, and which revision they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.common.errors import OperatorError

_VERSION = 4


@dataclass(frozen=True, kw_only=True)
class State:
    """One revision of a state.

    ``resources`` has a digest of the attributes of each managed instance, by its address;
    ``outputs`` has the values.
    """

    lineage: str = ""
    serial: int = 0
    resources: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """Return a short description."""
        return f"serial {self.serial}, {len(self.resources)} resources"

    def has_content_of(self, other: State) -> bool:
        """Return whether both describe the same, in whatever revision."""
        return (self.resources, self.outputs) == (other.resources, other.outputs)


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
        return State(
            lineage=str(document["lineage"]),
            serial=int(document["serial"]),
            resources=dict(_instances(document["resources"])),
            outputs={name: output["value"] for name, output in document["outputs"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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


def _instances(resources: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    # While Terraform creates a resource, its entry has no instance yet. After a kill, the resource
    # can exist although the state does not know it.
    for one in resources:
        if one["mode"] != "managed":
            continue
        module = f"{one['module']}." if one.get("module") else ""
        for instance in one["instances"]:
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            attributes = json.dumps(instance.get("attributes"), sort_keys=True)
            yield (
                f"{module}{one['type']}.{one['name']}{index}",
                hashlib.sha256(attributes.encode()).hexdigest(),
            )


def _unreadable(where: str, why: str) -> OperatorError:
    return OperatorError(
        f"{where} is not a readable Terraform state ({why})",
        remedy="restore an earlier version of it, or move it away: what it described is then found "
        "by its names",
    )
