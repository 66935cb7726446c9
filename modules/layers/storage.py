"""Layer 3: the cache table, the two buckets, how CloudFront reads them, and where to find them."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformOutput
from constructs import Construct

from modules.environments import Environment
from modules.layers.base import ANALYTICS, BaseOutputs
from modules.naming import Layer
from modules.resources.bucket_lifecycle import data_rules
from modules.resources.bucket_replication import Source, replicate
from modules.resources.cache_table import CacheTable
from modules.resources.origin_access import OriginAccess
from modules.resources.parameter import add_parameter
from modules.resources.private_bucket import PrivateBucket
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class StorageOutputs:
    """What the storage layer offers to compute (table), frontend (the rest) and monitoring."""

    cache_table: CacheTable
    static_website: PrivateBucket
    geojson: PrivateBucket
    origin_access: OriginAccess


class StorageLayer(LayerStack):
    """The storage layer of one environment."""

    def __init__(self, scope: Construct, environment: Environment, base: BaseOutputs) -> None:
        super().__init__(scope, environment, Layer.STORAGE)
        naming = self.naming
        table = CacheTable(
            self,
            "cache",
            name=naming.cache_table,
            retain=self.settings.retain,
            settings=self.settings.table,
        )
        buckets = self.settings.buckets
        access = OriginAccess(self, identity=self.settings.origin_identity)
        static = self._bucket("static_website", naming.static_website_bucket, access, base)
        geojson = self._bucket("geojson", naming.geojson_bucket, access, base)
        if buckets.cors_origins:
            geojson.allow_cross_origin_reads(buckets)
        if buckets.object_lock:
            geojson.lock_objects(buckets.object_lock)
        if buckets.replication:
            replicate(
                self,
                [
                    Source(bucket=bucket, copy_id=f"{id_}_replica", copy_name=naming.replica(name))
                    for id_, bucket, name in (
                        ("static_website", static, naming.static_website_bucket),
                        ("geojson", geojson, naming.geojson_bucket),
                    )
                ],
                region=buckets.replication.region,
            )
        self.outputs = StorageOutputs(
            cache_table=table, static_website=static, geojson=geojson, origin_access=access
        )
        self._publish(self.outputs)

    def _bucket(
        self, id_: str, name: str, access: OriginAccess, base: BaseOutputs
    ) -> PrivateBucket:
        settings = self.settings.buckets
        bucket = PrivateBucket(
            self,
            id_,
            name=name,
            retain=self.settings.retain,
            statements=access.read_statements(self.bucket_arn(name)),
            versioning=settings.versioning,
            lifecycle=data_rules(settings.lifecycle, versioning=settings.versioning)
            if settings.lifecycle
            else (),
        )
        if base.access_logs:
            bucket.log_accesses_to(base.access_logs.name, prefix=f"{id_}/")
            if settings.analytics:
                bucket.analyse_storage(base.access_logs.arn, prefix=f"{ANALYTICS}/{id_}/")
        if settings.request_metrics:
            bucket.measure_requests()
        return bucket

    def _publish(self, outputs: StorageOutputs) -> None:
        """Tell the same facts to running code (Parameter Store) and to Terraform (outputs)."""
        table, static, geojson = outputs.cache_table, outputs.static_website, outputs.geojson
        access = outputs.origin_access
        for service, name, value, description in (
            ("dynamodb", "cache-table-name", table.name, "Name of the cache table"),
            ("dynamodb", "cache-table-arn", table.arn, "ARN of the cache table"),
            ("dynamodb", "stream-arn", table.stream_arn, "Stream of the cache table"),
            ("s3", "static-website-bucket-name", static.name, "Bucket of the static pages"),
            ("s3", "static-website-bucket-arn", static.arn, "ARN of that bucket"),
            ("s3", "geojson-bucket-name", geojson.name, "Bucket of the CO2 observations"),
            ("s3", "geojson-bucket-arn", geojson.arn, "ARN of that bucket"),
            (
                "cloudfront",
                "oai-id",
                access.identity_id or access.control_id,
                "Origin access identity, or without one the origin access control",
            ),
        ):
            id_ = name.replace("-", "_")
            path = self.naming.storage_parameter(service, name)
            add_parameter(self, id_, name=path, value=value, description=description)
            TerraformOutput(self, f"{id_}_output", value=value).override_logical_id(id_)
