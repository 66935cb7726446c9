"""Layer 3: the cache table, the data buckets, how CloudFront reads them, and where to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdktf import TerraformOutput
from constructs import Construct

from modules.catalogue import ACCESS_LOGS, DATA_BUCKETS, PARAMETERS, Bucket, Layer
from modules.environments import Environment
from modules.layers.base import ANALYTICS, BaseOutputs
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
from modules.resources.parameter import ParameterConfig, add_parameter
from modules.resources.private_bucket import (
    Delivery,
    PrivateBucket,
    PrivateBucketConfig,
    add_private_bucket,
)
from modules.settings import Replication
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class StorageOutputs:
    """The table for compute, the buckets by id for frontend, all of it for monitoring."""

    cache_table: CacheTable
    buckets: Mapping[str, PrivateBucket]
    origin_access: OriginAccess


class StorageLayer(LayerStack):
    """The storage layer of one environment."""

    def __init__(self, scope: Construct, environment: Environment, base: BaseOutputs) -> None:
        super().__init__(scope, environment, Layer.STORAGE)
        settings = self.settings
        table = add_cache_table(
            self,
            "cache",
            CacheTableConfig(
                name=self.naming.cache_table, retain=settings.retain, settings=settings.table
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
                    access_logs=self._replica_logs(replication, sources),
                    permissions_boundary=settings.permissions_boundary,
                ),
            )
        if settings.backup:
            add_backup(
                self,
                "backup",
                BackupConfig(
                    table_arn=table.arn,
                    bucket_arns=[buckets[row.id].arn for row in DATA_BUCKETS if row.versioned],
                    retain=settings.retain,
                    settings=settings.backup,
                    permissions_boundary=settings.permissions_boundary,
                ),
            )
        self.outputs = StorageOutputs(cache_table=table, buckets=buckets, origin_access=access)
        self._publish(self.outputs)

    def _config(
        self, bucket: Bucket, access: OriginAccess, base: BaseOutputs
    ) -> PrivateBucketConfig:
        settings, name = self.settings.buckets, self.naming.bucket(bucket)
        versioning = settings.versioning and bucket.versioned
        logs = base.access_logs if bucket.logged else None
        return PrivateBucketConfig(
            name=name,
            retain=self.settings.retain,
            statements=read_statements(self, access, name) if bucket.read_by_cloudfront else (),
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
            versioning=self.settings.buckets.access_logs_versioning,
            provider=self.provider_for(replication.region),
        )

    def _publish(self, outputs: StorageOutputs) -> None:
        """Publish the same facts to running code (Parameter Store) and to Terraform (outputs)."""
        for row in PARAMETERS:
            if row.layer is Layer.STORAGE:
                value = row.value.format(**vars(outputs))
                path = self.naming.parameter(row)
                add_parameter(
                    self,
                    row.id,
                    ParameterConfig(name=path, value=value, description=row.description),
                )
                output = TerraformOutput(self, f"{row.id}_output", value=value)
                output.override_logical_id(row.id)
