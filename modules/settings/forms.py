"""Forms of text that more than one section takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modules.problems import Problem
from modules.schema.constraints import Matches

REGION = Matches(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS Region code", "eu-central-1")


def star_beside_origins(at: str, origins: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem where "*" stands beside named origins."""
    if "*" in origins and len(origins) > 1:
        yield Problem(
            field=at,
            value=list(origins),
            reason='"*" already allows every origin; the others only look like a limit',
            remedy='keep "*" alone, or name the origins without it',
        )
