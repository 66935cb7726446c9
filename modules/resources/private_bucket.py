"""A bucket that only its owner and the named readers can use, over TLS 1.2 or newer."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import ITerraformDependable, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_cors_configuration import (
    S3BucketCorsConfiguration,
    S3BucketCorsConfigurationCorsRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_logging import S3BucketLoggingA
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

from modules.policy import EVERYONE, Statement, policy
from modules.stack import LayerStack

_CORS_MAX_AGE_SECONDS = 3600


class PrivateBucket:
    """A bucket with its sub-resources.

    S3 answers 409 when two of a bucket's sub-resources change at the same time, so each waits for
    the one before it. ``retain`` guards the bucket against deletion; without it a destroy empties
    the bucket first. ``statements`` join the bucket's policy.
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
    ) -> None:
        self._stack = stack
        self._id = id_
        bucket = S3Bucket(
            stack,
            id_,
            bucket=name,
            force_destroy=not retain,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=True) if retain else None,
        )
        self.name = bucket.bucket
        self.arn = bucket.arn
        self.regional_domain_name = bucket.bucket_regional_domain_name
        self._last: ITerraformDependable = bucket
        self._add_ownership()
        self._add_public_access_block()
        self._add_encryption()
        if versioning:
            self._add_versioning()
        if lifecycle:
            self._add_lifecycle(lifecycle)
        self._add_policy(stack.bucket_arn(name), statements)

    def allow_cross_origin_reads(self, origins: Sequence[str]) -> None:
        """Let pages of ``origins`` fetch objects; the browser may remember that for an hour."""
        self._last = S3BucketCorsConfiguration(
            self._stack,
            f"{self._id}_cors",
            bucket=self.name,
            cors_rule=[
                S3BucketCorsConfigurationCorsRule(
                    allowed_methods=["GET", "HEAD"],
                    allowed_origins=list(origins),
                    allowed_headers=["*"],
                    expose_headers=["ETag"],
                    max_age_seconds=_CORS_MAX_AGE_SECONDS,
                )
            ],
            depends_on=[self._last],
        )

    def log_accesses_to(self, target: str, *, prefix: str) -> None:
        """Have S3 write an access log into the bucket ``target``, below ``prefix``."""
        self._last = S3BucketLoggingA(
            self._stack,
            f"{self._id}_logging",
            bucket=self.name,
            target_bucket=target,
            target_prefix=prefix,
            depends_on=[self._last],
        )

    def _add_ownership(self) -> None:
        self._last = S3BucketOwnershipControls(
            self._stack,
            f"{self._id}_ownership",
            bucket=self.name,
            rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
            depends_on=[self._last],
        )

    def _add_public_access_block(self) -> None:
        self._last = S3BucketPublicAccessBlock(
            self._stack,
            f"{self._id}_public_access_block",
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
            bucket=self.name,
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
            depends_on=[self._last],
        )

    def _add_lifecycle(self, rules: Sequence[S3BucketLifecycleConfigurationRule]) -> None:
        self._last = S3BucketLifecycleConfiguration(
            self._stack,
            f"{self._id}_lifecycle",
            bucket=self.name,
            rule=list(rules),
            depends_on=[self._last],
        )

    def _add_policy(self, arn: str, statements: Sequence[Statement]) -> None:
        self._last = S3BucketPolicy(
            self._stack,
            f"{self._id}_policy",
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
