"""Constraints that more than one section uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modules.problems import Problem
from modules.schema.constraints import Entries, Matches, OneOf

REGION = Matches(r"[a-z]{2,4}(-[a-z]+)+-\d", "an AWS Region code", "eu-central-1")
LOG_RETENTION = OneOf(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
     3288, 3653),
    "CloudWatch Logs",
)  # fmt: skip
KEY_COST = "$0.03 per 10,000 requests to the key"
# Not an alias: services store the key that it stands for, and the next plan would differ.
KEY_ARN = Matches(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f-]{36})",
    "the ARN of a KMS key",
    "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
)
POLICY_ARN = Matches(
    r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]{1,512}",
    "the ARN of a managed policy",
    "arn:aws:iam::123456789012:policy/workload-boundary",
)
# What every service accepts in a tag: AWS Tagging Best Practices.
_TAG_CHARACTER = "[A-Za-z0-9 _.:/=+@-]"
TAGS = Entries(
    keys=Matches(
        f"(?![Aa][Ww][Ss]:){_TAG_CHARACTER}{{1,128}}",
        "1 to 128 letters, digits, spaces and _.:/=+@-, not starting with aws:",
        "CostCenter",
    ),
    values=Matches(
        f"{_TAG_CHARACTER}{{1,256}}", "1 to 256 letters, digits, spaces and _.:/=+@-", "4711"
    ),
)
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


def key_elsewhere(at: str, key: str, region: str, *involves: str) -> Iterator[Problem]:
    """Yield a problem if the KMS key of an ARN is not in ``region``."""
    if region_and_account(key)[0] != region:
        yield Problem(
            field=at,
            value=key,
            reason=f"the key must be in {region}, the Region of what it encrypts",
            remedy="write the ARN of a key in that Region",
            involves=involves,
        )
