"""Lifecycle rules of buckets."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionTransition,
    S3BucketLifecycleConfigurationRuleTransition,
)

from modules.settings import Lifecycle

# Provider versions differ on a rule without a filter; an empty prefix matches every object.
_EVERY_OBJECT = ""

# Versions of a state that are kept however old they are: it may be changed rarely.
_NEWEST_STATES = 10

# Long enough to notice that logs are missing.
_REPLACED_LOG_DAYS = 30


def data_rules(
    lifecycle: Lifecycle, *, versioning: bool
) -> list[S3BucketLifecycleConfigurationRule]:
    """Return the rules of a data bucket: its current objects are served and never archived."""
    rules = [_abort_uploads(lifecycle.abort_upload_days)]
    if lifecycle.intelligent_tiering_days is not None:
        rules.append(_to_intelligent_tiering(lifecycle.intelligent_tiering_days))
    if versioning:
        rules.append(
            S3BucketLifecycleConfigurationRule(
                id="tidy-replaced-versions",
                status="Enabled",
                filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=_EVERY_OBJECT)],
                noncurrent_version_transition=[
                    S3BucketLifecycleConfigurationRuleNoncurrentVersionTransition(
                        noncurrent_days=lifecycle.archive_replaced_days,
                        storage_class="STANDARD_IA",
                    )
                ],
                noncurrent_version_expiration=[
                    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                        noncurrent_days=lifecycle.expire_replaced_days
                    )
                ],
            )
        )
    return rules


def log_rules(*, keep_days: int, versioning: bool) -> list[S3BucketLifecycleConfigurationRule]:
    """Return the rules of an access log bucket: its objects expire, their versions a month later.

    With versioning, an expired object leaves a delete marker, which is deleted last.
    """
    rules = [
        _abort_uploads(7),
        S3BucketLifecycleConfigurationRule(
            id="expire-logs",
            status="Enabled",
            filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=_EVERY_OBJECT)],
            expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=keep_days)],
        ),
    ]
    if versioning:
        rules.append(
            S3BucketLifecycleConfigurationRule(
                id="expire-replaced-logs",
                status="Enabled",
                filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=_EVERY_OBJECT)],
                noncurrent_version_expiration=[
                    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                        noncurrent_days=_REPLACED_LOG_DAYS
                    )
                ],
                expiration=[
                    S3BucketLifecycleConfigurationRuleExpiration(expired_object_delete_marker=True)
                ],
            )
        )
    return rules


def state_rules(
    *, noncurrent_days: int, locks: Sequence[str], plans: str, plan_days: int
) -> list[S3BucketLifecycleConfigurationRule]:
    """Return the rules of the bucket of the Terraform states.

    ``locks`` are the keys of lock files: each run leaves a version of one and a delete marker.
    ``plans`` is the prefix of the saved plans. Those that nobody deletes expire; the version behind
    the delete marker goes a day later, and the marker after that, by the rule for all objects.
    """
    return [
        _abort_uploads(7),
        S3BucketLifecycleConfigurationRule(
            id="expire-replaced-states",
            status="Enabled",
            filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=_EVERY_OBJECT)],
            noncurrent_version_expiration=[
                S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                    noncurrent_days=noncurrent_days, newer_noncurrent_versions=_NEWEST_STATES
                )
            ],
            expiration=[
                S3BucketLifecycleConfigurationRuleExpiration(expired_object_delete_marker=True)
            ],
        ),
        *(
            S3BucketLifecycleConfigurationRule(
                id=f"forget-{'-'.join(lock.split('/')[:-1])}-locks",
                status="Enabled",
                filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=lock)],
                noncurrent_version_expiration=[_after_a_day()],
            )
            for lock in locks
        ),
        S3BucketLifecycleConfigurationRule(
            id="expire-plans",
            status="Enabled",
            filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=plans)],
            expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=plan_days)],
            noncurrent_version_expiration=[_after_a_day()],
        ),
    ]


def _after_a_day() -> S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration:
    return S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=1)


def _to_intelligent_tiering(days: int) -> S3BucketLifecycleConfigurationRule:
    """Return a rule for the one storage class in which current objects stay readable at once."""
    return S3BucketLifecycleConfigurationRule(
        id="to-intelligent-tiering",
        status="Enabled",
        filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=_EVERY_OBJECT)],
        transition=[
            S3BucketLifecycleConfigurationRuleTransition(
                days=days, storage_class="INTELLIGENT_TIERING"
            )
        ],
    )


def _abort_uploads(days: int) -> S3BucketLifecycleConfigurationRule:
    abort = S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
        days_after_initiation=days
    )
    return S3BucketLifecycleConfigurationRule(
        id="abort-incomplete-uploads",
        status="Enabled",
        filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=_EVERY_OBJECT)],
        abort_incomplete_multipart_upload=[abort],
    )
