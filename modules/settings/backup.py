"""Scheduled backups of the table and the data buckets by AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Between, Matches
from modules.schema.setting_docs import Doc
from modules.settings.forms import KEY_ARN

# The longest retention of a recovery point: docs.aws.amazon.com/aws-backup, "Lifecycle".
_LONGEST_DAYS = 36_500


def _list(number: str) -> str:
    """Return the pattern of a field of a cron expression: numbers, ranges and steps."""
    part = rf"(\*|{number}(-{number})?)(/[0-9]+)?"
    return f"{part}(,{part})*"


@dataclass(frozen=True, kw_only=True)
class VaultLock:
    """Vault Lock: a minimum retention of backups, which then nobody can delete sooner."""

    minimum_days: Annotated[
        int,
        Between(1, _LONGEST_DAYS, "days", "AWS Backup"),
        Doc("Backups in the vault cannot be deleted sooner than this after they were made."),
    ]
    compliance_after_days: Annotated[
        int | None,
        Between(3, _LONGEST_DAYS, "days", "AWS Backup"),
        Doc(
            "Days after which nobody can remove or change the lock, not even the root user "
            "(compliance mode). Unset, a special permission can (governance mode)."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class BackupSettings:
    """Backups of the cache table and the data buckets."""

    schedule: Annotated[
        str,
        Matches(
            rf"cron\({_list('[0-5]?[0-9]')} {_list('([01]?[0-9]|2[0-3])')}( [^\s()]+){{4}}\)",
            "a cron expression in UTC: minute, hour and four more fields",
            "cron(0 5 ? * * *)",
        ),
        Doc("When backups start.", cost="a backup of the table is a full copy each time"),
    ] = "cron(0 5 ? * * *)"
    keep_days: Annotated[
        int,
        Between(1, _LONGEST_DAYS, "days", "AWS Backup"),
        Doc(
            "Time that backups and their copies are kept.",
            cost="$0.10 per GB of the table for each backup, $0.05 per GB of the buckets and of "
            "what changed in them",
        ),
    ] = 35
    kms_key_arn: Annotated[
        str | None,
        KEY_ARN,
        Doc(
            "Key of the vault, in the environment's Region; by default AWS's own for backups. "
            "Changing it replaces the vault.",
            cost="$1 per key, if it is not there yet",
        ),
    ] = None
    copy_to_vault_arn: Annotated[
        str | None,
        Matches(
            r"arn:aws[a-z-]*:backup:[a-z0-9-]+:\d{12}:backup-vault:[A-Za-z0-9_-]{2,50}",
            "the ARN of a backup vault",
            "arn:aws:backup:eu-west-1:123456789012:backup-vault:copies",
        ),
        Doc(
            "Existing vault, in another Region or account, that gets a copy of every backup.",
            cost="as much again, and $0.02 per GB of transfer to another Region",
        ),
    ] = None
    lock: Annotated[
        VaultLock | None,
        Doc("Protects backups from deletion, also by administrators."),
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem if the vault would reject the backups."""
        if self.lock and self.keep_days < self.lock.minimum_days:
            yield Problem(
                field=f"{at}.keep_days",
                value=self.keep_days,
                reason=f"the lock keeps backups for {self.lock.minimum_days} days, and the vault "
                "rejects one with a shorter retention",
                remedy="keep them longer, or lower lock.minimum_days",
                involves=(f"{at}.lock.minimum_days",),
            )
