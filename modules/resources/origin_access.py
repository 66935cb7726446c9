"""How CloudFront reads the private buckets: by an access control, an identity, or both."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.cloudfront_origin_access_control import CloudfrontOriginAccessControl
from cdktf_cdktf_provider_aws.cloudfront_origin_access_identity import (
    CloudfrontOriginAccessIdentity,
)

from modules.policy import Statement, service
from modules.stack import LayerStack


class OriginAccess:
    """The access control, and beside it the identity where ``identity`` asks for it."""

    def __init__(self, stack: LayerStack, *, identity: bool) -> None:
        self._stack = stack
        control = CloudfrontOriginAccessControl(
            stack,
            "origin_access_control",
            name=stack.naming.origin_access_control,
            description="CloudFront reads the CO2 analysis buckets",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
        )
        self.control_id = control.id
        self._identity = (
            CloudfrontOriginAccessIdentity(
                stack, "origin_access_identity", comment=stack.naming.parameters
            )
            if identity
            else None
        )
        self.identity_id = self._identity.id if self._identity else None
        self.identity_path = (
            self._identity.cloudfront_access_identity_path if self._identity else None
        )

    def read_statements(self, bucket_arn: str) -> list[Statement]:
        """Return what the policy of a bucket must allow, so that CloudFront can read its objects.

        The distribution is in a later layer and refers to the bucket, so its ARN cannot be named
        here; the account's distributions can.
        """
        stack = self._stack
        distributions = f"arn:{stack.partition}:cloudfront::{stack.account_id}:distribution/*"
        statements = [
            Statement(
                sid="AllowOriginAccessControl",
                principals=service("cloudfront.amazonaws.com"),
                actions=("s3:GetObject",),
                resources=(f"{bucket_arn}/*",),
                conditions={
                    "ArnLike": {"aws:SourceArn": distributions},
                    "StringEquals": {"aws:SourceAccount": stack.account_id},
                },
            )
        ]
        if self._identity:
            statements.append(
                Statement(
                    sid="AllowOriginAccessIdentity",
                    principals={"AWS": self._identity.iam_arn},
                    actions=("s3:GetObject",),
                    resources=(f"{bucket_arn}/*",),
                )
            )
        return statements
