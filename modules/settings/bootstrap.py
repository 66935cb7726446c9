"""What a team needs before its first plan: the state bucket and the deploy roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Between, Matches
from modules.schema.setting_docs import Doc
from modules.settings.encryption import OWN
from modules.settings.forms import BUCKET, KEY_ARN, KEY_COST, key_elsewhere
from modules.settings.state import StateSettings


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """The bootstrap layer, which an administrator applies with `ops bootstrap`."""

    kms_key: Annotated[
        str | None,
        Matches(f"{OWN}|{KEY_ARN.pattern}", f'"{OWN}" or {KEY_ARN.form}', KEY_ARN.example),
        Doc(
            f'KMS key of the state bucket: `"{OWN}"` creates one, an ARN names an existing one; '
            "unset, S3's own key.",
            cost='$1 with `"own"`, another $1 after the first and the second rotation; ' + KEY_COST,
        ),
    ] = None
    noncurrent_days: Annotated[
        int,
        Between(1, 3650),
        Doc(
            "Days that a replaced version of a state is kept. The ten newest of each state are "
            "kept for longer."
        ),
    ] = 365
    plan_days: Annotated[
        int,
        Between(1, 365),
        Doc("Days that saved plans, which can contain secrets, are kept in the state bucket."),
    ] = 30
    access_logs_bucket: Annotated[
        str | None,
        BUCKET,
        Doc(
            "Existing bucket in the Region and account of the state bucket that its access logs go "
            "to, below the name of the state bucket. Its policy must allow the delivery.",
            cost="storage of the logs",
        ),
    ] = None

    def contradictions(self, state: StateSettings, region: str) -> Iterator[Problem]:
        """Yield contradictions with the backend of the state; ``region`` is the environment's."""
        if state.local:
            yield Problem(
                field="bootstrap",
                value=self,
                reason="a state in local files needs no state bucket",
                remedy="remove the table [bootstrap], or choose [state.s3] or [state.hcp]",
                involves=("state",),
            )
        created = bool(state.s3 and not state.s3.bucket)
        for name in ("kms_key", "access_logs_bucket"):
            value = getattr(self, name)
            if value and not created and not state.local:
                yield Problem(
                    field=f"bootstrap.{name}",
                    value=value,
                    reason="it applies to the bucket that this layer creates, and it creates none",
                    remedy=f"remove bootstrap.{name}, or use [state.s3] without bucket",
                    involves=("state",),
                )
        if self.kms_key and self.kms_key != OWN and state.s3:
            where = state.s3.region or region
            yield from key_elsewhere("bootstrap.kms_key", self.kms_key, where, "region", "state")
