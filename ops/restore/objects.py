"""Restoring objects of a versioned bucket."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from ops.common.aws import Client
from ops.common.aws_errors import MissingError
from ops.common.errors import BadInputError, OperatorError
from ops.common.target import Target
from ops.common.times import text
from ops.restore.versions import Step, Wish, by_key, step

_HEADERS = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage",
            "CacheControl", "Metadata")  # fmt: skip


def require_versions(s3: Client, bucket: str) -> None:
    """Return if the bucket keeps versions.

    Raises:
        OperatorError: It does not, so there is nothing to go back to.

    """
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise OperatorError(
            f"{bucket} keeps no versions: what was deleted or overwritten there is gone",
            remedy="upload it again; for the next time set versioning = true under [buckets]",
        )


def require_reachable(target: Target, at: dt.datetime, now: dt.datetime) -> None:
    """Return if versions of a time can still be there.

    Raises:
        BadInputError: The time has not come yet, or its versions have expired.

    """
    if at > now:
        raise BadInputError(f"{text(at)} has not come yet", remedy=f"it is {text(now)}")
    lifecycle = target.settings.buckets.lifecycle
    if lifecycle is None:
        return
    oldest = now - dt.timedelta(days=lifecycle.expire_replaced_days)
    if at < oldest:
        raise BadInputError(
            f"{text(at)} is outside the restore window: replaced versions are kept for "
            f"{lifecycle.expire_replaced_days} days",
            remedy=f"choose a time from {text(oldest)} on",
        )


def plan(
    s3: Client, bucket: str, path: str, *, whole_prefix: bool, wish: Wish, at: dt.datetime | None
) -> Iterator[Step]:
    """Yield what is to be done, key by key.

    Raises:
        MissingError: There is no such key, and no trace of one.

    """
    found = False
    for key, versions in by_key(s3, bucket, path):
        if whole_prefix or key == path:
            found = True
            yield step(key, versions, wish, at)
    if not found:
        what = "below" if whole_prefix else "called"
        raise MissingError(
            f"{bucket} has and had nothing {what} {path!r}",
            remedy="python -m ops data list shows the keys",
        )


def carry_out(s3: Client, bucket: str, one: Step) -> None:
    """Do one step; run again, it does no harm."""
    for marker in one.markers:
        s3.delete_object(Bucket=bucket, Key=one.key, VersionId=marker)
    if one.copy:
        source = {"Bucket": bucket, "Key": one.key, "VersionId": one.copy.id}
        # A copy in parts, which is what S3 wants above 5 GB, forgets these unless told.
        described = s3.head_object(**source)
        kept = {name: described[name] for name in _HEADERS if described.get(name)}
        s3.copy(source, bucket, one.key, ExtraArgs={**kept, "MetadataDirective": "REPLACE"})
    if one.delete:
        s3.delete_object(Bucket=bucket, Key=one.key)
