"""Layer 1: configuration, the secret's container, the bucket for access logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.secretsmanager_secret import SecretsmanagerSecret
from constructs import Construct

from modules.environments import Environment
from modules.naming import Layer
from modules.policy import Statement, service
from modules.resources.bucket_lifecycle import log_rules
from modules.resources.parameter import add_parameter
from modules.resources.private_bucket import PrivateBucket
from modules.stack import EDGE_REGION, LayerStack

_SECRET_RECOVERY_DAYS = 30
_FIRST_NAMESPACE = "1"

# Folders of the bucket for access logs, beside one for each bucket.
ANALYTICS = "analytics"
EDGE_LOGS = "distribution"


@dataclass(frozen=True, kw_only=True)
class BaseOutputs:
    """What the base layer offers; ``access_logs`` only where the settings ask for it."""

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
        gemini = self.settings.gemini
        cache = self.settings.cache
        for topic, name, value, description in (
            ("gemini", "model", gemini.model, "Model that explains an anomaly"),
            ("gemini", "endpoint", gemini.endpoint, "Address of the Gemini API"),
            ("gemini", "timeout-seconds", str(gemini.timeout_seconds), "Longest wait for Gemini"),
            ("cache", "ttl-days", str(cache.ttl_days), "Days that an answer is served"),
        ):
            add_parameter(
                self,
                f"{topic}_{name}".replace("-", "_"),
                name=self.naming.config_parameter(topic, name),
                value=value,
                description=description,
            )

        add_parameter(
            self,
            "cache_namespace",
            name=self.naming.config_parameter("cache", "namespace"),
            value=cache.namespace or _FIRST_NAMESPACE,
            description="Part of every cache key: a new value empties the cache",
            # Going back to an old value would bring the old answers back.
            keep_changes=cache.namespace is None,
        )

    def _add_secret(self) -> None:
        """Add the container only: the value is put beside Terraform, so no state ever holds it."""
        SecretsmanagerSecret(
            self,
            "gemini_api_key",
            name=self.naming.gemini_secret,
            description="Gemini API key; put the value with `aws secretsmanager put-secret-value`",
            # A deleted secret blocks its name for as long as it can be recovered.
            recovery_window_in_days=_SECRET_RECOVERY_DAYS if self.settings.retain else 0,
        )

    def _access_log_bucket(self, keep_days: int) -> PrivateBucket:
        naming = self.naming
        sources = [
            self.bucket_arn(name) for name in (naming.static_website_bucket, naming.geojson_bucket)
        ]
        deliver = Statement(
            sid="AllowLogDelivery",
            principals=service("logging.s3.amazonaws.com"),
            actions=("s3:PutObject",),
            resources=(f"{self.bucket_arn(naming.access_log_bucket)}/*",),
            conditions={
                "ArnLike": {"aws:SourceArn": sources},
                "StringEquals": {"aws:SourceAccount": self.account_id},
            },
        )
        return PrivateBucket(
            self,
            "access_logs",
            name=naming.access_log_bucket,
            retain=self.settings.retain,
            statements=[
                deliver,
                *([self._deliver_edge_logs()] if self.settings.frontend else []),
                *([self._deliver_analytics(sources)] if self.settings.buckets.analytics else []),
            ],
            lifecycle=log_rules(keep_days=keep_days),
        )

    def _deliver_edge_logs(self) -> Statement:
        """CloudFront's logs come through CloudWatch's delivery, which lives in us-east-1."""
        source = f"delivery-source:{self.naming.distribution_logs}"
        arn = f"arn:{self.partition}:logs:{EDGE_REGION}:{self.account_id}:{source}"
        return Statement(
            sid="AllowEdgeLogDelivery",
            principals=service("delivery.logs.amazonaws.com"),
            actions=("s3:PutObject",),
            resources=(f"{self.bucket_arn(self.naming.access_log_bucket)}/{EDGE_LOGS}/*",),
            conditions={
                "StringEquals": {
                    "aws:SourceAccount": self.account_id,
                    "s3:x-amz-acl": "bucket-owner-full-control",
                },
                "ArnLike": {"aws:SourceArn": arn},
            },
        )

    def _deliver_analytics(self, sources: Sequence[str]) -> Statement:
        return Statement(
            sid="AllowAnalyticsReports",
            principals=service("s3.amazonaws.com"),
            actions=("s3:PutObject",),
            resources=(f"{self.bucket_arn(self.naming.access_log_bucket)}/{ANALYTICS}/*",),
            conditions={
                "ArnLike": {"aws:SourceArn": sources},
                "StringEquals": {
                    "aws:SourceAccount": self.account_id,
                    "s3:x-amz-acl": "bucket-owner-full-control",
                },
            },
        )
