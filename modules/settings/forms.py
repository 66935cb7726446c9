"""Constraints that more than one section uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modules.problems import Problem
from modules.schema.constraints import Matches

REGION = Matches(r"[a-z]{2,4}(-[a-z]+)+-\d", "an AWS Region code", "eu-central-1")
BUCKET = Matches(
    r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "3 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end",
    "my-team-bucket",
)


def region_and_account(arn: str) -> tuple[str, str]:
    """Return the fourth and fifth part of an ARN, empty if it is invalid."""
    _, _, _, region, account, *_ = (*arn.split(":"), *("",) * 5)
    return region, account


def star_beside_origins(at: str, origins: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem if "*" is listed together with origins."""
    if "*" in origins and len(origins) > 1:
        yield Problem(
            field=at,
            value=list(origins),
            reason='"*" already allows every origin, so the others have no effect',
            remedy='keep only "*", or only the origins',
        )
