"""Restores the cache table: to a time, beside the live table; or after deletion, in its place.

A restore omits the TTL, the stream, point-in-time recovery, tags, deletion protection and
autoscaling; they are set afterwards. Source: "Restoring a DynamoDB table" in the AWS documentation.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from modules.catalogue import SCALING, STREAM_VIEW, TTL_ATTRIBUTE, Layer
from modules.settings import Autoscaling
from modules.settings.encryption import OWN
from ops.common.aws_errors import error_code, if_exists
from ops.common.errors import BadInputError, MissingError, OperatorError
from ops.common.target import Target
from ops.common.times import format_time
from ops.table.table_status import TableStatus, differences, read

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_application_autoscaling.literals import MetricTypeType, ScalableDimensionType
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.literals import StreamViewTypeType
    from mypy_boto3_dynamodb.type_defs import SSESpecificationTypeDef

_POLL_SECONDS = 5.0
_NOT_READY = frozenset({"ContinuousBackupsUnavailableException", "ResourceInUseException"})
_ATTEMPTS = 120


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """A restore of ``source`` into the table ``into``: as of ``at``, or from ``backup`` (its ARN).

    ``begun`` says that the table exists already, so the restore resumes.
    """

    source: str
    into: str
    begun: bool
    backup: str = ""
    at: dt.datetime | None = None

    def lines(self) -> list[str]:
        """Return the plan for people."""
        begin = "resume restoring" if self.begun else "restore"
        return [
            f"{begin} {self.source} into {self.into}",
            f"configure {self.into}: TTL, stream, recovery, protection, tags, autoscaling",
            "compare it with the settings",
        ]


def plan_to_time(
    dynamodb: DynamoDBClient, target: Target, table: str, at: dt.datetime
) -> TablePlan:
    """Plan a second table, with the content of the live table at a time.

    Raises:
        MissingError: The live table does not exist; only its backup can help.
        OperatorError: Point-in-time recovery is off.
        BadInputError: The time is outside the restore window.

    """
    into, then = target.naming.restored_cache_table(at), format_time(at)
    begun = if_exists(lambda: dynamodb.describe_table(TableName=into)) is not None
    plan = TablePlan(source=f"{table} as of {then}", into=into, begun=begun, at=at)
    if plan.begun:
        return plan
    found = if_exists(lambda: read(dynamodb, table))
    if found is None:
        raise MissingError(
            f"{table} does not exist", remedy="restore it from its backup: --deleted"
        )
    if not found.point_in_time_recovery or not found.restorable_from or not found.restorable_to:
        raise OperatorError(
            f"{table} has no point-in-time recovery",
            remedy="import an export of the cache; for the next time set "
            "point_in_time_recovery = true under [table]",
        )
    if not found.restorable_from <= then <= found.restorable_to:
        raise BadInputError(
            f"{then} is outside the restore window",
            remedy=f"choose a time from {found.restorable_from} to {found.restorable_to}",
        )
    return plan


def plan_deleted(dynamodb: DynamoDBClient, target: Target) -> TablePlan:
    """Plan the deleted table under its own name, from the backup that AWS made at its deletion.

    Raises:
        OperatorError: The table exists.
        MissingError: There is no backup. AWS keeps one for 35 days, if the table had
            point-in-time recovery.

    """
    table = target.naming.cache_table
    existing = if_exists(lambda: dynamodb.describe_table(TableName=table))
    if existing:
        backup = existing["Table"].get("RestoreSummary", {}).get("SourceBackupArn")
        if not backup:
            raise OperatorError(
                f"{table} is not deleted", remedy="restore it to a time: --at 2025-11-01T12:00:00Z"
            )
        return TablePlan(source=f"backup {backup}", into=table, begun=True, backup=backup)
    pages = dynamodb.get_paginator("list_backups").paginate(TableName=table, BackupType="ALL")
    newest = max(
        (
            one
            for page in pages
            for one in page.get("BackupSummaries", [])
            if one["BackupStatus"] == "AVAILABLE"
        ),
        key=lambda one: (one["BackupType"] == "SYSTEM", one["BackupCreationDateTime"]),
        default=None,
    )
    if newest is None:
        raise MissingError(
            f"there is no backup of {table}",
            remedy=f"deploy {target.naming.stack(Layer.STORAGE)} again, and import an export of "
            "the cache",
        )
    created = format_time(newest["BackupCreationDateTime"])
    return TablePlan(
        source=f"the {newest['BackupType'].lower()} backup of {created}",
        into=table,
        begun=False,
        backup=newest["BackupArn"],
    )


def begin(dynamodb: DynamoDBClient, target: Target, plan: TablePlan, table: str) -> None:
    """Start the restore, unless it has begun; the table gets the key of the settings."""
    if plan.begun:
        return
    encryption = _encryption(target)
    if plan.at is not None:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=table,
            RestoreDateTime=plan.at,
            TargetTableName=plan.into,
            SSESpecificationOverride=encryption,
        )
    else:
        dynamodb.restore_table_from_backup(
            BackupArn=plan.backup, TargetTableName=plan.into, SSESpecificationOverride=encryption
        )


def _encryption(target: Target) -> SSESpecificationTypeDef:
    choice = target.settings.encryption.table
    key = target.naming.data_key if choice == OWN else choice
    specification: SSESpecificationTypeDef = {"Enabled": True, "SSEType": "KMS"}
    return {**specification, "KMSMasterKeyId": key} if key else specification


def wait(
    dynamodb: DynamoDBClient,
    table: str,
    *,
    waited: Callable[[int], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait without a time limit until the table is active; ``waited`` receives the seconds.

    Raises:
        OperatorError: The table cannot become active.

    """
    while (status := dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]) != "ACTIVE":
        if status not in {"CREATING", "UPDATING"}:
            raise OperatorError(f"{table} is {status.lower()}", remedy="look at it in the console")
        sleep(_POLL_SECONDS)
        waited(round(_POLL_SECONDS))


