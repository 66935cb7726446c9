"""How CloudFront reads the private buckets: by an access control, an identity, or both."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudfront_origin_access_control import CloudfrontOriginAccessControl
from cdktf_cdktf_provider_aws.cloudfront_origin_access_identity import (
    CloudfrontOriginAccessIdentity,
)

from modules.iam import Statement, service
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class OriginAccessConfig:
    """Whether there is an origin access identity beside the origin access control."""

    identity: bool


@dataclass(frozen=True, kw_only=True)
class OriginAccess:
    """The access control, and the identity where there is one."""

    control: CloudfrontOriginAccessControl
    identity: CloudfrontOriginAccessIdentity | None

    @property
    def reader_id(self) -> str:
        """Id of the identity, or without one of the access control."""
        return self.identity.id if self.identity else self.control.id


def add_origin_access(stack: LayerStack, id_: str, config: OriginAccessConfig) -> OriginAccess:
    """Add the access control and, where configured, the identity."""
    control = CloudfrontOriginAccessControl(
        stack,
        f"{id_}_control",
        name=stack.naming.origin_access_control,
        description="CloudFront reads the CO2 analysis buckets",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
    )
    identity = (
        CloudfrontOriginAccessIdentity(stack, f"{id_}_identity", comment=stack.naming.parameters)
        if config.identity
        else None
    )
    return OriginAccess(control=control, identity=identity)


def read_statements(stack: LayerStack, access: OriginAccess, bucket: str) -> list[Statement]:
    """Return the bucket policy statements that let CloudFront read the objects of ``bucket``.

    The distribution is in a later layer and refers to the bucket, so its ARN cannot be named here;
    the account's distributions can.
    """
    objects = (f"{stack.bucket_arn(bucket)}/*",)
    distributions = f"arn:{stack.partition}:cloudfront::{stack.account_id}:distribution/*"
    statements = [
        Statement(
            sid="AllowOriginAccessControl",
            principals=service("cloudfront.amazonaws.com"),
            actions=("s3:GetObject",),
            resources=objects,
            conditions={
                "ArnLike": {"aws:SourceArn": distributions},
                "StringEquals": {"aws:SourceAccount": stack.account_id},
            },
        )
    ]
    if access.identity:
        statements.append(
            Statement(
                sid="AllowOriginAccessIdentity",
                principals={"AWS": access.identity.iam_arn},
                actions=("s3:GetObject",),
                resources=objects,
            )
        )
    return statements
