"""Status of a cache table, and its differences from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from modules.catalogue import STREAM_VIEW, TTL_ATTRIBUTE, Layer
from ops.common.target import Target
from ops.common.times import format_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    """A table as DynamoDB describes it; items and bytes are updated about every six hours."""

    name: str
    arn: str
    status: str
    items: int
    bytes: int
    index_bytes: int
    billing: str
    read_capacity: int
    write_capacity: int
    deletion_protection: bool
    encryption_key: str | None
    stream: str | None
    stream_arn: str | None
    ttl_attribute: str | None
    point_in_time_recovery: bool
    restorable_from: str | None
    restorable_to: str | None
    tags: dict[str, str]

    @property
    def average_bytes(self) -> int:
        """Mean size of an item."""
        return round(self.bytes / self.items) if self.items else 0

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {**asdict(self), "average_bytes": self.average_bytes}


def read(dynamodb: DynamoDBClient, table: str) -> TableStatus:
    """Return the status of a table.

    Raises:
        botocore.exceptions.ClientError: The table does not exist, or access was denied.

    """
    described = dynamodb.describe_table(TableName=table)["Table"]
    arn = described["TableArn"]
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    earliest = recovery.get("EarliestRestorableDateTime")
    latest = recovery.get("LatestRestorableDateTime")
    stream = described.get("StreamSpecification")
    capacity = described.get("ProvisionedThroughput", {})
    billing = described.get("BillingModeSummary", {}).get("BillingMode")
    tags = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return TableStatus(
        name=table,
        arn=arn,
        status=described["TableStatus"],
        items=described.get("ItemCount", 0),
        bytes=described.get("TableSizeBytes", 0),
        index_bytes=sum(
            index.get("IndexSizeBytes", 0) for index in described.get("GlobalSecondaryIndexes", [])
        ),
        billing="on-demand" if billing == "PAY_PER_REQUEST" else "provisioned",
        read_capacity=capacity.get("ReadCapacityUnits", 0),
        write_capacity=capacity.get("WriteCapacityUnits", 0),
        deletion_protection=described.get("DeletionProtectionEnabled", False),
        encryption_key=described.get("SSEDescription", {}).get("KMSMasterKeyArn"),
        stream=stream.get("StreamViewType") if stream and stream["StreamEnabled"] else None,
        stream_arn=described.get("LatestStreamArn"),
        ttl_attribute=ttl.get("AttributeName")
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        else None,
        point_in_time_recovery=recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
        restorable_from=format_time(earliest) if earliest else None,
        restorable_to=format_time(latest) if latest else None,
        tags={tag["Key"]: tag["Value"] for page in tags for tag in page["Tags"]},
    )


def differences(found: TableStatus, target: Target) -> Iterator[str]:
    """Yield each difference of a table from the settings, as a sentence."""
    settings = target.settings
    wanted = {
        "the TTL attribute": (found.ttl_attribute or "off", TTL_ATTRIBUTE),
        "the stream": (found.stream or "off", STREAM_VIEW),
        "point-in-time recovery": (
            _switch(found.point_in_time_recovery),
            _switch(settings.table.point_in_time_recovery),
        ),
        "deletion protection": (_switch(found.deletion_protection), _switch(settings.retain)),
        "billing": (found.billing, settings.table.billing),
        **{
            f"the tag {name}": (repr(found.tags.get(name)), repr(value))
            for name, value in sorted(target.naming.tags(Layer.STORAGE).items())
        },
    }
    for what, (actual, expected) in wanted.items():
        if actual != expected:
            yield f"{what} is {actual}, not {expected}"


def _switch(is_on: bool) -> str:
    return "on" if is_on else "off"
