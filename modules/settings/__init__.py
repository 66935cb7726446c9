"""What an environment can choose: frozen, typed, checked. Constructs see these, never a name.

The files in ``environments/`` hold the choices. A section that is absent is off. Limits and
defaults come from the AWS service quotas and API references named beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from modules.problems import Problem
from modules.schema.constraints import Matches
from modules.schema.setting_docs import Doc
from modules.settings.adopt import AdoptSettings
from modules.settings.buckets import BucketSettings, Lifecycle, ObjectLock, Replication
from modules.settings.forms import REGION
from modules.settings.frontend import Countries, Domain, Firewall, FrontendSettings
from modules.settings.function import CacheSettings, FunctionSettings, GeminiSettings
from modules.settings.local_aws import LocalAws
from modules.settings.monitoring import MonitoringSettings
from modules.settings.state import HcpState, LocalState, S3State, StateSettings
from modules.settings.table import Autoscaling, Capacity, OnDemandLimit, TableSettings

__all__ = [
    "AdoptSettings",
    "Autoscaling",
    "BucketSettings",
    "CacheSettings",
    "Capacity",
    "Countries",
    "Domain",
    "Firewall",
    "FrontendSettings",
    "FunctionSettings",
    "GeminiSettings",
    "HcpState",
    "Lifecycle",
    "LocalAws",
    "LocalState",
    "MonitoringSettings",
    "ObjectLock",
    "OnDemandLimit",
    "Replication",
    "S3State",
    "Settings",
    "StateSettings",
    "TableSettings",
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment."""

    region: Annotated[
        str,
        REGION,
        Doc("Region of everything but CloudFront; changing it builds all anew, without the data."),
    ]
    retain: Annotated[
        bool,
        Doc(
            "Keeps data when a stack is destroyed: AWS and Terraform refuse to delete table and "
            "buckets; a deleted secret can be brought back for 30 days."
        ),
    ]
    state: Annotated[StateSettings, Doc("Where Terraform keeps its state: one of three places.")]
    table: Annotated[TableSettings, Doc("The DynamoDB table of the cached answers.")]
    account_id: Annotated[
        str | None,
        Matches(r"\d{12}", "12 digits", "123456789012"),
        Doc("Terraform refuses every other account; without it any credentials will do."),
    ] = None
    origin_access: Annotated[
        Literal["oai", "oac"],
        Doc(
            "How CloudFront reads the buckets: its origin access identity (AWS calls it legacy) "
            "or an origin access control. Both are granted, so it can be switched without a gap."
        ),
    ] = "oai"
    origin_identity: Annotated[
        bool, Doc("`false` drops the identity, once nothing uses it; only with `oac`.")
    ] = True
    buckets: Annotated[BucketSettings, Doc("The static website and GeoJSON buckets.")] = field(
        default_factory=BucketSettings
    )
    cache: Annotated[CacheSettings, Doc("What the function keeps of its answers.")] = field(
        default_factory=CacheSettings
    )
    gemini: Annotated[
        GeminiSettings, Doc("Which model answers, where, and how long the function waits for it.")
    ] = field(default_factory=GeminiSettings)
    function: Annotated[FunctionSettings, Doc("The cache Lambda.")] = field(
        default_factory=FunctionSettings
    )
    frontend: Annotated[
        FrontendSettings | None,
        Doc("The CloudFront distribution; without it there is no frontend layer."),
    ] = None
    monitoring: Annotated[
        MonitoringSettings | None,
        Doc("Alarms, dashboard and budget; without it there is no monitoring layer."),
    ] = None
    adopt: Annotated[
        AdoptSettings,
        Doc(
            "What exists already and is taken over, not created; remove it after the apply. "
            "See [adoption](adoption.md)."
        ),
    ] = field(default_factory=AdoptSettings)
    local_aws: Annotated[
        LocalAws | None,
        Doc("An emulator on this machine instead of AWS; no AWS account is touched."),
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:  # noqa: ARG002 - the root has no path
        """Yield what contradicts itself across sections."""
        if self.retain and not self.table.point_in_time_recovery:
            yield Problem(
                field="table.point_in_time_recovery",
                value=False,
                reason="retain = true promises to keep the data, and without recovery nothing can",
                remedy="set point_in_time_recovery = true, or retain = false",
                involves=("retain",),
            )
        if self.retain and not self.buckets.versioning:
            yield Problem(
                field="buckets.versioning",
                value=False,
                reason="retain = true promises to keep the data, and overwriting would lose it",
                remedy="set versioning = true, or retain = false",
                involves=("retain",),
            )
        if self.buckets.object_lock and not self.retain:
            yield Problem(
                field="buckets.object_lock",
                value=self.buckets.object_lock.mode,
                reason="retain = false promises to empty the buckets, and locked versions stay",
                remedy="set retain = true, or remove the table [buckets.object_lock]",
                involves=("retain",),
            )
        yield from self._elsewhere()
        if (
            self.monitoring
            and self.monitoring.slow_function_seconds >= self.function.timeout_seconds
        ):
            yield Problem(
                field="monitoring.slow_function_seconds",
                value=self.monitoring.slow_function_seconds,
                reason=(
                    "no call ever takes that long: "
                    f"function.timeout_seconds = {self.function.timeout_seconds}"
                ),
                remedy="make it shorter than the function's limit",
                involves=("function.timeout_seconds",),
            )
        if self.origin_access == "oai" and not self.origin_identity:
            yield Problem(
                field="origin_identity",
                value=False,
                reason='origin_access = "oai" needs the identity',
                remedy='set origin_access = "oac", or remove origin_identity',
                involves=("origin_access",),
            )
        if self.gemini.timeout_seconds >= self.function.timeout_seconds:
            yield Problem(
                field="gemini.timeout_seconds",
                value=self.gemini.timeout_seconds,
                reason=(
                    "the function ends after "
                    f"function.timeout_seconds = {self.function.timeout_seconds}, so it could "
                    "neither store the answer nor report the time-out"
                ),
                remedy="make it at least one second shorter",
                involves=("function.timeout_seconds",),
            )
        yield from self.adopt.contradictions(
            self.buckets, identity=self.origin_identity, alias=self.function.alias
        )

    def _elsewhere(self) -> Iterator[Problem]:
        """Yield a problem where a copy would lie in the environment's own Region, or twice."""
        replication = self.buckets.replication
        if replication and replication.region == self.region:
            yield Problem(
                field="buckets.replication.region",
                value=replication.region,
                reason="the buckets themselves are in that Region",
                remedy="choose another Region",
                involves=("region",),
            )
        replicas = self.table.replicas
        if self.region in replicas or len(set(replicas)) < len(replicas):
            yield Problem(
                field="table.replicas",
                value=list(replicas),
                reason="a Region holds one copy of the table, and the environment's holds it",
                remedy="list each other Region once",
                involves=("region",),
            )
