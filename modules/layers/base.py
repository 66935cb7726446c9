"""Layer 1: configuration parameters, the secret's container, the access log bucket."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from cdktf_cdktf_provider_aws.secretsmanager_secret import SecretsmanagerSecret
from constructs import Construct

from modules.catalogue import ACCESS_LOGS, BUCKETS, EDGE_REGION, PARAMETERS, Layer
from modules.environments import Environment
from modules.policy import Condition, Statement, service
from modules.resources.bucket_lifecycle import log_rules
from modules.resources.encryption_key import (
    EncryptionKeyConfig,
    add_encryption_key,
    data_statements,
)
from modules.resources.parameter import ParameterConfig, add_parameter
from modules.resources.private_bucket import (
    PrivateBucket,
    PrivateBucketConfig,
    add_private_bucket,
)
from modules.settings.encryption import OWN
from modules.stack import LayerStack

_SECRET_RECOVERY_DAYS = 30

# Folders of the access log bucket, beside one for each bucket.
ANALYTICS = "analytics"
EDGE_LOGS = "distribution"


@dataclass(frozen=True, kw_only=True)
class BaseOutputs:
    """The access log bucket and the ARN of the KMS key, where the settings ask for them."""

    access_logs: PrivateBucket | None
    own_key_arn: str | None

    def key(self, choice: str | None) -> str | None:
        """Return the ARN of the key that a setting of ``[encryption]`` chooses, if any."""
        return self.own_key_arn if choice == OWN else choice


class BaseLayer(LayerStack):
    """The base layer of one environment."""

    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(scope, environment, Layer.BASE)
        self._add_configuration()
        keep_days = self.settings.buckets.access_logs_days
        self.outputs = BaseOutputs(
            access_logs=self._access_log_bucket(keep_days) if keep_days else None,
            own_key_arn=self._own_key() if self.settings.encryption.own_key else None,
        )
        self._add_secret(self.outputs.key(self.settings.encryption.secret))

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

    def _add_secret(self, key_arn: str | None) -> None:
        """Add the container only: the value is set outside Terraform, so no state ever holds it."""
        SecretsmanagerSecret(
            self,
            "gemini_api_key",
            name=self.naming.gemini_secret,
            description="Gemini API key; set the value with `aws secretsmanager put-secret-value`",
            # A deleted secret blocks its name during the recovery window.
            recovery_window_in_days=_SECRET_RECOVERY_DAYS if self.settings.retain else 0,
            kms_key_id=key_arn,
        )

    def _access_log_bucket(self, keep_days: int) -> PrivateBucket:
        buckets = {
            "aws:SourceArn": [
                self.bucket_arn(self.naming.bucket(bucket)) for bucket in BUCKETS if bucket.logged
            ]
        }
        account = {"aws:SourceAccount": self.account_id}
        owned = {**account, "s3:x-amz-acl": "bucket-owner-full-control"}
        statements = [
            self._deliver(
                "AllowLogDelivery",
                "logging.s3.amazonaws.com",
                {"ArnLike": buckets, "StringEquals": account},
            )
        ]
        if self.settings.frontend:
            # CloudFront's logs are delivered by CloudWatch Logs, in us-east-1.
            source = f"delivery-source:{self.naming.distribution_logs}"
            arn = f"arn:{self.partition}:logs:{EDGE_REGION}:{self.account_id}:{source}"
            statements.append(
                self._deliver(
                    "AllowEdgeLogDelivery",
                    "delivery.logs.amazonaws.com",
                    {"StringEquals": owned, "ArnLike": {"aws:SourceArn": arn}},
                    folder=f"{EDGE_LOGS}/",
                )
            )
        if self.settings.buckets.analytics:
            statements.append(
                self._deliver(
                    "AllowAnalyticsReports",
                    "s3.amazonaws.com",
                    {"ArnLike": buckets, "StringEquals": owned},
                    folder=f"{ANALYTICS}/",
                )
            )
        return add_private_bucket(
            self,
            ACCESS_LOGS.id,
            PrivateBucketConfig(
                name=self.naming.bucket(ACCESS_LOGS),
                retain=self.settings.retain,
                statements=statements,
                lifecycle=log_rules(keep_days=keep_days),
            ),
        )

    def _deliver(
        self, sid: str, publisher: str, conditions: Condition, *, folder: str = ""
    ) -> Statement:
        """Let an AWS service write objects below ``folder`` of the access log bucket."""
        return Statement(
            sid=sid,
            principals=service(publisher),
            actions=("s3:PutObject",),
            resources=(f"{self.bucket_arn(self.naming.bucket(ACCESS_LOGS))}/{folder}*",),
            conditions=conditions,
        )
