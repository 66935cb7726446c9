"""The static website and GeoJSON buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from modules.problems import Problem
from modules.schema.constraints import Between, Matches, https_origin
from modules.schema.setting_docs import Doc
from modules.settings.forms import REGION, star_beside_origins

_HEADER = Matches(r"\*|[A-Za-z0-9-]{1,100}", 'a header\'s name, or "*"', "Range")


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """What S3 tidies up by itself, in days.

    Only replaced versions are ever archived: an archived current object could not be served.
    The two version rules apply where versioning is on.
    """

    abort_upload_days: Annotated[
        int,
        Between(1, 365, "days"),
        Doc(
            "Unfinished uploads are deleted after it; longer uploads fail.",
            cost="$0.023 for each GB of abandoned parts",
        ),
    ] = 7
    archive_replaced_days: Annotated[
        int,
        Between(30, 3650, "days", "Standard-IA's minimum"),
        Doc(
            "Replaced versions move to Standard-IA after it: cheaper to keep, dearer to read.",
            cost="$0.023 for each GB until then, less from then on",
        ),
    ] = 30
    intelligent_tiering_days: Annotated[
        int | None,
        Between(0, 3650, "days"),
        Doc(
            "Moves objects to Intelligent-Tiering after it, which makes unread ones cheaper by "
            "itself and never slow; never without it.",
            cost="$0.0025 for each 1,000 objects over 128 KB; an unread GB $0.0125, not $0.023",
        ),
    ] = None
    expire_replaced_days: Annotated[
        int,
        Between(31, 3650, "days"),
        Doc(
            "Replaced and deleted objects can be brought back until then, and not after.",
            cost="every day more keeps every replaced version a day longer",
        ),
    ] = 365

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where a version would expire before it is archived."""
        if self.expire_replaced_days <= self.archive_replaced_days:
            yield Problem(
                field=f"{at}.expire_replaced_days",
                value=self.expire_replaced_days,
                reason=f"versions are archived only after {self.archive_replaced_days} days",
                remedy="expire later, or archive earlier",
                involves=(f"{at}.archive_replaced_days",),
            )


@dataclass(frozen=True, kw_only=True)
class Replication:
    """Copies of the buckets in another Region, kept by S3."""

    region: Annotated[
        str,
        REGION,
        Doc(
            "Region of the copies; what was stored before needs S3 Batch Replication, once.",
            cost="$0.023 for each GB again, and $0.02 for each GB that is sent there",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class ObjectLock:
    """A time during which no version of an object can be deleted or overwritten."""

    mode: Annotated[
        Literal["governance", "compliance"],
        Doc(
            "`governance` can be lifted with a special right; `compliance` by no one, not even "
            "the account's owner."
        ),
    ]
    days: Annotated[
        int,
        Between(1, 36_500, "days", "Amazon S3"),
        Doc(
            "Versions that are written from now on are kept at least this long.",
            cost="$0.023 for each GB of versions, for all of the time",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """The static website and GeoJSON buckets."""

    suffix: Annotated[
        str | None,
        Matches(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "part of a bucket name", "123456789012"),
        Doc(
            "Ends every bucket's name, because names are global and the plain ones may be taken. "
            "Changing it replaces the buckets."
        ),
    ] = None
    versioning: Annotated[
        bool,
        Doc(
            "Keeps what is overwritten or deleted; once on it can only be suspended.",
            cost="$0.023 for each GB of replaced versions",
        ),
    ] = False
    cors_origins: Annotated[
        tuple[str, ...],
        https_origin(star=True),
        Doc("Sites whose pages may fetch GeoJSON from the bucket itself; none without it."),
    ] = ()
    cors_headers: Annotated[
        tuple[str, ...],
        _HEADER,
        Doc("Request headers that those pages may send; a fetch with another one fails."),
    ] = ("Range", "If-None-Match", "If-Modified-Since", "Content-Type")
    cors_exposed_headers: Annotated[
        tuple[str, ...],
        Matches(r"[A-Za-z0-9-]{1,100}", "a header's name", "ETag"),
        Doc("Response headers that their scripts may read, beside the few that they always can."),
    ] = ("ETag", "Content-Range")
    cors_max_age_seconds: Annotated[
        int,
        Between(0, 86_400, "seconds", "browsers keep it no longer"),
        Doc("How long a browser remembers what is allowed; a change is noticed only after it."),
    ] = 3600
    access_logs_days: Annotated[
        int | None,
        Between(1, 3650, "days"),
        Doc(
            "Logs every access to the buckets and keeps the logs this long; no logs without it.",
            cost="$0.023 for each GB of logs",
        ),
    ] = None
    request_metrics: Annotated[
        bool,
        Doc(
            "Counts requests and errors of each bucket; the alarms on them need it.",
            cost="$0.30 for each of some 16 metrics of a bucket that has requests",
        ),
    ] = False
    analytics: Annotated[
        bool,
        Doc(
            "Reports daily, in the bucket of the access logs, how old the objects are that get "
            "read: what to decide archiving by.",
            cost="$0.10 for each million objects",
        ),
    ] = False
    replication: Annotated[
        Replication | None, Doc("Copies both buckets into another Region; nothing without it.")
    ] = None
    object_lock: Annotated[
        ObjectLock | None,
        Doc(
            "Keeps every version of an observation from being deleted for a time; once on, a "
            "bucket can never be without."
        ),
    ] = None
    lifecycle: Annotated[
        Lifecycle | None,
        Doc("Lets S3 tidy up by itself; the first apply then takes a minute longer."),
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield what contradicts itself."""
        yield from star_beside_origins(f"{at}.cors_origins", self.cors_origins)
        if self.replication and not self.versioning:
            yield _needs_versioning(f"{at}.replication", "S3 replicates versions", at)
        if self.object_lock and not self.versioning:
            yield _needs_versioning(f"{at}.object_lock", "Object Lock locks versions", at)
        if self.analytics and self.access_logs_days is None:
            yield Problem(
                field=f"{at}.analytics",
                value=True,
                reason="its reports go to the bucket of the access logs, and there is none",
                remedy=f"set {at}.access_logs_days, or analytics = false",
                involves=(f"{at}.access_logs_days",),
            )


def _needs_versioning(field: str, reason: str, at: str) -> Problem:
    return Problem(
        field=field,
        value="on",
        reason=f"{reason}, and the buckets have none",
        remedy=f"set {at}.versioning = true, or remove the table [{field}]",
        involves=(f"{at}.versioning",),
    )
