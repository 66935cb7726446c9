"""The cache table, and the rights on it that other layers can grant."""

from __future__ import annotations

from dataclasses import dataclass

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

from modules.catalogue import (
    INDEX,
    INDEX_HASH_KEY,
    INDEX_RANGE_KEY,
    STREAM_VIEW,
    TABLE_KEY,
    TTL_ATTRIBUTE,
)
from modules.iam import Statement
from modules.resources.table_autoscaling import TableAutoscalingConfig, add_table_autoscaling
from modules.settings import TableSettings
from modules.stack import LayerStack

# Autoscaling changes these; unless ignored, every scaling event would be a change in the next plan.
# A change of the index in the code is then ignored, too: see docs/architecture.md.
_SCALED = ("read_capacity", "write_capacity", "global_secondary_index")
# Replicas are resources of their own, which would conflict with the table's argument for them.
_REPLICATED = ("replica",)


@dataclass(frozen=True, kw_only=True)
class CacheTableConfig:
    """The table's name and settings; ``retain`` protects it from deletion.

    ``key_arn`` is the KMS key, None the one that AWS manages.
    """

    name: str
    retain: bool
    settings: TableSettings
    key_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class CacheTable:
    """One item for each question, found by its key or by the time at which it was cached.

    The index is read by day and, within a day, by time. Readers must compare the TTL attribute with
    the clock: DynamoDB deletes expired items only within days.
    """

    name: str
    arn: str
    stream_arn: str

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


def add_cache_table(stack: LayerStack, id_: str, config: CacheTableConfig) -> CacheTable:
    """Add the table with its index, scaling and replicas."""
    settings, retain = config.settings, config.retain
    units = settings.capacity
    limit = settings.on_demand_limit
    ignored = [
        *(_SCALED if settings.autoscaling else ()),
        *(_REPLICATED if settings.replicas else ()),
    ]
    table = DynamodbTable(
        stack,
        id_,
        name=config.name,
        billing_mode="PROVISIONED" if units else "PAY_PER_REQUEST",
        read_capacity=units.read if units else None,
        write_capacity=units.write if units else None,
        on_demand_throughput=DynamodbTableOnDemandThroughput(
            max_read_request_units=limit.read, max_write_request_units=limit.write
        )
        if limit
        else None,
        hash_key=TABLE_KEY,
        attribute=[
            DynamodbTableAttribute(name=name, type="S")
            for name in (TABLE_KEY, INDEX_RANGE_KEY, INDEX_HASH_KEY)
        ],
        global_secondary_index=[
            DynamodbTableGlobalSecondaryIndex(
                name=INDEX,
                hash_key=INDEX_HASH_KEY,
                range_key=INDEX_RANGE_KEY,
                projection_type="ALL",
                read_capacity=units.read if units else None,
                write_capacity=units.write if units else None,
            )
        ],
        ttl=DynamodbTableTtl(attribute_name=TTL_ATTRIBUTE, enabled=True),
        stream_enabled=True,
        stream_view_type=STREAM_VIEW,
        server_side_encryption=DynamodbTableServerSideEncryption(
            enabled=True, kms_key_arn=config.key_arn
        ),
        point_in_time_recovery=DynamodbTablePointInTimeRecovery(
            enabled=settings.point_in_time_recovery
        ),
        deletion_protection_enabled=retain,
        lifecycle=TerraformResourceLifecycle(
            prevent_destroy=True if retain else None, ignore_changes=ignored or None
        )
        if retain or ignored
        else None,
    )
    scaling = []
    if settings.autoscaling:
        range_ = TableAutoscalingConfig(table=table.name, settings=settings.autoscaling)
        scaling = add_table_autoscaling(stack, id_, range_)
    for region in settings.replicas:
        DynamodbTableReplicaA(
            stack,
            f"{id_}_replica_{region.replace('-', '_')}",
            provider=stack.provider_for(region),
            global_table_arn=table.arn,
            point_in_time_recovery=settings.point_in_time_recovery,
            deletion_protection_enabled=retain,
            # DynamoDB refuses a replica of a provisioned table before its writes are scaled.
            depends_on=[*scaling],
        )
    return CacheTable(name=table.name, arn=table.arn, stream_arn=table.stream_arn)
