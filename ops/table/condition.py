"""What a cache table is like, and what the settings want it to be like."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modules.catalogue import Layer
from ops.common.aws import Client
from ops.common.target import Target
from ops.common.times import text

TTL_ATTRIBUTE = "ttl"
STREAM_VIEW = "NEW_AND_OLD_IMAGES"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A table as AWS describes it. Items and bytes are some six hours old."""

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

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "average_bytes": self.average_bytes}


def read(dynamodb: Client, table: str) -> Condition:
    """Return the condition of a table; raises what AWS raises where there is none."""
    described = dynamodb.describe_table(TableName=table)["Table"]
    arn = str(described["TableArn"])
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    stream = described.get("StreamSpecification", {})
    capacity = described.get("ProvisionedThroughput", {})
    indexes = described.get("GlobalSecondaryIndexes") or []
    billing = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return Condition(
        name=table,
        arn=arn,
        status=str(described["TableStatus"]),
        items=int(described.get("ItemCount", 0)),
        bytes=int(described.get("TableSizeBytes", 0)),
        index_bytes=sum(int(index.get("IndexSizeBytes", 0)) for index in indexes),
        billing="on-demand" if billing == "PAY_PER_REQUEST" else "provisioned",
        read_capacity=int(capacity.get("ReadCapacityUnits", 0)),
        write_capacity=int(capacity.get("WriteCapacityUnits", 0)),
        deletion_protection=bool(described.get("DeletionProtectionEnabled")),
        encryption_key=described.get("SSEDescription", {}).get("KMSMasterKeyArn"),
        stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        stream_arn=described.get("LatestStreamArn"),
        ttl_attribute=ttl.get("AttributeName")
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        else None,
        point_in_time_recovery=recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
        restorable_from=_time(recovery, "EarliestRestorableDateTime"),
        restorable_to=_time(recovery, "LatestRestorableDateTime"),
        tags=_tags(dynamodb, arn),
    )


def wanted_tags(target: Target) -> dict[str, str]:
    """Return the tags that Terraform gives the table."""
    return target.naming.tags(Layer.STORAGE)


def differences(found: Condition, target: Target) -> Iterator[str]:
    """Yield what of the table is not as the settings want it, one sentence each."""
    settings = target.settings
    if found.ttl_attribute != TTL_ATTRIBUTE:
        yield f"expiry is on {found.ttl_attribute or 'nothing'}, not on {TTL_ATTRIBUTE}"
    if found.stream != STREAM_VIEW:
        yield f"its stream is {found.stream or 'off'}, not {STREAM_VIEW}"
    for what, is_on, wanted in (
        (
            "point-in-time recovery",
            found.point_in_time_recovery,
            settings.table.point_in_time_recovery,
        ),
        ("deletion protection", found.deletion_protection, settings.retain),
    ):
        if is_on != wanted:
            yield f"{what} is {_switch(is_on)}, not {_switch(wanted)}"
    if found.billing != settings.table.billing:
        yield f"its billing is {found.billing}, not {settings.table.billing}"
    wanted_now = wanted_tags(target)
    for name in sorted(wanted_now):
        if found.tags.get(name) != wanted_now[name]:
            yield f"its tag {name} is {found.tags.get(name)!r}, not {wanted_now[name]!r}"


def _tags(dynamodb: Client, arn: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position: dict[str, str] = {}
    while True:
        answer = dynamodb.list_tags_of_resource(ResourceArn=arn, **position)
        found |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}
        if not answer.get("NextToken"):
            return found
        position = {"NextToken": answer["NextToken"]}


def _time(recovery: Mapping[str, Any], name: str) -> str | None:
    time: dt.datetime | None = recovery.get(name)
    return text(time) if time else None


def _switch(is_on: bool) -> str:
    return "on" if is_on else "off"
