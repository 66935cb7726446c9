"""Restoring the cache table: to a time, beside it; or after its deletion, in its place.

What a restore leaves out, it adds again: expiry, stream, point-in-time recovery, tags, deletion
protection and scaling. Source: "Restoring a DynamoDB table" in the AWS documentation.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ops.cache.items import INDEX
from ops.common.aws import Client
from ops.common.aws_errors import MissingError, code_of
from ops.common.errors import BadInputError, OperatorError
from ops.common.target import Target
from ops.common.times import moment, text
from ops.table.condition import (
    STREAM_VIEW,
    TTL_ATTRIBUTE,
    Condition,
    differences,
    read,
    wanted_tags,
)

_POLL_SECONDS = 5.0
_ABSENT = frozenset({"ResourceNotFoundException", "TableNotFoundException"})
_NOT_YET = frozenset({"ContinuousBackupsUnavailableException", "ResourceInUseException"})
_ATTEMPTS = 120
_KMS = {"Enabled": True, "SSEType": "KMS"}


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """Where the items come from, and into which table they are restored."""

    source: str
    into: str
    begun: bool
    backup: str | None = None
    at: dt.datetime | None = None

    def lines(self) -> list[str]:
        """Return the plan for people."""
        begin = "go on restoring" if self.begun else "restore"
        return [
            f"{begin} {self.source} into {self.into}",
            f"set on {self.into}: expiry, stream, recovery, protection, tags, scaling",
            "compare it with the settings",
        ]


def exists(dynamodb: Client, table: str) -> bool:
    """Return whether there is such a table."""
    try:
        dynamodb.describe_table(TableName=table)
    except Exception as error:
        if code_of(error) in _ABSENT:
            return False
        raise
    return True


def plan_to_time(dynamodb: Client, target: Target, table: str, at: dt.datetime) -> TablePlan:
    """Plan a table beside the live one, as it was at a time.

    Raises:
        MissingError: There is no live table; only its backup can help.
        OperatorError: Point-in-time recovery is off.
        BadInputError: The time is outside the restore window.

    """
    into = target.naming.restored_cache_table(at)
    plan = TablePlan(
        source=f"{table} as of {text(at)}", into=into, begun=exists(dynamodb, into), at=at
    )
    if plan.begun:
        return plan
    if not exists(dynamodb, table):
        raise MissingError(
            f"{table} does not exist", remedy="restore it from its backup: --deleted"
        )
    found = read(dynamodb, table)
    if not found.point_in_time_recovery or not found.restorable_from or not found.restorable_to:
        raise OperatorError(
            f"{table} has no point-in-time recovery",
            remedy="import an export of the cache; for the next time set "
            "point_in_time_recovery = true under [table]",
        )
    window = (moment(found.restorable_from, at), moment(found.restorable_to, at))
    if not window[0] <= at <= window[1]:
        raise BadInputError(
            f"{text(at)} is outside the restore window",
            remedy=f"choose a time from {found.restorable_from} to {found.restorable_to}",
        )
    return plan


def plan_deleted(dynamodb: Client, target: Target) -> TablePlan:
    """Plan the deleted table in its own place, from the backup that AWS made of it.

    Raises:
        OperatorError: The table is there.
        MissingError: There is no backup: they are kept for 35 days, and only of tables with
            point-in-time recovery.

    """
    table = target.naming.cache_table
    if exists(dynamodb, table):
        described = dynamodb.describe_table(TableName=table)["Table"]
        backup = described.get("RestoreSummary", {}).get("SourceBackupArn")
        if not backup:
            raise OperatorError(
                f"{table} is not deleted", remedy="restore it to a time: --at 2025-11-01T12:00:00Z"
            )
        return TablePlan(source=f"backup {backup}", into=table, begun=True, backup=backup)
    backups = [one for one in _backups(dynamodb, table) if one["BackupStatus"] == "AVAILABLE"]
    if not backups:
        raise MissingError(
            f"there is no backup of {table}",
            remedy="apply the storage layer anew, and import an export of the cache",
        )
    newest = max(
        backups, key=lambda one: (one["BackupType"] == "SYSTEM", one["BackupCreationDateTime"])
    )
    made = f"{newest['BackupType'].lower()} backup of {text(newest['BackupCreationDateTime'])}"
    return TablePlan(source=f"the {made}", into=table, begun=False, backup=str(newest["BackupArn"]))


def begin(dynamodb: Client, plan: TablePlan, table: str) -> None:
    """Start the restore, unless it has begun."""
    if plan.begun:
        return
    common = {"TargetTableName": plan.into, "SSESpecificationOverride": _KMS}
    if plan.at is not None:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=table, RestoreDateTime=plan.at, **common
        )
    else:
        dynamodb.restore_table_from_backup(BackupArn=plan.backup, **common)


def wait(
    dynamodb: Client,
    table: str,
    *,
    waited: Callable[[int], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the table can be used; AWS promises no time for it.

    Raises:
        OperatorError: AWS gives up.

    """
    while (status := dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]) != "ACTIVE":
        if status not in {"CREATING", "UPDATING"}:
            raise OperatorError(f"{table} is {status.lower()}", remedy="look at it in the console")
        sleep(_POLL_SECONDS)
        waited(round(_POLL_SECONDS))


