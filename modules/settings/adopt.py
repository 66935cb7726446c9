"""What exists already and shall be taken over instead of being created."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Annotated

from modules.catalogue import ACCESS_LOGS, BUCKETS, DATA_BUCKETS, Bucket
from modules.problems import Problem
from modules.schema.constraints import Among, Matches
from modules.schema.setting_docs import Doc
from modules.settings.buckets import BucketSettings

_CLOUDFRONT_ID = Matches(r"E[0-9A-Z]{5,30}", "an id that CloudFront gave", "E2QWRUHAPOMQZL")
_SECRET = Matches(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}",
    "the ARN of a secret",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:co2-analysis-dev-gemini-api-key-a1B2c3",
)
_PARAMETER = Matches(
    r"/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+",
    "the path of a parameter",
    "/co2-analysis/dev/config/gemini/model",
)


def _parts_field(bucket: Bucket) -> tuple[str, object, object]:
    doc = Doc("Imports the listed parts of the bucket; what is not listed is written over.")
    return bucket.adopt, Annotated[tuple[str, ...], Among(bucket.parts), doc], field(default=())


if TYPE_CHECKING:  # a type checker does not follow a dynamic base class

    class _AdoptedBuckets:
        pass
else:
    # A field for each bucket that can be adopted.
    _AdoptedBuckets = make_dataclass(
        "_AdoptedBuckets",
        [_parts_field(bucket) for bucket in BUCKETS if bucket.adopt],
        frozen=True,
        kw_only=True,
    )


@dataclass(frozen=True, kw_only=True)
class AdoptSettings(_AdoptedBuckets):
    """What Terraform takes over; each has the name that this environment would give it."""

    cache_table: Annotated[
        bool, Doc("Imports the table; a plan that replaces it says that its keys differ.")
    ] = False
    origin_access_control: Annotated[
        str | None, _CLOUDFRONT_ID, Doc("Imports CloudFront's access to the buckets.")
    ] = None
    origin_access_identity: Annotated[
        str | None,
        _CLOUDFRONT_ID,
        Doc("Imports the identity that a distribution uses already; else a second one is made."),
    ] = None
    parameters: Annotated[
        tuple[str, ...],
        _PARAMETER,
        Doc("Writes over the listed ones; one that exists and is not listed fails the apply."),
    ] = ()
    gemini_secret: Annotated[
        str | None, _SECRET, Doc("Imports the secret's container; its value stays as it is.")
    ] = None
    execution_role: Annotated[
        bool, Doc("Imports the function's role; its inline policy is written over.")
    ] = False
    log_group: Annotated[
        bool, Doc("Imports the function's log group; its retention becomes the chosen one.")
    ] = False
    function: Annotated[bool, Doc("Imports the function; its code becomes this project's.")] = False
    function_url: Annotated[
        bool, Doc("Imports the function's URL; callers must sign from then on.")
    ] = False

    def parts(self, bucket: Bucket) -> tuple[str, ...]:
        """Return the parts of a bucket that are imported."""
        return getattr(self, bucket.adopt) if bucket.adopt else ()

    def contradictions(
        self, buckets: BucketSettings, *, identity: bool, alias: str | None
    ) -> Iterator[Problem]:
        """Yield what is to be adopted though no layer has it."""
        switches = {
            "versioning": ("buckets.versioning", buckets.versioning),
            "lifecycle": ("buckets.lifecycle", buckets.lifecycle is not None),
            "logging": ("buckets.access_logs_days", buckets.access_logs_days is not None),
            "cors": ("buckets.cors_origins", bool(buckets.cors_origins)),
        }
        for bucket in DATA_BUCKETS:
            for part in self.parts(bucket):
                switch, on = switches.get(part, ("", True))
                if not on:
                    yield _absent(f"adopt.{bucket.adopt}", part, switch)
        if (parts := self.parts(ACCESS_LOGS)) and buckets.access_logs_days is None:
            yield _absent(f"adopt.{ACCESS_LOGS.adopt}", list(parts), "buckets.access_logs_days")
        if self.function_url and alias:
            yield Problem(
                field="adopt.function_url",
                value=True,
                reason=f'the URL that exists calls the function, and "{alias}" gets its own',
                remedy="adopt it without function.alias, and set the alias later",
                involves=("function.alias",),
            )
        if self.origin_access_identity and not identity:
            yield _absent(
                "adopt.origin_access_identity", self.origin_access_identity, "origin_identity"
            )

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield parts of a bucket without the bucket, and what belongs to no function."""
        for bucket in BUCKETS:
            parts = self.parts(bucket)
            if parts and "bucket" not in parts:
                yield Problem(
                    field=f"{at}.{bucket.adopt}",
                    value=list(parts),
                    reason="parts of a bucket exist only where the bucket does",
                    remedy='add "bucket" to the list',
                )
        if self.function_url and not self.function:
            yield Problem(
                field=f"{at}.function_url",
                value=True,
                reason="a URL exists only where the function does",
                remedy="set function = true, too",
            )


def _absent(field: str, value: object, switch: str) -> Problem:
    return Problem(
        field=field,
        value=value,
        reason=f"without {switch} no layer has it, so there is nothing to import it into",
        remedy=f"set {switch}, or leave it out here; Terraform then does not touch it",
        involves=(switch,),
    )
