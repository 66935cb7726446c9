"""The static website and GeoJSON buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.constraints import Between, HttpsUrl, Matches
from modules.documentation import Doc
from modules.problems import Problem


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
        HttpsUrl(star=True),
        Doc("Sites whose pages may fetch GeoJSON from the bucket itself; none without it."),
    ] = ()
    access_logs_days: Annotated[
        int | None,
        Between(1, 3650, "days"),
        Doc(
            "Logs every access to the buckets and keeps the logs this long; no logs without it.",
            cost="$0.023 for each GB of logs",
        ),
    ] = None
    lifecycle: Annotated[
        Lifecycle | None,
        Doc("Lets S3 tidy up by itself; the first apply then takes a minute longer."),
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where "*" stands beside named origins."""
        if "*" in self.cors_origins and len(self.cors_origins) > 1:
            yield Problem(
                field=f"{at}.cors_origins",
                value=list(self.cors_origins),
                reason='"*" already allows every origin; the others only look like a limit',
                remedy='keep "*" alone, or name the origins without it',
            )
