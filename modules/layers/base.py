"""Layer 1: configuration parameters, the secret's container, the access log bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.secretsmanager_secret import SecretsmanagerSecret
from constructs import Construct

from modules.catalogue import ACCESS_LOGS, BUCKETS, EDGE_REGION, Layer
from modules.environments import Environment
from modules.layers.publishing import publish
from modules.resources.access_log_bucket import (
    AccessLogBucketConfig,
    add_access_log_bucket,
    allow_delivery,
)
from modules.resources.encryption_key import (
    EncryptionKeyConfig,
    add_encryption_key,
    data_statements,
)
from modules.resources.private_bucket import PrivateBucket
from modules.settings.encryption import OWN
from modules.stack import LayerOutputs, LayerStack

_SECRET_RECOVERY_DAYS = 30

# Folders of the access log bucket, beside one for each bucket.
ANALYTICS = "analytics"
EDGE_LOGS = "distribution"


@dataclass(frozen=True, kw_only=True)
class AccessLogBucket:
    """The bucket that the access logs of the other buckets and the distribution go to."""

    name: str
    arn: str


@dataclass(frozen=True, kw_only=True)
class BaseOutputs(LayerOutputs):
    """The access log bucket and the ARN of the KMS key, where the settings ask for them."""

    access_logs: AccessLogBucket | None
    own_key_arn: str | None

    def key(self, choice: str | None, reader: LayerStack) -> str | None:
        """Return the ARN of the key that a setting of ``[encryption]`` chooses, if any."""
        return _chosen(choice, lambda: reader.read(self).own_key_arn)

    def logs(self, reader: LayerStack) -> AccessLogBucket | None:
        """Return the access log bucket, if there is one."""
        return reader.read(self).access_logs if self.access_logs else None


def _chosen(choice: str | None, own: Callable[[], str | None]) -> str | None:
    """Return the ARN that ``choice`` means; ``own`` is called only if it is the own key's.

    A layer that reads the own key depends on the state of the base layer.
    """
    return own() if choice == OWN else choice


class BaseLayer(LayerStack):
    """The base layer of one environment."""

    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(scope, environment, Layer.BASE)
        encryption = self.settings.encryption
        own_key = self._own_key() if encryption.own_key else None
        secret = self._add_secret(_chosen(encryption.secret, lambda: own_key))
        keep_days = self.settings.buckets.access_logs_days
        logs = self._access_log_bucket(keep_days) if keep_days else None
        published = publish(
            self, **vars(self.settings), secret=secret, access_logs=logs, own_key=own_key
        )
        self.outputs = BaseOutputs(
            stack=self,
            access_logs=AccessLogBucket(
                name=published["access_logs_bucket_name"], arn=published["access_logs_bucket_arn"]
            )
            if logs
            else None,
            own_key_arn=published.get("data_key_arn"),
        )

    def _own_key(self) -> str:
        key = add_encryption_key(
            self,
            "data_key",
            EncryptionKeyConfig(
                alias=self.naming.data_key,
                description="Encrypts the data of the CO2 analysis",
                statements=data_statements(self),
                retain=self.settings.retain,
            ),
        )
        return key.arn

    def _add_secret(self, key_arn: str | None) -> SecretsmanagerSecret:
        """Add the container only: the value is set outside Terraform, so no state ever holds it."""
        return SecretsmanagerSecret(
            self,
            "gemini_api_key",
            name=self.naming.gemini_secret,
            description="Gemini API key; set the value with `aws secretsmanager put-secret-value`",
            # A deleted secret blocks its name during the recovery window.
            recovery_window_in_days=_SECRET_RECOVERY_DAYS if self.settings.retain else 0,
            kms_key_id=key_arn,
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
                versioning=self.settings.buckets.versions(ACCESS_LOGS),
                statements=statements,
            ),
        )
