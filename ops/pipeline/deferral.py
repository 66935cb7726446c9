"""Which stacks cannot be planned before another one is applied.

A stack reads outputs from the states of others. While one of them does not exist, Terraform would
end with "Unsupported attribute"; what is missing is known without asking it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from ops.terraform.stacks import Stack
from ops.terraform.states import State

_READ = re.compile(r"\bdata\.terraform_remote_state\.([\w-]+)\.outputs\.([\w-]+)")


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """For which stacks a stack waits, and why."""

    until: tuple[str, ...]
    reason: str

    def document(self) -> dict[str, object]:
        """Return what `ops review` reads in the place of a plan."""
        return {"deferred": {"until": list(self.until), "reason": self.reason}}


def deferrals(stacks: Sequence[Stack], states: Mapping[str, State | None]) -> dict[str, Deferral]:
    """Return the stacks that cannot be planned; ``states`` are those of all stacks, by name."""
    found = {}
    for stack in stacks:
        missing = {
            producer: sorted(outputs - _outputs(states.get(producer)))
            for producer, outputs in sorted(read_outputs(stack).items())
        }
        waits = {producer: names for producer, names in missing.items() if names}
        if waits:
            reasons = [_reason(name, states.get(name), names) for name, names in waits.items()]
            found[stack.name] = Deferral(until=tuple(waits), reason="; ".join(reasons))
    return found


def read_outputs(stack: Stack) -> dict[str, frozenset[str]]:
    """Return the names of the outputs that a stack reads, by the stacks that have them.

    A remote state is called like its layer, which is the end of the stack's name.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for layer, output in _READ.findall(json.dumps(stack.document)):
        (producer,) = (one for one in stack.needs if one.endswith(f"-{layer}"))
        found[producer].add(output)
    return {producer: frozenset(outputs) for producer, outputs in found.items()}


def _outputs(state: State | None) -> Set[str]:
    return state.outputs.keys() if state else frozenset()


def _reason(producer: str, state: State | None, outputs: Sequence[str]) -> str:
    if state is None or not state.outputs:
        return f"{producer} is not applied yet"
    return f"{producer} has no output {', '.join(outputs)} yet"
