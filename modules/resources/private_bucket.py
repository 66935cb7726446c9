"""A private bucket: only its owner and the named readers can use it, over TLS 1.2 or newer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

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
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import (
    S3BucketVersioningA,
    S3BucketVersioningVersioningConfiguration,
)

from modules.catalogue import REQUEST_METRICS
from modules.iam import EVERYONE, Statement, policy
from modules.resources.policy_document import PolicyDocumentConfig, add_policy_document
from modules.settings import BucketSettings, ObjectLock
from modules.stack import LayerStack

_ANALYTICS = "entire-bucket"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where S3 writes reports about a bucket: a bucket (its name or ARN) and a key prefix."""

    bucket: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class PrivateBucketConfig:
    """A bucket and its sub-resources.

    ``retain`` protects the bucket from deletion; without it a destroy empties the bucket first.
    ``key_arn`` is the KMS key of new objects, None S3's own. ``statements`` are added to the bucket
    policy; with ``policy_in_plan`` a plan shows all of it that it knows. ``provider`` is for a
    Region other than the stack's. ``access_logs`` names a bucket, ``analytics`` an ARN.
    ``cross_origin`` are the settings of its CORS rule.
    """

    name: str
    retain: bool
    key_arn: str | None = None
    statements: Sequence[Statement] = ()
    policy_in_plan: bool = False
    versioning: bool = False
    lifecycle: Sequence[S3BucketLifecycleConfigurationRule] = ()
    provider: AwsProvider | None = None
    access_logs: Delivery | None = None
    analytics: Delivery | None = None
    request_metrics: bool = False
    cross_origin: BucketSettings | None = None
    object_lock: ObjectLock | None = None


@dataclass(frozen=True, kw_only=True)
class PrivateBucket:
    """A bucket that was added; ``last`` is the sub-resource that the next one must wait for."""

    id: str
    name: str
    arn: str
    regional_domain_name: str
    last: ITerraformDependable
    config: PrivateBucketConfig


class _Common(TypedDict):
    provider: AwsProvider | None
    bucket: str
    depends_on: list[ITerraformDependable]


def add_private_bucket(stack: LayerStack, id_: str, config: PrivateBucketConfig) -> PrivateBucket:
    """Add a bucket.

    S3 answers 409 when two of a bucket's sub-resources change at the same time, so each waits for
    the one before it.
    """
    bucket = S3Bucket(
        stack,
        id_,
        provider=config.provider,
        bucket=config.name,
        force_destroy=not config.retain,
        lifecycle=TerraformResourceLifecycle(prevent_destroy=True) if config.retain else None,
    )
    name = bucket.bucket  # read once: each read is a message to the kernel
    last: ITerraformDependable = bucket

    def common() -> _Common:
        return {"provider": config.provider, "bucket": name, "depends_on": [last]}

    last = S3BucketOwnershipControls(
        stack,
        f"{id_}_ownership",
        rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
        **common(),
    )
    last = S3BucketPublicAccessBlock(
        stack,
        f"{id_}_public_access_block",
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        **common(),
    )
    # Before anything that takes long or can fail: no bucket stays without its denials.
    document = _policy(stack, f"{id_}_policy_document", config)
    last = S3BucketPolicy(stack, f"{id_}_policy", policy=document, **common())
    last = S3BucketServerSideEncryptionConfigurationA(
        stack, f"{id_}_encryption", rule=[_encryption(config.key_arn)], **common()
    )
    if config.versioning:
        last = S3BucketVersioningA(
            stack,
            f"{id_}_versioning",
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
            **common(),
        )
    if config.lifecycle:
        last = S3BucketLifecycleConfiguration(
            stack, f"{id_}_lifecycle", rule=list(config.lifecycle), **common()
        )
    if logs := config.access_logs:
        last = S3BucketLoggingA(
            stack,
            f"{id_}_logging",
            target_bucket=logs.bucket,
            target_prefix=logs.prefix,
            **common(),
        )
    if config.analytics:
        last = S3BucketAnalyticsConfiguration(
            stack,
            f"{id_}_analytics",
            name=_ANALYTICS,
            storage_class_analysis=_analysis(config.analytics),
            **common(),
        )
    if config.request_metrics:
        last = S3BucketMetric(stack, f"{id_}_request_metrics", name=REQUEST_METRICS, **common())
    if config.cross_origin:
        last = S3BucketCorsConfiguration(
            stack, f"{id_}_cors", cors_rule=[_cors(config.cross_origin)], **common()
        )
    if config.object_lock:
        # A resource of its own: the bucket's argument for it would replace the bucket.
        last = S3BucketObjectLockConfigurationA(
            stack, f"{id_}_object_lock", rule=_retention(config.object_lock), **common()
        )
    return PrivateBucket(
        id=id_,
        name=name,
        arn=bucket.arn,
        regional_domain_name=bucket.bucket_regional_domain_name,
        last=last,
        config=config,
    )


def _policy(stack: LayerStack, id_: str, config: PrivateBucketConfig) -> str:
    statements = (*_tls_only(stack.bucket_arn(config.name)), *config.statements)
    if config.policy_in_plan:
        return add_policy_document(stack, id_, PolicyDocumentConfig(statements=statements)).json
    return policy(*statements)


def _encryption(key_arn: str | None) -> S3BucketServerSideEncryptionConfigurationRuleA:
    return S3BucketServerSideEncryptionConfigurationRuleA(
        apply_server_side_encryption_by_default=(
            S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                sse_algorithm="aws:kms" if key_arn else "AES256", kms_master_key_id=key_arn
            )
        ),
        # One request to KMS for many objects.
        bucket_key_enabled=True if key_arn else None,
    )


def _analysis(target: Delivery) -> S3BucketAnalyticsConfigurationStorageClassAnalysis:
    destination = S3BucketAnalyticsConfigurationStorageClassAnalysisDataExportDestination(
        s3_bucket_destination=_AnalyticsTarget(bucket_arn=target.bucket, prefix=target.prefix)
    )
    return S3BucketAnalyticsConfigurationStorageClassAnalysis(
        data_export=S3BucketAnalyticsConfigurationStorageClassAnalysisDataExport(
            destination=destination
        )
    )


def _cors(settings: BucketSettings) -> S3BucketCorsConfigurationCorsRule:
    return S3BucketCorsConfigurationCorsRule(
        allowed_methods=["GET", "HEAD"],
        allowed_origins=list(settings.cors_origins),
        allowed_headers=list(settings.cors_headers),
        expose_headers=list(settings.cors_exposed_headers),
        max_age_seconds=settings.cors_max_age_seconds,
    )


def _retention(lock: ObjectLock) -> S3BucketObjectLockConfigurationRuleA:
    return S3BucketObjectLockConfigurationRuleA(
        default_retention=S3BucketObjectLockConfigurationRuleDefaultRetentionA(
            mode=lock.mode.upper(), days=lock.days
        )
    )


def _tls_only(arn: str) -> tuple[Statement, Statement]:
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
