"""The static website and GeoJSON buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from modules.catalogue import ACCESS_LOGS, Bucket
from modules.problems import Problem
from modules.schema.constraints import Between, Matches, https_origin
from modules.schema.setting_docs import Doc
from modules.settings.forms import KEY_ARN, KEY_COST, REGION, star_beside_origins

_HEADER = Matches(r"\*|[A-Za-z0-9-]{1,100}", 'a header name, or "*"', "Range")


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """Lifecycle rules of the buckets.

    Only noncurrent versions are archived, because an archived object cannot be served. The rules
    for noncurrent versions require versioning.
    """

    abort_upload_days: Annotated[
        int,
        Between(1, 365, "days"),
        Doc(
            "Incomplete multipart uploads are deleted after this time.",
            cost="$0.023 per GB of incomplete uploads",
        ),
    ] = 7
    archive_replaced_days: Annotated[
        int,
        Between(30, 3650, "days", "Standard-IA's minimum"),
        Doc(
            "Noncurrent versions move to Standard-IA after this time: cheaper storage, more "
            "expensive reads.",
            cost="$0.023 per GB until then, less afterwards",
        ),
    ] = 30
    intelligent_tiering_days: Annotated[
        int | None,
        Between(0, 3650, "days"),
        Doc(
            "Objects move to Intelligent-Tiering after this time, which makes unread objects "
            "cheaper and no object slower; unset, they never do.",
            cost="$0.0025 per 1,000 objects over 128 KB; an unread GB costs $0.0125, not $0.023",
        ),
    ] = None
    expire_replaced_days: Annotated[
        int,
        Between(31, 3650, "days"),
        Doc(
            "Noncurrent versions, and so deleted objects, expire after this time and cannot be "
            "restored any more.",
            cost="every additional day stores every noncurrent version a day longer",
        ),
    ] = 365

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem if versions expire before they are archived."""
        if self.expire_replaced_days <= self.archive_replaced_days:
            yield Problem(
                field=f"{at}.expire_replaced_days",
                value=self.expire_replaced_days,
                reason=f"versions are archived after {self.archive_replaced_days} days only",
                remedy="expire later, or archive earlier",
                involves=(f"{at}.archive_replaced_days",),
            )


