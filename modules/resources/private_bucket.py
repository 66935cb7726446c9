"""A bucket that only its owner and the named readers can use, over TLS 1.2 or newer."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import ITerraformDependable, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.provider import AwsProvider
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_analytics_configuration import (
    S3BucketAnalyticsConfiguration,
    S3BucketAnalyticsConfigurationStorageClassAnalysis,
    S3BucketAnalyticsConfigurationStorageClassAnalysisDataExport,
    S3BucketAnalyticsConfigurationStorageClassAnalysisDataExportDestination,
)
from cdktf_cdktf_provider_aws.s3_bucket_analytics_configuration import (
    S3BucketAnalyticsConfigurationStorageClassAnalysisDataExportDestinationS3BucketDestination as _AnalyticsTarget,  # noqa: E501 - the bindings' name
)
from cdktf_cdktf_provider_aws.s3_bucket_cors_configuration import (
    S3BucketCorsConfiguration,
    S3BucketCorsConfigurationCorsRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_logging import S3BucketLoggingA
from cdktf_cdktf_provider_aws.s3_bucket_metric import S3BucketMetric
from cdktf_cdktf_provider_aws.s3_bucket_object_lock_configuration import (
    S3BucketObjectLockConfigurationA,
    S3BucketObjectLockConfigurationRuleA,
    S3BucketObjectLockConfigurationRuleDefaultRetentionA,
)
from cdktf_cdktf_provider_aws.s3_bucket_ownership_controls import (
    S3BucketOwnershipControls,
    S3BucketOwnershipControlsRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_replication_configuration import (
    S3BucketReplicationConfigurationA,
    S3BucketReplicationConfigurationRule,
    S3BucketReplicationConfigurationRuleDeleteMarkerReplication,
    S3BucketReplicationConfigurationRuleDestination,
    S3BucketReplicationConfigurationRuleFilter,
)
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import (
    S3BucketVersioningA,
    S3BucketVersioningVersioningConfiguration,
)

from modules.policy import EVERYONE, Statement, policy
from modules.settings import BucketSettings, ObjectLock
from modules.stack import LayerStack

REQUEST_METRICS_ID = "entire-bucket"
ANALYTICS_ID = "entire-bucket"


class PrivateBucket:
    """A bucket with its sub-resources.

    S3 answers 409 when two of a bucket's sub-resources change at the same time, so each waits for
    the one before it. ``retain`` guards the bucket against deletion; without it a destroy empties
    the bucket first. ``statements`` join the bucket's policy. ``provider`` is for another Region
    than the stack's.
    """

    def __init__(
        self,
        stack: LayerStack,
        id_: str,
        *,
        name: str,
        retain: bool,
        statements: Sequence[Statement] = (),
        versioning: bool = False,
        lifecycle: Sequence[S3BucketLifecycleConfigurationRule] = (),
        provider: AwsProvider | None = None,
    ) -> None:
        self._stack = stack
        self._id = id_
        self._provider = provider
        bucket = S3Bucket(
            stack,
            id_,
            provider=provider,
            bucket=name,
            force_destroy=not retain,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=True) if retain else None,
        )
        self.name = bucket.bucket
        self.arn = bucket.arn
        self.regional_domain_name = bucket.bucket_regional_domain_name
        self.has_request_metrics = False
        self.is_locked = False
        self._last: ITerraformDependable = bucket
        self._add_ownership()
        self._add_public_access_block()
        self._add_encryption()
        if versioning:
            self._add_versioning()
        if lifecycle:
            self._add_lifecycle(lifecycle)
        self._add_policy(stack.bucket_arn(name), statements)

    def allow_cross_origin_reads(self, settings: BucketSettings) -> None:
        """Let pages of other origins fetch objects."""
        self._last = S3BucketCorsConfiguration(
            self._stack,
            f"{self._id}_cors",
            provider=self._provider,
            bucket=self.name,
            cors_rule=[
                S3BucketCorsConfigurationCorsRule(
                    allowed_methods=["GET", "HEAD"],
                    allowed_origins=list(settings.cors_origins),
                    allowed_headers=list(settings.cors_headers),
                    expose_headers=list(settings.cors_exposed_headers),
                    max_age_seconds=settings.cors_max_age_seconds,
                )
            ],
            depends_on=[self._last],
        )

    def log_accesses_to(self, target: str, *, prefix: str) -> None:
        """Have S3 write an access log into the bucket ``target``, below ``prefix``."""
        self._last = S3BucketLoggingA(
            self._stack,
            f"{self._id}_logging",
            provider=self._provider,
            bucket=self.name,
            target_bucket=target,
            target_prefix=prefix,
            depends_on=[self._last],
        )

    def measure_requests(self) -> None:
        """Have S3 count requests and errors; each counted request is billed."""
        self.has_request_metrics = True
        self._last = S3BucketMetric(
            self._stack,
            f"{self._id}_request_metrics",
            provider=self._provider,
            bucket=self.name,
            name=REQUEST_METRICS_ID,
            depends_on=[self._last],
        )

    def analyse_storage(self, target_arn: str, *, prefix: str) -> None:
        """Have S3 write daily into ``target_arn`` how old the objects are that get read."""
        destination = S3BucketAnalyticsConfigurationStorageClassAnalysisDataExportDestination(
            s3_bucket_destination=_AnalyticsTarget(bucket_arn=target_arn, prefix=prefix)
        )
        self._last = S3BucketAnalyticsConfiguration(
            self._stack,
            f"{self._id}_analytics",
            provider=self._provider,
            bucket=self.name,
            name=ANALYTICS_ID,
            storage_class_analysis=S3BucketAnalyticsConfigurationStorageClassAnalysis(
                data_export=S3BucketAnalyticsConfigurationStorageClassAnalysisDataExport(
                    destination=destination
                )
            ),
            depends_on=[self._last],
        )

    def lock_objects(self, lock: ObjectLock) -> None:
        """Keep every version of every object from being deleted for a time.

        A configuration of its own, because the bucket's argument for it would replace the bucket.
        """
        self.is_locked = True
        self._last = S3BucketObjectLockConfigurationA(
            self._stack,
            f"{self._id}_object_lock",
            provider=self._provider,
            bucket=self.name,
            rule=S3BucketObjectLockConfigurationRuleA(
                default_retention=S3BucketObjectLockConfigurationRuleDefaultRetentionA(
                    mode=lock.mode.upper(), days=lock.days
                )
            ),
            depends_on=[self._last],
        )

    def replicate_to(
        self, copy: PrivateBucket, *, role_arn: str, rights: ITerraformDependable
    ) -> None:
        """Have S3 copy what is written from now on, and deletions, into ``copy``.

        What was there before needs S3 Batch Replication, once.
        """
        self._last = S3BucketReplicationConfigurationA(
            self._stack,
            f"{self._id}_replication",
            provider=self._provider,
            bucket=self.name,
            role=role_arn,
            rule=[
                S3BucketReplicationConfigurationRule(
                    id="everything",
                    status="Enabled",
                    priority=0,
                    filter=S3BucketReplicationConfigurationRuleFilter(prefix=""),
                    delete_marker_replication=(
                        S3BucketReplicationConfigurationRuleDeleteMarkerReplication(
                            status="Enabled"
                        )
                    ),
                    destination=S3BucketReplicationConfigurationRuleDestination(bucket=copy.arn),
                )
            ],
            # S3 checks both buckets' versioning, and the role.
            depends_on=[self._last, copy._last, rights],
        )

    def _add_ownership(self) -> None:
        self._last = S3BucketOwnershipControls(
            self._stack,
            f"{self._id}_ownership",
            provider=self._provider,
            bucket=self.name,
            rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
            depends_on=[self._last],
        )

    def _add_public_access_block(self) -> None:
        self._last = S3BucketPublicAccessBlock(
            self._stack,
            f"{self._id}_public_access_block",
            provider=self._provider,
            bucket=self.name,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            depends_on=[self._last],
        )

    def _add_encryption(self) -> None:
        by_default = (
            S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                sse_algorithm="AES256"
            )
        )
        self._last = S3BucketServerSideEncryptionConfigurationA(
            self._stack,
            f"{self._id}_encryption",
            provider=self._provider,
            bucket=self.name,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=by_default
                )
            ],
            depends_on=[self._last],
        )

    def _add_versioning(self) -> None:
        self._last = S3BucketVersioningA(
            self._stack,
            f"{self._id}_versioning",
            provider=self._provider,
            bucket=self.name,
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
            depends_on=[self._last],
        )

    def _add_lifecycle(self, rules: Sequence[S3BucketLifecycleConfigurationRule]) -> None:
        self._last = S3BucketLifecycleConfiguration(
            self._stack,
            f"{self._id}_lifecycle",
            provider=self._provider,
            bucket=self.name,
            rule=list(rules),
            depends_on=[self._last],
        )

    def _add_policy(self, arn: str, statements: Sequence[Statement]) -> None:
        self._last = S3BucketPolicy(
            self._stack,
            f"{self._id}_policy",
            provider=self._provider,
            bucket=self.name,
            policy=policy(*_only_over_tls(arn), *statements),
            depends_on=[self._last],
        )


def _only_over_tls(arn: str) -> tuple[Statement, Statement]:
    everything = (arn, f"{arn}/*")
    return (
        Statement(
            sid="DenyPlainHttp",
            effect="Deny",
            principals=EVERYONE,
            actions=("s3:*",),
            resources=everything,
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        ),
        Statement(
            sid="DenyOldTls",
            effect="Deny",
            principals=EVERYONE,
            actions=("s3:*",),
            resources=everything,
            conditions={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ),
    )