def configure(
    dynamodb: DynamoDBClient,
    scaling: ApplicationAutoScalingClient,
    target: Target,
    table: str,
    pause: Callable[[], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> TableStatus:
    """Set what the restore omitted, and return the table's status afterwards.

    ``pause`` waits until the table can be changed again.

    Raises:
        OperatorError: The table was not ready for a setting for ten minutes.

    """
    for change in _changes(dynamodb, scaling, target, read(dynamodb, table)):
        _when_ready(change, sleep)
        pause()
    return read(dynamodb, table)


def remaining(
    scaling: ApplicationAutoScalingClient, found: TableStatus, target: Target
) -> list[str]:
    """Return the remaining differences from the settings."""
    return [*differences(found, target), *_unscaled(scaling, found.name, target)]


def _unscaled(scaling: ApplicationAutoScalingClient, table: str, target: Target) -> Iterator[str]:
    range_ = target.settings.table.autoscaling
    if range_ is None:
        return
    answer = scaling.describe_scalable_targets(
        ServiceNamespace="dynamodb",
        ResourceIds=sorted({row.resource_id(table) for row in SCALING}),
    )
    found = {
        (one["ResourceId"], str(one["ScalableDimension"]))
        for one in answer["ScalableTargets"]
        if (one["MinCapacity"], one["MaxCapacity"]) == (range_.minimum, range_.maximum)
    }
    for row in SCALING:
        if (row.resource_id(table), row.dimension) not in found:
            yield (
                f"{row.dimension} of {row.resource_id(table)} is not scaled "
                f"from {range_.minimum} to {range_.maximum}"
            )


def _when_ready(change: Callable[[], object], sleep: Callable[[float], None]) -> None:
    """Make a change; a new table refuses some of them for a while."""
    for _ in range(_ATTEMPTS):
        try:
            change()
        except Exception as error:
            if error_code(error) not in _NOT_READY:
                raise
            sleep(_POLL_SECONDS)
        else:
            return
    raise OperatorError(
        "the restored table cannot be configured yet", remedy="run this again in a few minutes"
    )


def _changes(
    dynamodb: DynamoDBClient,
    scaling: ApplicationAutoScalingClient,
    target: Target,
    found: TableStatus,
) -> Iterator[Callable[[], object]]:
    """Yield a function for each change that the table needs."""
    table, settings = found.name, target.settings
    if found.ttl_attribute != TTL_ATTRIBUTE:
        yield lambda: dynamodb.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE},
        )
    if found.stream != STREAM_VIEW:
        view = cast("StreamViewTypeType", STREAM_VIEW)
        yield lambda: dynamodb.update_table(
            TableName=table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
    if found.point_in_time_recovery != settings.table.point_in_time_recovery:
        yield lambda: dynamodb.update_continuous_backups(
            TableName=table,
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": settings.table.point_in_time_recovery
            },
        )
    if found.deletion_protection != settings.retain:
        yield lambda: dynamodb.update_table(
            TableName=table, DeletionProtectionEnabled=settings.retain
        )
    tags = target.naming.tags(Layer.STORAGE)
    yield lambda: dynamodb.tag_resource(
        ResourceArn=found.arn,
        Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
    )
    if range_ := settings.table.autoscaling:
        yield lambda: _scale(scaling, target, table, range_)


def _scale(
    scaling: ApplicationAutoScalingClient, target: Target, table: str, range_: Autoscaling
) -> None:
    for row in SCALING:
        dimension = cast("ScalableDimensionType", row.dimension)
        scaling.register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId=row.resource_id(table),
            ScalableDimension=dimension,
            MinCapacity=range_.minimum,
            MaxCapacity=range_.maximum,
        )
        scaling.put_scaling_policy(
            ServiceNamespace="dynamodb",
            ResourceId=row.resource_id(table),
            ScalableDimension=dimension,
            PolicyName=target.naming.scaling_policy(row.target, row.access),
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": range_.target_percent,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": cast("MetricTypeType", row.metric)
                },
            },
        )