def complete(
    dynamodb: Client,
    scaling: Client,
    target: Target,
    table: str,
    pause: Callable[[], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Condition:
    """Set what the restore has left out, step by step, and return what the table is like then.

    ``pause`` waits until the table can be changed again.

    Raises:
        OperatorError: A setting was refused for ten minutes, because the table was not ready.

    """
    for setting in _settings(dynamodb, scaling, target, read(dynamodb, table)):
        _when_ready(setting, sleep)
        pause()
    return read(dynamodb, table)


def remaining(scaling: Client, found: Condition, target: Target) -> list[str]:
    """Return what is still not as the settings want it."""
    return [*differences(found, target), *_unscaled(scaling, found.name, target)]


def _unscaled(scaling: Client, table: str, target: Target) -> Iterator[str]:
    range_ = target.settings.table.autoscaling
    if range_ is None:
        return
    wanted = {(one["ResourceId"], one["ScalableDimension"]) for one in _scalable(table)}
    answer = scaling.describe_scalable_targets(
        ServiceNamespace="dynamodb", ResourceIds=sorted({resource for resource, _ in wanted})
    )
    found = {
        (one["ResourceId"], one["ScalableDimension"])
        for one in answer["ScalableTargets"]
        if (one["MinCapacity"], one["MaxCapacity"]) == (range_.minimum, range_.maximum)
    }
    for resource, dimension in sorted(wanted - found):
        yield f"{dimension} of {resource} is not scaled from {range_.minimum} to {range_.maximum}"


def _when_ready(setting: Callable[[], object], sleep: Callable[[float], None]) -> None:
    """Make a setting; a new table refuses some of them for a while."""
    for _ in range(_ATTEMPTS):
        try:
            setting()
        except Exception as error:
            if code_of(error) not in _NOT_YET:
                raise
            sleep(_POLL_SECONDS)
        else:
            return
    raise OperatorError(
        "the restored table cannot be set up yet", remedy="run this again in some minutes"
    )


def _settings(
    dynamodb: Client, scaling: Client, target: Target, found: Condition
) -> Iterator[Callable[[], object]]:
    """Yield what makes each setting that differs."""
    table = found.name
    settings = target.settings
    if found.ttl_attribute != TTL_ATTRIBUTE:
        expiry = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        yield lambda: dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
    if found.stream != STREAM_VIEW:
        stream = {"StreamEnabled": True, "StreamViewType": STREAM_VIEW}
        yield lambda: dynamodb.update_table(TableName=table, StreamSpecification=stream)
    if found.point_in_time_recovery != settings.table.point_in_time_recovery:
        recovery = {"PointInTimeRecoveryEnabled": settings.table.point_in_time_recovery}
        yield lambda: dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification=recovery
        )
    if found.deletion_protection != settings.retain:
        yield lambda: dynamodb.update_table(
            TableName=table, DeletionProtectionEnabled=settings.retain
        )
    tags = [{"Key": name, "Value": value} for name, value in wanted_tags(target).items()]
    yield lambda: dynamodb.tag_resource(ResourceArn=found.arn, Tags=tags)
    if settings.table.autoscaling:
        yield lambda: _scale(scaling, target, table)


def _scale(scaling: Client, target: Target, table: str) -> None:
    range_ = target.settings.table.autoscaling
    if range_ is None:
        return
    for scaled in _scalable(table):
        what, access = scaled["ScalableDimension"].removesuffix("CapacityUnits").split(":")[1:]
        scaling.register_scalable_target(
            **scaled, MinCapacity=range_.minimum, MaxCapacity=range_.maximum
        )
        metric = f"DynamoDB{access}CapacityUtilization"
        scaling.put_scaling_policy(
            **scaled,
            PolicyName=target.naming.scaling_policy(what, access),
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(range_.target_percent),
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            },
        )


def _scalable(table: str) -> Iterator[dict[str, str]]:
    """Yield what of a table scales: reads and writes, of itself and of its index."""
    for what, resource in (
        ("table", f"table/{table}"),
        ("index", f"table/{table}/index/{INDEX}"),
    ):
        for access in ("Read", "Write"):
            yield {
                "ServiceNamespace": "dynamodb",
                "ResourceId": resource,
                "ScalableDimension": f"dynamodb:{what}:{access}CapacityUnits",
            }


def _backups(dynamodb: Client, table: str) -> Iterator[dict[str, Any]]:
    position: dict[str, Any] = {}
    while True:
        answer = dynamodb.list_backups(TableName=table, BackupType="ALL", **position)
        yield from answer.get("BackupSummaries", [])
        if not answer.get("LastEvaluatedBackupArn"):
            return
        position = {"ExclusiveStartBackupArn": answer["LastEvaluatedBackupArn"]}
