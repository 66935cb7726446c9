"""Restores objects of a versioned bucket."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ops.common.errors import BadInputError, MissingError, OperatorError
from ops.common.target import Target
from ops.common.times import format_time
from ops.restore.versions import RestoreMode, Step, by_key, step

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_HEADERS = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage",
            "CacheControl", "Metadata")  # fmt: skip


def require_versioning(s3: S3Client, bucket: str) -> None:
    """Raise unless versioning is enabled.

    Raises:
        OperatorError: Versioning is off, so there is no version to restore.

    """
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise OperatorError(
            f"{bucket} has no versioning: what was deleted or overwritten there is lost",
            remedy="upload it again; for the next time set versioning = true under [buckets]",
        )


def require_retained(target: Target, at: dt.datetime, now: dt.datetime) -> None:
    """Raise unless versions of a time are still retained.

    Raises:
        BadInputError: The time is in the future, or its versions have expired.

    """
    if at > now:
        raise BadInputError(
            f"{format_time(at)} is in the future", remedy=f"it is {format_time(now)}"
        )
    lifecycle = target.settings.buckets.lifecycle
    if lifecycle is None:
        return
    oldest = now - dt.timedelta(days=lifecycle.expire_replaced_days)
    if at < oldest:
        raise BadInputError(
            f"{format_time(at)} is outside the restore window: replaced versions are retained for "
            f"{lifecycle.expire_replaced_days} days",
            remedy=f"choose a time after {format_time(oldest)}",
        )


def plan(
    s3: S3Client,
    bucket: str,
    path: str,
    *,
    whole_prefix: bool,
    mode: RestoreMode,
    at: dt.datetime | None,
) -> Iterator[Step]:
    """Yield a step for each key.

    Raises:
        MissingError: No such key exists or ever existed.

    """
    found = False
    for key, versions in by_key(s3, bucket, path):
        if whole_prefix or key == path:
            found = True
            yield step(key, versions, mode, at)
    if not found:
        what = "prefix" if whole_prefix else "key"
        raise MissingError(
            f"{bucket} has no version of anything under the {what} {path!r}",
            remedy="list the keys: python -m ops data list",
        )


def apply_step(s3: S3Client, bucket: str, one: Step) -> None:
    """Apply one step; idempotent."""
    for marker in one.markers:
        s3.delete_object(Bucket=bucket, Key=one.key, VersionId=marker)
    if one.copy:
        source: CopySourceTypeDef = {
            "Bucket": bucket, "Key": one.key, "VersionId": one.copy.id
        }  # fmt: skip
        # S3 copies objects above 5 GB in parts, which drops the headers unless they are given.
        headers: Mapping[str, object] = s3.head_object(**source)
        kept = {name: headers[name] for name in _HEADERS if headers.get(name)}
        s3.copy(source, bucket, one.key, ExtraArgs={**kept, "MetadataDirective": "REPLACE"})
    if one.delete:
        s3.delete_object(Bucket=bucket, Key=one.key)
