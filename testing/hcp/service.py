"""What the endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass

from testing.hcp.api import Caller
from testing.hcp.model import Workspace
from testing.hcp.runner import Runner
from testing.hcp.store import Store


@dataclass(frozen=True, kw_only=True)
class Service:
    """The stand-in, as its endpoints see it."""

    store: Store
    runner: Runner

    def may_read_state(self, caller: Caller, workspace: Workspace) -> bool:
        """Return whether a caller may read a state: a user every one, a run what is shared."""
        if caller.kind != "runs":
            return True
        return workspace.shares_state_with(self.store.runs[caller.id].workspace)
