"""Constraints that more than one section uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modules.problems import Problem
from modules.schema.constraints import Matches, OneOf

REGION = Matches(r"[a-z]{2,4}(-[a-z]+)+-\d", "an AWS Region code", "eu-central-1")
LOG_RETENTION = OneOf(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
     3288, 3653),
    "CloudWatch Logs",
)  # fmt: skip


def star_beside_origins(at: str, origins: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem if "*" is listed together with origins."""
    if "*" in origins and len(origins) > 1:
        yield Problem(
            field=at,
            value=list(origins),
            reason='"*" already allows every origin, so the others have no effect',
            remedy='keep only "*", or only the origins',
        )
