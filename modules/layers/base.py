"""Layer 1: configuration parameters, the secret's container, the access log bucket."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from cdktf_cdktf_provider_aws.secretsmanager_secret import SecretsmanagerSecret
from constructs import Construct

from modules.catalogue import ACCESS_LOGS, BUCKETS, EDGE_REGION, PARAMETERS, Layer
from modules.environments import Environment
from modules.resources.access_log_bucket import (
    AccessLogBucketConfig,
    add_access_log_bucket,
    allow_delivery,
)
from modules.resources.parameter import ParameterConfig, add_parameter
from modules.resources.private_bucket import PrivateBucket
from modules.stack import LayerStack

_SECRET_RECOVERY_DAYS = 30

# Folders of the access log bucket, beside one for each bucket.
ANALYTICS = "analytics"
EDGE_LOGS = "distribution"


@dataclass(frozen=True, kw_only=True)
class BaseOutputs:
    """The access log bucket, where the settings ask for one."""

    access_logs: PrivateBucket | None


class BaseLayer(LayerStack):
    """The base layer of one environment."""

    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(scope, environment, Layer.BASE)
        self._add_configuration()
        self._add_secret()
        keep_days = self.settings.buckets.access_logs_days
        self.outputs = BaseOutputs(
            access_logs=self._access_log_bucket(keep_days) if keep_days else None
        )

    def _add_configuration(self) -> None:
        for row in PARAMETERS:
            if row.layer is Layer.BASE:
                operated = row.operated and attrgetter(row.operated)(self.settings) is None
                config = ParameterConfig(
                    name=self.naming.parameter(row),
                    value=row.value.format(**vars(self.settings)),
                    description=row.description,
                    keep_changes=bool(operated),
                )
                add_parameter(self, row.id, config)

    def _add_secret(self) -> None:
        """Add the container only: the value is set outside Terraform, so no state ever holds it."""
        SecretsmanagerSecret(
            self,
            "gemini_api_key",
            name=self.naming.gemini_secret,
            description="Gemini API key; set the value with `aws secretsmanager put-secret-value`",
            # A deleted secret blocks its name during the recovery window.
            recovery_window_in_days=_SECRET_RECOVERY_DAYS if self.settings.retain else 0,
        )

    def _access_log_bucket(self, keep_days: int) -> PrivateBucket:
        name = self.naming.bucket(ACCESS_LOGS)
        logged = [self.naming.bucket(bucket) for bucket in BUCKETS if bucket.logged]
        owned = {
            "aws:SourceAccount": self.account_id,
            "s3:x-amz-acl": "bucket-owner-full-control",
        }
        statements = []
        if self.settings.frontend:
            # CloudFront's logs are delivered by CloudWatch Logs, in us-east-1.
            source = f"delivery-source:{self.naming.distribution_logs}"
            arn = f"arn:{self.partition}:logs:{EDGE_REGION}:{self.account_id}:{source}"
            statements.append(
                allow_delivery(
                    self,
                    name,
                    sid="AllowEdgeLogDelivery",
                    publisher="delivery.logs.amazonaws.com",
                    conditions={"StringEquals": owned, "ArnLike": {"aws:SourceArn": arn}},
                    folder=f"{EDGE_LOGS}/",
                )
            )
        if self.settings.buckets.analytics:
            arns = [self.bucket_arn(bucket) for bucket in logged]
            statements.append(
                allow_delivery(
                    self,
                    name,
                    sid="AllowAnalyticsReports",
                    publisher="s3.amazonaws.com",
                    conditions={"ArnLike": {"aws:SourceArn": arns}, "StringEquals": owned},
                    folder=f"{ANALYTICS}/",
                )
            )
        return add_access_log_bucket(
            self,
            ACCESS_LOGS.id,
            AccessLogBucketConfig(
                name=name,
                logged=logged,
                keep_days=keep_days,
                retain=self.settings.retain,
                versioning=self.settings.buckets.access_logs_versioning,
                statements=statements,
            ),
        )
