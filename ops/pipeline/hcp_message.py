"""The messages of the pipeline's runs in HCP Terraform, by which it finds them again."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NO_STATE = "none"
_FORM = re.compile(
    r"ops pipeline (?P<verb>plan|apply) (?P<digest>[0-9a-f]{64}) (?P<id>[0-9TZ]+-[0-9a-f]+)"
    r" \((?P<count>\d+) layers, state (?P<state>[\w-]+)\)"
)


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a run is for.

    All runs of one ``plan`` share ``id``, and an ``apply`` has that of what it compares with.
    ``count`` is how many layers were planned; ``state`` is the state that was planned against, None
    if there was none.
    """

    verb: str
    digest: str
    id: str
    count: int
    state: str | None

    @property
    def text(self) -> str:
        """Return it as HCP Terraform shows it."""
        return (
            f"ops pipeline {self.verb} {self.digest} {self.id}"
            f" ({self.count} layers, state {self.state or _NO_STATE})"
        )


def read(text: str | None) -> Message | None:
    """Return the message of a run, None if the run is not of the pipeline."""
    found = _FORM.fullmatch(text or "")
    if found is None:
        return None
    state = found["state"]
    return Message(
        verb=found["verb"],
        digest=found["digest"],
        id=found["id"],
        count=int(found["count"]),
        state=None if state == _NO_STATE else state,
    )
