"""Existing resources that Terraform imports instead of creating them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Annotated

from modules.catalogue import ACCESS_LOGS, BUCKETS, DATA_BUCKETS, Bucket
from modules.problems import Problem
from modules.schema.constraints import Matches, OneOf
from modules.schema.setting_docs import Doc
from modules.settings.buckets import BucketSettings

_CLOUDFRONT_ID = Matches(r"E[0-9A-Z]{5,30}", "an id from CloudFront", "E2QWRUHAPOMQZL")
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
    doc = Doc("Imports the listed parts of the bucket; parts that are not listed are overwritten.")
    return bucket.adopt, Annotated[tuple[str, ...], OneOf(bucket.parts), doc], field(default=())


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
    """What to import; each resource must have the name that this environment gives it."""

    cache_table: Annotated[
        bool, Doc("Imports the table; if the plan replaces it, its keys differ.")
    ] = False
    origin_access_control: Annotated[
        str | None, _CLOUDFRONT_ID, Doc("Imports the origin access control of the buckets.")
    ] = None
    origin_access_identity: Annotated[
        str | None,
        _CLOUDFRONT_ID,
        Doc("Imports the identity of an existing distribution; unset, a new one is created."),
    ] = None
    parameters: Annotated[
        tuple[str, ...],
        _PARAMETER,
        Doc("Overwrites the listed ones; one that exists and is not listed fails the apply."),
    ] = ()
    gemini_secret: Annotated[
        str | None, _SECRET, Doc("Imports the secret, and does not change its value.")
    ] = None
    execution_role: Annotated[
        bool, Doc("Imports the function's role; its inline policy is overwritten.")
    ] = False
    log_group: Annotated[bool, Doc("Imports the function's log group and sets its retention.")] = (
        False
    )
    firewall_log_group: Annotated[
        bool, Doc("Imports the web ACL's log group, in us-east-1, and sets its retention.")
    ] = False
    function: Annotated[bool, Doc("Imports the function and replaces its code.")] = False
    function_url: Annotated[
        bool, Doc("Imports the function's URL; requests must then be signed.")
    ] = False

    def parts(self, bucket: Bucket) -> tuple[str, ...]:
        """Return the parts of a bucket that are imported."""
        return getattr(self, bucket.adopt) if bucket.adopt else ()

    def contradictions(
        self, buckets: BucketSettings, *, identity: bool, alias: str | None, firewall_log: bool
    ) -> Iterator[Problem]:
        """Yield a problem for each resource that no layer has."""
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
        if self.firewall_log_group and not firewall_log:
            yield _absent(
                "adopt.firewall_log_group",
                value=True,
                switch="frontend.firewall.log_retention_days",
            )
        if self.function_url and alias:
            yield Problem(
                field="adopt.function_url",
                value=True,
                reason=f'the existing URL calls the function, and "{alias}" gets another',
                remedy="adopt it without function.alias and set the alias later",
                involves=("function.alias",),
            )
        if self.origin_access_identity and not identity:
            yield _absent(
                "adopt.origin_access_identity", self.origin_access_identity, "origin_identity"
            )

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield parts without their bucket, and a URL without its function."""
        for bucket in BUCKETS:
            parts = self.parts(bucket)
            if parts and "bucket" not in parts:
                yield Problem(
                    field=f"{at}.{bucket.adopt}",
                    value=list(parts),
                    reason="the parts belong to a bucket that is not adopted",
                    remedy='add "bucket" to the list',
                )
        if self.function_url and not self.function:
            yield Problem(
                field=f"{at}.function_url",
                value=True,
                reason="the URL belongs to a function that is not adopted",
                remedy="set function = true as well",
            )


def _absent(field: str, value: object, switch: str) -> Problem:
    return Problem(
        field=field,
        value=value,
        reason=f"without {switch} no layer has it to import it into",
        remedy=f"set {switch}, or remove it here, so that Terraform does not touch it",
        involves=(switch,),
    )
