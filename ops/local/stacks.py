"""The synthesized stacks, in the order in which Terraform has to work on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ops.common.errors import OperatorError

_STATE_VERSION = 4


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A Terraform root module on disk; ``document`` is its JSON."""

    name: str
    folder: Path
    needs: tuple[str, ...]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def state_file(self) -> Path:
        """File that Terraform keeps this stack's state in."""
        return (self.folder / str(self.document["terraform"]["backend"]["local"]["path"])).resolve()

    @property
    def provider_versions(self) -> str:
        """Versions of the AWS provider that this stack accepts."""
        return str(self.document["terraform"]["required_providers"]["aws"]["version"])


@dataclass(frozen=True, kw_only=True)
class State:
    """What a state file says: how many resources it manages, and the stack's outputs."""

    resources: int = 0
    outputs: Mapping[str, Any] = field(default_factory=dict)


def read_stacks(output: Path, *, place: Path) -> list[Stack]:
    """Return the stacks that were written to ``output``, each after those that it needs.

    Their folders are those below ``place``, where Terraform runs: a dry run writes elsewhere.

    Raises:
        OperatorError: The output is incomplete, or the stacks need each other in a circle.

    """
    try:
        entries = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["stacks"]
        stacks = {
            name: _read_stack(output, place, entry) for name, entry in sorted(entries.items())
        }
        order = list(TopologicalSorter({s.name: s.needs for s in stacks.values()}).static_order())
        return [stacks[name] for name in order]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, CycleError):
            circle = " -> ".join(error.args[1])
            raise OperatorError(f"the stacks need each other in a circle: {circle}") from error
        raise OperatorError(
            f"{output} does not hold what main.py writes ({type(error).__name__}: {error})",
            remedy="run main.py and read what it says",
        ) from error


def read_state(path: Path) -> State:
    """Return what a state file says; a missing one is empty.

    Raises:
        OperatorError: The file is no Terraform state of the known format.

    """
    try:
        return _parsed_state(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(
            f"{path} is no Terraform state that can be read ({error})",
            remedy="python -m ops local down, which drops it",
        ) from error


def digest(stacks: Sequence[Stack], *, emulator: str) -> str:
    """Return a digest of the stacks, their states and the emulator that holds their resources.

    As long as it stays the same, nobody changed the code or applied anything else, so Terraform
    would find nothing to do.
    """
    result = hashlib.sha256(emulator.encode())
    for stack in stacks:
        result.update(json.dumps([stack.name, stack.needs, stack.document]).encode())
        if stack.state_file.exists():
            result.update(stack.state_file.read_bytes())
    return result.hexdigest()


def _parsed_state(document: Mapping[str, Any]) -> State:
    if document["version"] != _STATE_VERSION:
        raise ValueError(f"format {document['version']}")
    managed = [item for item in document["resources"] if item["mode"] == "managed"]
    return State(
        resources=sum(len(item["instances"]) for item in managed),
        outputs={name: output["value"] for name, output in document["outputs"].items()},
    )


def _read_stack(output: Path, place: Path, entry: Mapping[str, Any]) -> Stack:
    document = json.loads((output / entry["synthesizedStackPath"]).read_text(encoding="utf-8"))
    return Stack(
        name=entry["name"],
        folder=place / entry["workingDirectory"],
        needs=tuple(sorted(entry["dependencies"])),
        document=document,
    )