@dataclass(frozen=True, kw_only=True)
class Replication:
    """Replication of the buckets to another Region by S3."""

    region: Annotated[
        str,
        REGION,
        Doc(
            "Region of the replicas; existing objects need S3 Batch Replication, once.",
            cost="$0.023 per GB again, and $0.02 per GB of transfer",
        ),
    ]
    key_arn: Annotated[
        str | None,
        replace(KEY_ARN, example=KEY_ARN.example.replace("us-east-1", REGION.example)),
        Doc(
            "KMS key of the replicas, in their Region; required by `encryption.buckets`.",
            cost=KEY_COST,
        ),
    ] = None
    access_logs_days: Annotated[
        int | None,
        Between(1, 3650, "days"),
        Doc(
            "Days that S3 access logs of the replicas are kept, in a bucket of their own beside "
            "them: S3 delivers logs within a Region only. Unset, there are none.",
            cost="$0.023 per GB of logs",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ObjectLock:
    """Object Lock: a retention period in which no object version can be deleted."""

    mode: Annotated[
        Literal["governance", "compliance"],
        Doc(
            "`governance` can be bypassed with a special permission, `compliance` by nobody, not "
            "even the root user."
        ),
    ]
    days: Annotated[
        int,
        Between(1, 36_500, "days", "Amazon S3"),
        Doc(
            "Retention period of new object versions.",
            cost="$0.023 per GB of versions for the whole period",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """The static website and GeoJSON buckets."""

    suffix: Annotated[
        str | None,
        Matches(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "part of a bucket name", "123456789012"),
        Doc(
            "Suffix of every bucket name; names are global, and those without one may be taken. "
            "Changing it replaces the buckets."
        ),
    ] = None
    versioning: Annotated[
        bool,
        Doc(
            "Keeps overwritten and deleted objects as noncurrent versions; once enabled, it can "
            "only be suspended.",
            cost="$0.023 per GB of noncurrent versions",
        ),
    ] = False
    cors_origins: Annotated[
        tuple[str, ...],
        https_origin(star=True),
        Doc("Other origins whose pages may fetch GeoJSON; the site's own needs no entry."),
    ] = ()
    cors_headers: Annotated[
        tuple[str, ...],
        _HEADER,
        Doc("Request headers that those pages may send; requests with other headers fail."),
    ] = ("Range", "If-None-Match", "If-Modified-Since", "Content-Type")
    cors_exposed_headers: Annotated[
        tuple[str, ...],
        Matches(r"[A-Za-z0-9-]{1,100}", "a header name", "ETag"),
        Doc("Response headers that their scripts may read, beside the CORS-safelisted ones."),
    ] = ("ETag", "Content-Range")
    cors_max_age_seconds: Annotated[
        int,
        Between(0, 86_400, "seconds", "browsers cache it no longer"),
        Doc("Time that browsers cache a preflight response; changes take effect after it."),
    ] = 3600
    access_logs_days: Annotated[
        int | None,
        Between(1, 3650, "days"),
        Doc(
            "Enables access logs of buckets and distribution, and keeps them this long.",
            cost="$0.023 per GB of logs",
        ),
    ] = None
    access_logs_versioning: Annotated[
        bool,
        Doc(
            "Keeps deleted and overwritten access logs for 30 more days, those of replicas too.",
            cost="$0.023 per GB of the logs of a month",
        ),
    ] = False
    request_metrics: Annotated[
        bool,
        Doc(
            "Enables request metrics of the buckets, which their alarms require.",
            cost="$0.30 per metric, some 16 per bucket that has requests",
        ),
    ] = False
    analytics: Annotated[
        bool,
        Doc(
            "Enables storage class analysis: a daily report in the access log bucket on which "
            "objects are read, a basis for lifecycle rules.",
            cost="$0.10 per million objects",
        ),
    ] = False
    replication: Annotated[Replication | None, Doc("Replicates the buckets to another Region.")] = (
        None
    )
    object_lock: Annotated[
        ObjectLock | None,
        Doc(
            "Protects every version of an observation from deletion for a retention period; "
            "cannot be disabled once it is enabled."
        ),
    ] = None
    lifecycle: Annotated[
        Lifecycle | None,
        Doc("Enables lifecycle rules; the first apply takes a minute longer."),
    ] = None

    def versions(self, bucket: Bucket) -> bool:
        """Whether a bucket has versioning."""
        if bucket is ACCESS_LOGS:
            return self.access_logs_versioning
        return self.versioning and bucket.versioned

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield contradictions between these settings."""
        yield from star_beside_origins(f"{at}.cors_origins", self.cors_origins)
        if self.replication and not self.versioning:
            yield _needs_versioning(f"{at}.replication", at)
        if self.object_lock and not self.versioning:
            yield _needs_versioning(f"{at}.object_lock", at)
        replicas = self.replication.access_logs_days if self.replication else None
        if self.access_logs_versioning and not (self.access_logs_days or replicas):
            yield Problem(
                field=f"{at}.access_logs_versioning",
                value=True,
                reason="there is no access log bucket",
                remedy=f"set {at}.access_logs_days, or access_logs_versioning = false",
                involves=(f"{at}.access_logs_days", f"{at}.replication"),
            )
        if self.analytics and self.access_logs_days is None:
            yield Problem(
                field=f"{at}.analytics",
                value=True,
                reason="its reports go to the access log bucket, which does not exist",
                remedy=f"set {at}.access_logs_days, or analytics = false",
                involves=(f"{at}.access_logs_days",),
            )


def _needs_versioning(field: str, at: str) -> Problem:
    return Problem(
        field=field,
        value={},
        reason="it requires versioning",
        remedy=f"set {at}.versioning = true, or remove the table [{field}]",
        involves=(f"{at}.versioning",),
    )
