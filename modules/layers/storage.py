"""Layer 3: the cache table, the data buckets, how CloudFront reads them, and where to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from constructs import Construct

from modules.catalogue import ACCESS_LOGS, DATA_BUCKETS, Bucket, Layer
from modules.environments import Environment
from modules.layers.base import ANALYTICS, BaseOutputs
from modules.layers.publishing import publish
from modules.resources.access_log_bucket import AccessLogBucketConfig
from modules.resources.backup import BackupConfig, add_backup
from modules.resources.bucket_lifecycle import data_rules
from modules.resources.bucket_replication import BucketReplicationConfig, add_bucket_replication
from modules.resources.cache_table import CacheTable, CacheTableConfig, add_cache_table
from modules.resources.origin_access import (
    OriginAccess,
    OriginAccessConfig,
    add_origin_access,
    read_statements,
)
from modules.resources.private_bucket import (
    Delivery,
    PrivateBucket,
    PrivateBucketConfig,
    add_private_bucket,
)
from modules.settings import Replication
from modules.stack import LayerOutputs, LayerStack


@dataclass(frozen=True, kw_only=True)
class StorageOutputs(LayerOutputs):
    """The table, and the buckets by id.

    CloudFront reads them by the control, or with ``origin_access = "oai"`` by the identity.
    """

    cache_table: CacheTable
    bucket_names: Mapping[str, str]
    bucket_hosts: Mapping[str, str]
    origin_access_control_id: str
    origin_access_identity_path: str | None


class StorageLayer(LayerStack):
    """The storage layer of one environment."""

    def __init__(self, scope: Construct, environment: Environment, base: BaseOutputs) -> None:
        super().__init__(scope, environment, Layer.STORAGE)
        settings = self.settings
        table = add_cache_table(
            self,
            "cache",
            CacheTableConfig(
                name=self.naming.cache_table,
                retain=settings.retain,
                settings=settings.table,
                key_arn=base.key(settings.encryption.table, self),
            ),
        )
        access = add_origin_access(
            self, "origin_access", OriginAccessConfig(identity=settings.origin_identity)
        )
        buckets = {
            bucket.id: add_private_bucket(self, bucket.id, self._config(bucket, access, base))
            for bucket in DATA_BUCKETS
        }
        if replication := settings.buckets.replication:
            sources = [buckets[bucket.id] for bucket in DATA_BUCKETS if bucket.replicated]
            add_bucket_replication(
                self,
                "replication",
                BucketReplicationConfig(
                    sources=sources,
                    region=replication.region,
                    key_arn=replication.key_arn,
                    access_logs=self._replica_logs(replication, sources),
                    permissions_boundary=self.permissions_boundary,
                ),
            )
        if settings.backup:
            add_backup(
                self,
                "backup",
                BackupConfig(
                    table_arn=table.arn,
                    bucket_arns=[
                        buckets[row.id].arn
                        for row in DATA_BUCKETS
                        if settings.buckets.versions(row)
                    ],
                    retain=settings.retain,
                    settings=settings.backup,
                    permissions_boundary=self.permissions_boundary,
                ),
            )
        published = publish(self, cache_table=table, buckets=buckets, origin_access=access)
        self.outputs = StorageOutputs(
            stack=self,
            cache_table=CacheTable(
                name=published["cache_table_name"],
                arn=published["cache_table_arn"],
                stream_arn=published["stream_arn"],
            ),
            bucket_names={one: published[f"{one}_bucket_name"] for one in buckets},
            bucket_hosts={one: published[f"{one}_bucket_host"] for one in buckets},
            origin_access_control_id=published["origin_access_control_id"],
            origin_access_identity_path=published.get("origin_access_identity_path"),
        )

    def _config(
        self, bucket: Bucket, access: OriginAccess, base: BaseOutputs
    ) -> PrivateBucketConfig:
        settings, name = self.settings.buckets, self.naming.bucket(bucket)
        versioning = settings.versions(bucket)
        logs = base.logs(self) if bucket.logged else None
        return PrivateBucketConfig(
            name=name,
            retain=self.settings.retain,
            key_arn=base.key(self.settings.encryption.buckets, self),
            statements=read_statements(self, access, name) if bucket.read_by_cloudfront else (),
            # The first plan does not know the ARN of the identity yet.
            policy_in_plan=bucket.read_by_cloudfront and access.identity is not None,
            versioning=versioning,
            lifecycle=data_rules(settings.lifecycle, versioning=versioning)
            if settings.lifecycle
            else (),
            access_logs=Delivery(bucket=logs.name, prefix=f"{bucket.id}/") if logs else None,
            analytics=Delivery(bucket=logs.arn, prefix=f"{ANALYTICS}/{bucket.id}/")
            if logs and settings.analytics
            else None,
            request_metrics=settings.request_metrics and bucket.measured,
            cross_origin=settings if settings.cors_origins and bucket.cross_origin else None,
            object_lock=settings.object_lock if bucket.object_lock else None,
        )

    def _replica_logs(
        self, replication: Replication, sources: Sequence[PrivateBucket]
    ) -> AccessLogBucketConfig | None:
        if replication.access_logs_days is None:
            return None
        return AccessLogBucketConfig(
            name=self.naming.replica(self.naming.bucket(ACCESS_LOGS)),
            logged=[self.naming.replica(source.config.name) for source in sources],
            keep_days=replication.access_logs_days,
            retain=self.settings.retain,
            versioning=self.settings.buckets.versions(ACCESS_LOGS),
            provider=self.provider_for(replication.region),
        )
