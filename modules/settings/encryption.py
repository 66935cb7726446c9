"""Customer-managed KMS keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Matches
from modules.schema.setting_docs import Doc
from modules.settings.buckets import Replication
from modules.settings.forms import KEY_ARN, KEY_COST, key_elsewhere
from modules.settings.table import TableSettings

# Stands for the key that `own_key` creates.
OWN = "own"

_KEY = Matches(f"{OWN}|{KEY_ARN.pattern}", f'"{OWN}" or {KEY_ARN.form}', KEY_ARN.example)


@dataclass(frozen=True, kw_only=True)
class EncryptionSettings:
    """Keys of your own instead of those that AWS owns or manages."""

    own_key: Annotated[
        bool,
        Doc(
            "Creates a key that is rotated every year. What it encrypted is lost with it: set it "
            "to `false` only after an apply in which nothing used it.",
            cost="$1, another $1 after the first and the second rotation, and $0.03 per 10,000 "
            "requests",
        ),
    ] = False
    table: Annotated[
        str | None,
        _KEY,
        Doc("Key of the cache table; unset, the one that AWS manages.", cost=KEY_COST),
    ] = None
    buckets: Annotated[
        str | None,
        _KEY,
        Doc(
            "Key of new objects; unset, S3's own. Requires `oac`. Access logs always use S3's "
            "own, which their delivery requires.",
            cost=KEY_COST,
        ),
    ] = None
    logs: Annotated[
        str | None,
        _KEY,
        Doc("Key of the function's new log events; unset, CloudWatch's own.", cost=KEY_COST),
    ] = None
    secret: Annotated[
        str | None,
        _KEY,
        Doc("Key of the Gemini secret; unset, the one that AWS manages.", cost=KEY_COST),
    ] = None
    function: Annotated[
        str | None,
        _KEY,
        Doc(
            "Key of the function's environment variables, which hold no secret; unset, Lambda's.",
            cost=KEY_COST,
        ),
    ] = None
    topic: Annotated[
        str | None,
        KEY_ARN,
        Doc(
            "Existing key of the alarm topic. Unset, the monitoring layer creates one for it; set "
            "later, that one is deleted after 30 days.",
            cost="saves $1",
        ),
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem for each use of a key that is not created."""
        for name, key in self._keys():
            if key == OWN and not self.own_key:
                yield Problem(
                    field=f"{at}.{name}",
                    value=key,
                    reason="the environment has no key of its own",
                    remedy=f"set {at}.own_key = true, or write the ARN of a key",
                    involves=(f"{at}.own_key",),
                )

    def contradictions(
        self,
        *,
        region: str,
        origin_access: str,
        table: TableSettings,
        replication: Replication | None,
    ) -> Iterator[Problem]:
        """Yield contradictions with the environment's other settings."""
        for name, key in self._keys():
            if key != OWN:
                yield from key_elsewhere(f"encryption.{name}", key, region, "region")
        if self.buckets and origin_access == "oai":
            yield Problem(
                field="encryption.buckets",
                value=self.buckets,
                reason="an origin access identity cannot read objects that a KMS key encrypts",
                remedy='set origin_access = "oac", or remove encryption.buckets',
                involves=("origin_access",),
            )
        if self.table and table.replicas:
            yield Problem(
                field="encryption.table",
                value=self.table,
                reason="each replica of the table would need a key in its own Region",
                remedy="remove table.replicas, or encryption.table",
                involves=("table.replicas",),
            )
        if replication:
            yield from self._copies(replication)

    def _copies(self, replication: Replication) -> Iterator[Problem]:
        field, key = "buckets.replication.key_arn", replication.key_arn
        if bool(key) != bool(self.buckets):
            yield Problem(
                field=field,
                value=key,
                reason="replicas have a KMS key if and only if their sources have one",
                remedy=f"set both {field} and encryption.buckets, or neither",
                involves=("encryption.buckets",),
            )
        if key:
            yield from key_elsewhere(field, key, replication.region, "buckets.replication.region")

    def _keys(self) -> Iterator[tuple[str, str]]:
        for name in ("table", "buckets", "logs", "secret", "function", "topic"):
            key = getattr(self, name)
            if key:
                yield name, key
