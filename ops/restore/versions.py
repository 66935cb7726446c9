"""Which version of an object is wanted back, and what that takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Any

from ops.common.aws import Client
from ops.common.times import text


class Wish(Enum):
    """What is to be brought back."""

    UNDELETE = "undelete"
    PREVIOUS = "previous"
    AT = "at"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of an object, or where ``marker`` is true, of its absence."""

    key: str
    id: str
    modified: dt.datetime
    marker: bool
    latest: bool
    etag: str = ""
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens to one key: delete these markers, copy this version, or delete the object."""

    key: str
    markers: tuple[str, ...] = ()
    copy: Version | None = None
    delete: bool = False
    why: str = ""

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.markers or self.copy or self.delete)

    def __str__(self) -> str:
        if self.markers:
            return f"undelete  {self.key}"
        if self.copy:
            return f"copy      {self.key}, the version of {text(self.copy.modified)}"
        return f"{'delete' if self.delete else 'keep':<9} {self.key}: {self.why}"

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        action = "undelete" if self.markers else "copy" if self.copy else "keep"
        return {
            "key": self.key,
            "action": "delete" if self.delete else action,
            "version": self.copy.id if self.copy else None,
            "why": self.why,
        }


def by_key(s3: Client, bucket: str, prefix: str) -> Iterator[tuple[str, list[Version]]]:
    """Yield each key below a prefix with its versions, the latest first."""
    for key, versions in groupby(_versions(s3, bucket, prefix), key=lambda one: one.key):
        # A page holds versions and markers apart; only together they are a history.
        yield key, sorted(versions, key=lambda one: (one.latest, one.modified), reverse=True)


def step(key: str, versions: Sequence[Version], wish: Wish, at: dt.datetime | None) -> Step:
    """Return what brings an object back; ``versions`` are its history, the latest first."""
    latest = versions[0]
    real = [version for version in versions if not version.marker]
    if wish is Wish.AT and at is not None:
        return _as_it_was(key, versions, at)
    if not real:
        return Step(key=key, why="no version is left")
    if wish is Wish.UNDELETE:
        if not latest.marker:
            return Step(key=key, why="it is not deleted")
        return Step(key=key, markers=_markers_above(versions, real[0]))
    return _before(key, latest, real)


def _before(key: str, latest: Version, real: Sequence[Version]) -> Step:
    if latest.marker:
        return Step(key=key, why="it is deleted; undelete it")
    if len(real) == 1:
        return Step(key=key, why="there is no version before this one")
    return Step(key=key, copy=real[1])


def _as_it_was(key: str, versions: Sequence[Version], at: dt.datetime) -> Step:
    latest = versions[0]
    then = next((version for version in versions if version.modified <= at), None)
    if then is None or then.marker:
        if latest.marker:
            return Step(key=key, why="it was not there then, nor is it now")
        return Step(key=key, delete=True, why="it was not there then")
    if not latest.marker and latest.etag == then.etag:
        return Step(key=key, why="it is as it was then")
    real = [version for version in versions if not version.marker]
    if latest.marker and real[0] is then:
        return Step(key=key, markers=_markers_above(versions, then))
    return Step(key=key, copy=then)


def _markers_above(versions: Sequence[Version], wanted: Version) -> tuple[str, ...]:
    above = versions[: list(versions).index(wanted)]
    return tuple(version.id for version in above if version.marker)


def _versions(s3: Client, bucket: str, prefix: str) -> Iterator[Version]:
    """Yield all versions in the order of their keys.

    One page can end within a key, so versions and markers are merged by key within each page.
    """
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [_version(one, marker=False) for one in page.get("Versions", [])]
        found += [_version(one, marker=True) for one in page.get("DeleteMarkers", [])]
        yield from sorted(found, key=lambda one: one.key)


def _version(one: dict[str, Any], *, marker: bool) -> Version:
    return Version(
        key=str(one["Key"]),
        id=str(one["VersionId"]),
        modified=one["LastModified"],
        marker=marker,
        latest=bool(one.get("IsLatest")),
        etag=str(one.get("ETag", "")),
        bytes=int(one.get("Size", 0)),
    )
