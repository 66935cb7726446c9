"""The settings of an environment: frozen and typed. Constructs see these, never a name.

The files in ``environments/`` set them; an absent section is disabled. Limits and defaults come
from the AWS service quotas and API references.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Literal

from modules.catalogue import (
    ALARMS,
    DATA_BUCKETS,
    EDGE_REGION,
    Alarm,
    Bucket,
    Layer,
    Output,
    Parameter,
    partition,
)
from modules.problems import Problem
from modules.schema.constraints import Matches
from modules.schema.setting_docs import Doc
from modules.settings.adopt import AdoptSettings
from modules.settings.backup import BackupSettings, VaultLock
from modules.settings.bootstrap import (
    BootstrapSettings,
    GithubSettings,
    GitlabSettings,
    HcpTrust,
)
from modules.settings.buckets import BucketSettings, Lifecycle, ObjectLock, Replication
from modules.settings.encryption import EncryptionSettings
from modules.settings.forms import POLICY_ARN, REGION, TAGS, key_elsewhere, region_and_account
from modules.settings.frontend import Countries, Domain, Firewall, FrontendSettings
from modules.settings.function import (
    CacheSettings,
    CodeSigning,
    FunctionSettings,
    GeminiSettings,
)
from modules.settings.local_aws import LocalAws
from modules.settings.monitoring import MonitoringSettings
from modules.settings.state import HcpNotification, HcpState, LocalState, S3State, StateSettings
from modules.settings.table import Autoscaling, Capacity, OnDemandLimit, TableSettings

__all__ = [
    "AdoptSettings",
    "Autoscaling",
    "BackupSettings",
    "BootstrapSettings",
    "BucketSettings",
    "CacheSettings",
    "Capacity",
    "CodeSigning",
    "Countries",
    "Domain",
    "EncryptionSettings",
    "Firewall",
    "FrontendSettings",
    "FunctionSettings",
    "GeminiSettings",
    "GithubSettings",
    "GitlabSettings",
    "HcpNotification",
    "HcpState",
    "HcpTrust",
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
    "VaultLock",
]

# Signer can share profiles between accounts; this project does not use that.
_PROFILE = "this project signs with a profile of"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment."""

    region: Annotated[
        str,
        REGION,
        Doc("Region of all but CloudFront; changing it recreates everything, without the data."),
    ]
    retain: Annotated[
        bool,
        Doc(
            "Protects the data from a destroy: AWS and Terraform refuse to delete the table and "
            "the buckets, the function's log group outlives its stack, and a deleted secret can be "
            "restored for 30 days."
        ),
    ]
    state: Annotated[StateSettings, Doc("Backend of the Terraform state: exactly one of three.")]
    table: Annotated[TableSettings, Doc("The DynamoDB table of cached answers.")]
    account_id: Annotated[
        str | None,
        Matches(r"\d{12}", "12 digits", "123456789012"),
        Doc("The only account that Terraform accepts; unset, it accepts any credentials."),
    ] = None
    permissions_boundary: Annotated[
        str | None,
        POLICY_ARN,
        Doc(
            "Permissions boundary of the roles of the layers: what this existing policy "
            "does not allow, no role may do. Unset, the roles of the layers get one that the "
            "bootstrap layer creates, if it creates deploy roles."
        ),
    ] = None
    origin_access: Annotated[
        Literal["oai", "oac"],
        Doc(
            "How CloudFront reads the buckets: by origin access identity (legacy) or by origin "
            "access control. The bucket policies allow both, so switching causes no outage."
        ),
    ] = "oai"
    origin_identity: Annotated[
        bool, Doc("`false` deletes the identity once nothing uses it; requires `oac`.")
    ] = True
    encryption: Annotated[
        EncryptionSettings,
        Doc("Keys of your own; see [encryption](encryption.md) for what their policies allow."),
    ] = field(default_factory=EncryptionSettings)
    tags: Annotated[
        dict[str, str],
        TAGS,
        Doc(
            "Further tags of everything that can be tagged, such as `Owner`, `CostCenter` and "
            "`DataClassification`."
        ),
    ] = field(default_factory=dict)
    buckets: Annotated[BucketSettings, Doc("The static website and GeoJSON buckets.")] = field(
        default_factory=BucketSettings
    )
    cache: Annotated[CacheSettings, Doc("How answers are cached.")] = field(
        default_factory=CacheSettings
    )
    gemini: Annotated[
        GeminiSettings, Doc("The Gemini model, its endpoint and the timeout of a call.")
    ] = field(default_factory=GeminiSettings)
    function: Annotated[FunctionSettings, Doc("The cache Lambda function.")] = field(
        default_factory=FunctionSettings
    )
    backup: Annotated[
        BackupSettings | None,
        Doc(
            "Scheduled backups of the table and the data buckets, kept in a vault of AWS Backup. "
            "The account must have opted in to DynamoDB, with advanced features, and to S3: `aws "
            "backup describe-region-settings` prints it."
        ),
    ] = None
    frontend: Annotated[
        FrontendSettings | None,
        Doc("The CloudFront distribution; without this section there is no frontend layer."),
    ] = None
    monitoring: Annotated[
        MonitoringSettings | None,
        Doc("Alarms, dashboard, budget; without this section there is no monitoring layer."),
    ] = None
    bootstrap: Annotated[
        BootstrapSettings | None,
        Doc(
            "State bucket and deploy roles, which an administrator applies before all other layers "
            "with `ops bootstrap`; without this section they must exist."
        ),
    ] = None
    adopt: Annotated[
        AdoptSettings,
        Doc(
            "Existing resources that are imported instead of created; remove the section after "
            "the apply. See [adoption](adoption.md)."
        ),
    ] = field(default_factory=AdoptSettings)
    local_aws: Annotated[
        LocalAws | None,
        Doc("An emulator on this machine instead of AWS; no AWS account is used."),
    ] = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that these settings enable."""
        optional = {
            Layer.BOOTSTRAP: self.bootstrap,
            Layer.FRONTEND: self.frontend,
            Layer.MONITORING: self.monitoring,
        }
        return tuple(layer for layer in Layer if optional.get(layer, True))

    @property
    def creates_state_bucket(self) -> bool:
        """Whether the bootstrap layer creates the bucket of the states."""
        return bool(self.bootstrap and self.state.s3 and not self.state.s3.bucket)

    @property
    def state_in_kms_bucket(self) -> bool:
        """Whether the bucket of the states encrypts with a KMS key."""
        return bool(self.state.s3 and self.bootstrap and self.bootstrap.kms_key)

    @property
    def deploy_roles(self) -> bool:
        """Whether the bootstrap layer creates a plan role and an apply role."""
        return bool(self.bootstrap and self.bootstrap.roles)

    @property
    def creates_boundary(self) -> bool:
        """Whether it also creates the permissions boundary of the other layers' roles."""
        return self.deploy_roles and self.permissions_boundary is None

    def enables(self, row: Parameter | Output) -> bool:
        """Return whether these settings enable what the row describes."""
        return row.layer in self.layers and bool(not row.needs or attrgetter(row.needs)(self))

    @property
    def alarms(self) -> Iterator[tuple[Alarm, Bucket | None]]:
        """The alarms of the catalogue that these settings enable, each with its bucket if any."""
        if self.monitoring is None:
            return
        # CloudFront reports its metrics to one Region, and alarms read their own Region only.
        distribution = self.frontend is not None and self.region == EDGE_REGION
        for resource, rows in groupby(ALARMS, key=lambda alarm: alarm.resource):
            alarms = list(rows)
            if resource == "bucket":
                for bucket in DATA_BUCKETS:
                    measured = bucket.measured and self.buckets.request_metrics
                    yield from (
                        (alarm, bucket)
                        for alarm in alarms
                        if measured or not alarm.needs_request_metrics
                    )
            elif resource != "distribution" or distribution:
                yield from ((alarm, None) for alarm in alarms)

    def problems(self, at: str) -> Iterator[Problem]:  # noqa: ARG002 - the root has no path
        """Yield contradictions between sections."""
        if self.retain and not self.table.point_in_time_recovery:
            yield Problem(
                field="table.point_in_time_recovery",
                value=False,
                reason="retain = true protects the data, which cannot be restored without recovery",
                remedy="set point_in_time_recovery = true, or retain = false",
                involves=("retain",),
            )
        if self.retain and not self.buckets.versioning:
            yield Problem(
                field="buckets.versioning",
                value=False,
                reason="retain = true protects the data, which an overwrite loses without versions",
                remedy="set versioning = true, or retain = false",
                involves=("retain",),
            )
        if self.buckets.object_lock and not self.retain:
            yield Problem(
                field="buckets.object_lock",
                value=self.buckets.object_lock,
                reason="retain = false empties the buckets, which locked versions prevent",
                remedy="set retain = true, or remove the table [buckets.object_lock]",
                involves=("retain",),
            )
        if self.bootstrap:
            yield from self.bootstrap.contradictions(self.state, self.region, self.account_id)
        yield from self._backups()
        yield from self._replicas()
        yield from self._foreign_arns()
        if self.frontend and partition(self.region) != "aws":
            yield Problem(
                field="frontend",
                value=self.frontend,
                reason=f"CloudFront and its Region {EDGE_REGION} are not in this partition",
                remedy="remove the section [frontend], or choose a Region of the partition aws",
                involves=("region",),
            )
        if (
            self.monitoring
            and self.monitoring.slow_function_seconds >= self.function.timeout_seconds
        ):
            yield Problem(
                field="monitoring.slow_function_seconds",
                value=self.monitoring.slow_function_seconds,
                reason=(
                    "no call takes that long: "
                    f"function.timeout_seconds = {self.function.timeout_seconds}"
                ),
                remedy="make it shorter than the function's timeout",
                involves=("function.timeout_seconds",),
            )
        if self.origin_access == "oai" and not self.origin_identity:
            yield Problem(
                field="origin_identity",
                value=False,
                reason='origin_access = "oai" requires the identity',
                remedy='set origin_access = "oac", or remove origin_identity',
                involves=("origin_access",),
            )
        if self.gemini.timeout_seconds >= self.function.timeout_seconds:
            yield Problem(
                field="gemini.timeout_seconds",
                value=self.gemini.timeout_seconds,
                reason=(
                    "the function is stopped at "
                    f"function.timeout_seconds = {self.function.timeout_seconds}, before it could "
                    "store a late answer or report the timeout"
                ),
                remedy="make it at least one second shorter",
                involves=("function.timeout_seconds",),
            )
        yield from self.encryption.contradictions(
            region=self.region,
            origin_access=self.origin_access,
            table=self.table,
            replication=self.buckets.replication,
        )
        firewall = self.frontend.firewall if self.frontend else None
        yield from self.adopt.contradictions(
            self.buckets,
            identity=self.origin_identity,
            alias=self.function.alias,
            firewall_log=bool(firewall and firewall.log_retention_days),
        )

    def _backups(self) -> Iterator[Problem]:
        """Yield a problem for backups that AWS would refuse to make or to delete."""
        if self.backup and not self.buckets.versioning:
            yield Problem(
                field="backup",
                value=self.backup,
                reason="AWS Backup backs up versioned buckets only",
                remedy="set buckets.versioning = true, or remove the table [backup]",
                involves=("buckets.versioning",),
            )
        if self.backup and self.backup.lock and not self.retain:
            yield Problem(
                field="backup.lock",
                value=self.backup.lock,
                reason="retain = false deletes the backups with the stack, which a lock prevents",
                remedy="set retain = true, or remove the table [backup.lock]",
                involves=("retain",),
            )

    def _foreign_arns(self) -> Iterator[Problem]:
        """Yield a problem for a policy, profile or key of another account or Region."""
        signing, backup = self.function.code_signing, self.backup
        profile = signing.profile_version_arn if signing else None
        key = backup.kms_key_arn if backup else None
        own = self.bootstrap.permissions_boundary if self.bootstrap else None
        if key:
            yield from key_elsewhere("backup.kms_key_arn", key, self.region, "region")
        named = (
            ("permissions_boundary", self.permissions_boundary, "an IAM policy must be in"),
            ("bootstrap.permissions_boundary", own, "an IAM policy must be in"),
            ("function.code_signing.profile_version_arn", profile, _PROFILE),
            ("backup.kms_key_arn", key, "this project encrypts backups with a key of"),
        )
        for name, arn, rule in named:
            account = region_and_account(arn or "")[1]
            if arn and self.account_id and account not in {self.account_id, "aws"}:
                yield Problem(
                    field=name,
                    value=arn,
                    reason=f"{rule} the environment's account",
                    remedy=f"write an ARN in account {self.account_id}",
                    involves=("account_id",),
                )
        if profile and region_and_account(profile)[0] != self.region:
            yield Problem(
                field="function.code_signing.profile_version_arn",
                value=profile,
                reason=f"{_PROFILE} the environment's Region",
                remedy=f"write an ARN in {self.region}",
                involves=("region",),
            )

    def _replicas(self) -> Iterator[Problem]:
        """Yield a problem for a replica in the environment's own Region, or twice in one."""
        replication = self.buckets.replication
        if replication and replication.region == self.region:
            yield Problem(
                field="buckets.replication.region",
                value=replication.region,
                reason="the source buckets are in that Region",
                remedy="choose another Region",
                involves=("region",),
            )
        replicas = self.table.replicas
        if self.region in replicas or len(set(replicas)) < len(replicas):
            yield Problem(
                field="table.replicas",
                value=list(replicas),
                reason="a Region holds one replica, and the environment's holds the table itself",
                remedy="list each other Region once",
                involves=("region",),
            )
