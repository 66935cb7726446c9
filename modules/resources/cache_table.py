"""The cache table, and the rights on it that other layers can ask for."""

from __future__ import annotations

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTableGlobalSecondaryIndex,
    DynamodbTableOnDemandThroughput,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)
from cdktf_cdktf_provider_aws.dynamodb_table_replica import DynamodbTableReplicaA

from modules.policy import Statement
from modules.resources.table_autoscaling import scale_table
from modules.settings import TableSettings
from modules.stack import LayerStack

INDEX = "cached-at-index"

# Autoscaling moves these; without ignoring them every scale event would show up as a change in the
# next plan. A change of the index in the code is then ignored, too: see docs/architecture.md.
_SCALED = ("read_capacity", "write_capacity", "global_secondary_index")
# Replicas are resources of their own; the table's argument for them would fight with these.
_REPLICATED = ("replica",)


class CacheTable:
    """One item for each answered question, found by ``cache_key`` or by when it was cached.

    The index is read by day (``cached_date``) and in it by time (``cached_at``); an item without a
    ``cached_date`` is not in it. Reading must compare ``ttl`` with the clock: DynamoDB deletes
    expired items only within days.
    """

    def __init__(
        self, stack: LayerStack, id_: str, *, name: str, retain: bool, settings: TableSettings
    ) -> None:
        provisioned = settings.capacity
        scaled = settings.autoscaling
        limit = settings.on_demand_limit
        ignored = [*(_SCALED if scaled else ()), *(_REPLICATED if settings.replicas else ())]
        table = DynamodbTable(
            stack,
            id_,
            name=name,
            billing_mode="PROVISIONED" if provisioned else "PAY_PER_REQUEST",
            read_capacity=provisioned.read if provisioned else None,
            write_capacity=provisioned.write if provisioned else None,
            on_demand_throughput=DynamodbTableOnDemandThroughput(
                max_read_request_units=limit.read, max_write_request_units=limit.write
            )
            if limit
            else None,
            hash_key="cache_key",
            attribute=[
                DynamodbTableAttribute(name="cache_key", type="S"),
                DynamodbTableAttribute(name="cached_at", type="S"),
                DynamodbTableAttribute(name="cached_date", type="S"),
            ],
            global_secondary_index=[
                DynamodbTableGlobalSecondaryIndex(
                    name=INDEX,
                    hash_key="cached_date",
                    range_key="cached_at",
                    projection_type="ALL",
                    read_capacity=provisioned.read if provisioned else None,
                    write_capacity=provisioned.write if provisioned else None,
                )
            ],
            ttl=DynamodbTableTtl(attribute_name="ttl", enabled=True),
            stream_enabled=True,
            stream_view_type="NEW_AND_OLD_IMAGES",
            server_side_encryption=DynamodbTableServerSideEncryption(enabled=True),
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(
                enabled=settings.point_in_time_recovery
            ),
            deletion_protection_enabled=retain,
            lifecycle=TerraformResourceLifecycle(
                prevent_destroy=True if retain else None,
                ignore_changes=ignored or None,
            )
            if retain or ignored
            else None,
        )
        scaling = scale_table(stack, table=table, index=INDEX, range_=scaled) if scaled else ()
        for region in settings.replicas:
            DynamodbTableReplicaA(
                stack,
                f"{id_}_replica_{region.replace('-', '_')}",
                provider=stack.provider_for(region),
                global_table_arn=table.arn,
                point_in_time_recovery=settings.point_in_time_recovery,
                deletion_protection_enabled=retain,
                # DynamoDB refuses a replica of a provisioned table before its writes are scaled.
                depends_on=list(scaling),
            )
        self.name = table.name
        self.arn = table.arn
        self.stream_arn = table.stream_arn

    def grant_read(self) -> list[Statement]:
        """Return the right to read single items, and to query the table and its index."""
        return [
            Statement(
                sid="ReadCachedAnswers", actions=("dynamodb:GetItem",), resources=(self.arn,)
            ),
            Statement(
                sid="QueryCachedAnswers",
                actions=("dynamodb:Query",),
                resources=(self.arn, f"{self.arn}/index/{INDEX}"),
            ),
        ]

    def grant_write(self) -> list[Statement]:
        """Return the right to write and update single items; deleting is left to the TTL."""
        return [
            Statement(
                sid="WriteCachedAnswers",
                actions=("dynamodb:PutItem", "dynamodb:UpdateItem"),
                resources=(self.arn,),
            )
        ]

    def grant_read_write(self) -> list[Statement]:
        """Return both rights."""
        return [*self.grant_read(), *self.grant_write()]
