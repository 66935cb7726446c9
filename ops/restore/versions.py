"""Which version of an object to restore, and the steps that takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING

from ops.common.times import format_time

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef


class RestoreMode(Enum):
    """Which version of an object is restored."""

    UNDELETE = "undelete"
    PREVIOUS = "previous"
    AT = "at"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of an object, or a delete marker."""

    key: str
    id: str
    modified: dt.datetime
    marker: bool
    latest: bool
    etag: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens to one key: remove delete markers, copy a version, delete, or nothing."""

    key: str
    markers: tuple[str, ...] = ()
    copy: Version | None = None
    delete: bool = False
    why: str = ""

    @property
    def action(self) -> str:
        """The action in one word."""
        if self.markers:
            return "undelete"
        if self.copy:
            return "copy"
        return "delete" if self.delete else "keep"

    def __str__(self) -> str:
        version = f"the version of {format_time(self.copy.modified)}" if self.copy else ""
        return f"{self.action:<9} {self.key}  {version or self.why}".rstrip()

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "key": self.key,
            "action": self.action,
            "version": self.copy.id if self.copy else None,
            "why": self.why,
        }


def by_key(s3: S3Client, bucket: str, prefix: str) -> Iterator[tuple[str, list[Version]]]:
    """Yield each key below a prefix with its versions, the latest first."""
    for key, versions in groupby(_versions(s3, bucket, prefix), key=lambda one: one.key):
        yield key, sorted(versions, key=lambda one: (one.latest, one.modified), reverse=True)


def step(key: str, versions: Sequence[Version], mode: RestoreMode, at: dt.datetime | None) -> Step:
    """Return the step that restores an object; ``versions`` is its history, the latest first."""
    latest = versions[0]
    real = [version for version in versions if not version.marker]
    if mode is RestoreMode.AT and at is not None:
        return _as_it_was(key, versions, at)
    if not real:
        return Step(key=key, why="no version is left")
    if mode is RestoreMode.UNDELETE:
        if not latest.marker:
            return Step(key=key, why="it is not deleted")
        return Step(key=key, markers=_markers_above(versions, real[0]))
    return _previous(key, latest, real)


def _previous(key: str, latest: Version, real: Sequence[Version]) -> Step:
    if latest.marker:
        return Step(key=key, why="it is deleted; undelete it")
    if len(real) == 1:
        return Step(key=key, why="there is no previous version")
    return Step(key=key, copy=real[1])


def _as_it_was(key: str, versions: Sequence[Version], at: dt.datetime) -> Step:
    latest = versions[0]
    then = next((version for version in versions if version.modified <= at), None)
    if then is None or then.marker:
        if latest.marker:
            return Step(key=key, why="it existed neither then nor now")
        return Step(key=key, delete=True, why="it did not exist then")
    if not latest.marker and latest.etag == then.etag:
        return Step(key=key, why="it is unchanged since then")
    real = next(version for version in versions if not version.marker)
    if latest.marker and real is then:
        return Step(key=key, markers=_markers_above(versions, then))
    return Step(key=key, copy=then)


def _markers_above(versions: Sequence[Version], wanted: Version) -> tuple[str, ...]:
    above = versions[: list(versions).index(wanted)]
    return tuple(version.id for version in above if version.marker)


def _versions(s3: S3Client, bucket: str, prefix: str) -> Iterator[Version]:
    """Yield all versions and delete markers in the order of their keys.

    A page lists the two apart, and can end within a key; so they are merged by key in each page.
    """
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [_version(one, marker=False) for one in page.get("Versions", [])]
        found += [_version(one, marker=True) for one in page.get("DeleteMarkers", [])]
        yield from sorted(found, key=lambda one: one.key)


def _version(one: ObjectVersionTypeDef | DeleteMarkerEntryTypeDef, *, marker: bool) -> Version:
    return Version(
        key=one["Key"],
        id=one["VersionId"],
        modified=one["LastModified"],
        marker=marker,
        latest=one["IsLatest"],
        etag=str(one.get("ETag", "")),
    )
