"""A bucket for the access logs of other buckets in its Region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.provider import AwsProvider

from modules.iam import Condition, Statement, service
from modules.resources.bucket_lifecycle import log_rules
from modules.resources.private_bucket import (
    PrivateBucket,
    PrivateBucketConfig,
    add_private_bucket,
)
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class AccessLogBucketConfig:
    """An access log bucket; ``logged`` are the names of the buckets that log to it.

    ``statements`` let other services deliver to it as well. ``versioning`` keeps deleted and
    overwritten logs for a while.
    """

    name: str
    logged: Sequence[str]
    keep_days: int
    retain: bool
    versioning: bool
    statements: Sequence[Statement] = ()
    provider: AwsProvider | None = None


def add_access_log_bucket(
    stack: LayerStack, id_: str, config: AccessLogBucketConfig
) -> PrivateBucket:
    """Add the bucket; S3 can deliver the logs of the listed buckets to it."""
    deliver = allow_delivery(
        stack,
        config.name,
        sid="AllowLogDelivery",
        publisher="logging.s3.amazonaws.com",
        conditions={
            "ArnLike": {"aws:SourceArn": [stack.bucket_arn(name) for name in config.logged]},
            "StringEquals": {"aws:SourceAccount": stack.account_id},
        },
    )
    return add_private_bucket(
        stack,
        id_,
        PrivateBucketConfig(
            name=config.name,
            retain=config.retain,
            statements=[deliver, *config.statements],
            versioning=config.versioning,
            lifecycle=log_rules(keep_days=config.keep_days, versioning=config.versioning),
            provider=config.provider,
        ),
    )


def allow_delivery(
    stack: LayerStack,
    bucket: str,
    *,
    sid: str,
    publisher: str,
    conditions: Condition,
    folder: str = "",
) -> Statement:
    """Return the right of an AWS service to write objects below ``folder`` of ``bucket``."""
    return Statement(
        sid=sid,
        principals=service(publisher),
        actions=("s3:PutObject",),
        resources=(f"{stack.bucket_arn(bucket)}/{folder}*",),
        conditions=conditions,
    )
