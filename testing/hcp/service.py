"""What the endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from testing.hcp.api import ApiError, Caller
from testing.hcp.faults import Faults
from testing.hcp.store import Store


@dataclass(kw_only=True)
class Service:
    """The stand-in, as its endpoints see it. ``callers`` maps each accepted token to its holder."""

    store: Store
    address: str
    faults: Faults = field(default_factory=Faults)
    callers: dict[str, Caller] = field(default_factory=dict)

    def caller(self, authorization: str | None) -> Caller:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or token not in self.callers:
            raise ApiError(401, "unauthorized")
        return self.callers[token]
