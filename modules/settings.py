"""What an environment can choose: frozen, typed, checked. Constructs see these, never a name.

The files in ``environments/`` hold the choices. A section that is absent is off. Limits and
defaults come from the AWS service quotas and API references named beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from modules.constraints import Between, HttpsUrl, Matches, OneOf
from modules.problems import Problem

_BUCKET_FORM = "3 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end"
_BUCKET = Matches(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", _BUCKET_FORM, "my-team-terraform-state")
_REGION = Matches(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS Region code", "eu-central-1")
_UNITS = Between(1, 40_000, "capacity units", "the default quota of a DynamoDB table")


def _star_beside_origins(at: str, origins: tuple[str, ...]) -> Iterator[Problem]:
    if "*" in origins and len(origins) > 1:
        yield Problem(
            field=at,
            value=list(origins),
            reason='"*" already allows every origin; the others only look like a limit',
            remedy='keep "*" alone, or name the origins without it',
        )


@dataclass(frozen=True, kw_only=True)
class S3State:
    """State in a bucket, locked by S3 itself (Terraform 1.10 or newer; no lock table).

    Without ``bucket`` the name is ``co2-analysis-<environment>-terraform-state``; without
    ``region`` it is the environment's.
    """

    bucket: Annotated[str | None, _BUCKET] = None
    region: Annotated[str | None, _REGION] = None


@dataclass(frozen=True, kw_only=True)
class HcpState:
    """One HCP Terraform (or Terraform Enterprise) workspace for each environment and layer."""

    organization: Annotated[
        str, Matches(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}", "an organization's name", "my-company")
    ]
    project: Annotated[
        str | None, Matches(r"[A-Za-z0-9 _-]{3,40}", "a project's name", "co2-analysis")
    ] = None
    hostname: Annotated[
        str, Matches(r"[a-z0-9.-]+\.[a-z]{2,}", "a host name", "app.terraform.io")
    ] = "app.terraform.io"


@dataclass(frozen=True, kw_only=True)
class LocalState:
    """State in files below ``directory``, a path relative to the checkout."""

    directory: Annotated[
        str, Matches(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", "a relative path", ".local/state")
    ] = ".local/state"


@dataclass(frozen=True, kw_only=True)
class StateSettings:
    """Where Terraform keeps its state: exactly one of the three."""

    s3: S3State | None = None
    hcp: HcpState | None = None
    local: LocalState | None = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem unless exactly one place is chosen."""
        chosen = [name for name in ("s3", "hcp", "local") if getattr(self, name) is not None]
        if len(chosen) != 1:
            yield Problem(
                field=at,
                value=chosen,
                reason="state lives in exactly one place",
                remedy=f"keep one of the tables [{at}.s3], [{at}.hcp], [{at}.local]",
            )


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Provisioned units per second, for the table and again for its index."""

    read: Annotated[int, _UNITS]
    write: Annotated[int, _UNITS]


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Application Auto Scaling of reads and writes, table and index alike."""

    minimum: Annotated[int, _UNITS]
    maximum: Annotated[int, _UNITS]
    target_percent: Annotated[int, Between(20, 90, "percent", "the target tracking policy")] = 70

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where the range is upside down."""
        if self.minimum > self.maximum:
            yield Problem(
                field=f"{at}.minimum",
                value=self.minimum,
                reason=f"it is above {at}.maximum = {self.maximum}",
                remedy="swap the two, or raise the maximum",
                involves=(f"{at}.maximum",),
            )


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """The cache table; ``capacity`` and ``autoscaling`` belong to provisioned billing.

    ``on_demand_limit`` belongs to the other and caps what a runaway client can cost; without it
    only the account's quota does.
    """

    billing: Literal["on-demand", "provisioned"]
    capacity: Capacity | None = None
    autoscaling: Autoscaling | None = None
    on_demand_limit: Capacity | None = None
    point_in_time_recovery: bool = False

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield what does not go with the billing mode."""
        billing = f"{at}.billing"
        if self.billing == "provisioned" and self.capacity is None:
            yield Problem(
                field=f"{at}.capacity",
                value=None,
                reason="provisioned billing needs a capacity",
                remedy=f'add [{at}.capacity] with read and write, or set billing = "on-demand"',
                involves=(billing,),
            )
        foreign = (
            ("capacity", "autoscaling") if self.billing == "on-demand" else ("on_demand_limit",)
        )
        for name in foreign:
            if getattr(self, name) is not None:
                yield Problem(
                    field=f"{at}.{name}",
                    value=getattr(self, name),
                    reason=f'it has no meaning with billing = "{self.billing}"',
                    remedy="remove the table, or change the billing",
                    involves=(billing,),
                )
        scaled = self.autoscaling
        if self.capacity and scaled and scaled.minimum <= scaled.maximum:
            for name in ("read", "write"):
                units = getattr(self.capacity, name)
                if not scaled.minimum <= units <= scaled.maximum:
                    yield Problem(
                        field=f"{at}.capacity.{name}",
                        value=units,
                        reason=(
                            f"autoscaling would move it into {scaled.minimum} to "
                            f"{scaled.maximum} at once"
                        ),
                        remedy="start inside that range",
                        involves=(f"{at}.autoscaling",),
                    )


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """What S3 tidies up by itself, in days.

    Only replaced versions are ever archived: an archived current object could not be served.
    The two version rules apply where versioning is on.
    """

    abort_upload_days: Annotated[int, Between(1, 365, "days")] = 7
    archive_replaced_days: Annotated[int, Between(30, 3650, "days", "Standard-IA's minimum")] = 30
    expire_replaced_days: Annotated[int, Between(31, 3650, "days")] = 365

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
    """The static website and GeoJSON buckets.

    ``suffix`` is appended to every bucket name; names are global, so a second adopter needs one
    (an account id, say). ``cors_origins`` are the sites whose pages may fetch GeoJSON directly.
    ``access_logs_days`` turns access logging on and says how long logs are kept.
    """

    suffix: Annotated[
        str | None,
        Matches(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "part of a bucket name", "123456789012"),
    ] = None
    versioning: bool = False
    cors_origins: Annotated[tuple[str, ...], HttpsUrl(star=True)] = ()
    access_logs_days: Annotated[int | None, Between(1, 3650, "days")] = None
    lifecycle: Lifecycle | None = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where "*" stands beside named origins."""
        yield from _star_beside_origins(f"{at}.cors_origins", self.cors_origins)


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """How long an answer is served, and which answers count.

    ``namespace`` is part of every cache key: another one empties the cache in one step. Unset,
    its parameter starts as "1" and belongs to the operators: Terraform leaves their changes alone.
    """

    ttl_days: Annotated[int, Between(1, 3650, "days")] = 90
    namespace: Annotated[
        str | None,
        Matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "letters, digits, '.', '_' and '-'", "2026-11"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class GeminiSettings:
    """Which model answers, where, and how long the function waits for it."""

    model: Annotated[
        str, Matches(r"[a-z0-9][a-z0-9.-]{2,63}", "a model code", "gemini-3.8-flash")
    ] = "gemini-3.8-flash"
    endpoint: Annotated[str, HttpsUrl()] = "https://generativelanguage.googleapis.com"
    timeout_seconds: Annotated[int, Between(1, 28, "seconds")] = 20


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """The cache Lambda. CloudFront gives up after 30 seconds, so the function ends before.

    ``cors_origins`` are the other sites whose pages may ask it; the site's own need no entry.
    """

    memory_mb: Annotated[int, Between(128, 10_240, "MB", "AWS Lambda")] = 512
    timeout_seconds: Annotated[int, Between(2, 29, "seconds", "CloudFront waits 30")] = 28
    log_retention_days: Annotated[
        int,
        OneOf(
            (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
             2922, 3288, 3653),
            "CloudWatch Logs",
        ),
    ] = 7  # fmt: skip
    tracing: bool = False
    cors_origins: Annotated[tuple[str, ...], HttpsUrl(star=True)] = ()

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where "*" stands beside named origins."""
        yield from _star_beside_origins(f"{at}.cors_origins", self.cors_origins)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The site's own names, and the certificate for them, which CloudFront wants in us-east-1."""

    names: Annotated[
        tuple[str, ...],
        Matches(r"(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}", "a host name", "co2.example.org"),
    ]
    certificate_arn: Annotated[
        str,
        Matches(
            r"arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[0-9a-f-]+",
            "the ARN of an ACM certificate in us-east-1",
            "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
    ]

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where there is a certificate and no name."""
        if not self.names:
            yield Problem(
                field=f"{at}.names",
                value=[],
                reason="a domain needs at least one name",
                remedy=f"list the names, or remove the table [{at}]",
            )


@dataclass(frozen=True, kw_only=True)
class Countries:
    """Where the site can be read: ``only`` in these countries, or everywhere ``except`` them."""

    rule: Literal["only", "except"]
    codes: Annotated[tuple[str, ...], Matches(r"[A-Z]{2}", "an ISO 3166 country code", "DE")]

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where no country is listed."""
        if not self.codes:
            yield Problem(
                field=f"{at}.codes",
                value=[],
                reason="it would let in no one, or keep out no one",
                remedy=f"list the countries, or remove the table [{at}]",
            )


@dataclass(frozen=True, kw_only=True)
class FrontendSettings:
    """The CloudFront distribution; without this section there is no frontend layer.

    Without ``domain`` the site is at a CloudFront name, whose certificate still lets browsers use
    TLS 1.0. ``price_class`` limits which edge locations answer, and with it the price.
    """

    domain: Domain | None = None
    countries: Countries | None = None
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = "PriceClass_100"
    content_security_policy: Annotated[
        str, Matches(r"[\x20-\x7e]{1,1000}", "a header's value", "default-src 'self'")
    ] = (
        "default-src 'self'; img-src 'self' data: https:; object-src 'none'; "
        "base-uri 'self'; frame-ancestors 'none'"
    )


@dataclass(frozen=True, kw_only=True)
class LocalAws:
    """An emulator on this machine instead of AWS; the next port is the Gemini stand-in's."""

    port: Annotated[int, Between(1024, 65_534)] = 4566

    @property
    def endpoint(self) -> str:
        """The emulator's address; loopback by construction, so no setting can aim it elsewhere."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def gemini_endpoint(self) -> str:
        """The address of the stand-in for Gemini."""
        return f"http://127.0.0.1:{self.port + 1}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment.

    ``retain`` keeps data when a stack is destroyed: deletion is refused by AWS and by Terraform.
    ``account_id`` makes Terraform refuse any other account. ``origin_access`` is what CloudFront
    will use to read the buckets: its origin access identity or an origin access control. Both are
    granted, so that it can be switched without a gap; ``origin_identity = false`` drops the
    identity once nothing uses it.
    """

    region: Annotated[str, _REGION]
    retain: bool
    state: StateSettings
    table: TableSettings
    account_id: Annotated[str | None, Matches(r"\d{12}", "12 digits", "123456789012")] = None
    origin_access: Literal["oai", "oac"] = "oai"
    origin_identity: bool = True
    buckets: BucketSettings = field(default_factory=BucketSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    gemini: GeminiSettings = field(default_factory=GeminiSettings)
    function: FunctionSettings = field(default_factory=FunctionSettings)
    frontend: FrontendSettings | None = None
    local_aws: LocalAws | None = None

    def problems(self, at: str) -> Iterator[Problem]:  # noqa: ARG002 - the root has no path
        """Yield what contradicts itself across sections."""
        if self.retain and not self.table.point_in_time_recovery:
            yield Problem(
                field="table.point_in_time_recovery",
                value=False,
                reason="retain = true promises to keep the data, and without recovery nothing can",
                remedy="set point_in_time_recovery = true, or retain = false",
                involves=("retain",),
            )
        if self.retain and not self.buckets.versioning:
            yield Problem(
                field="buckets.versioning",
                value=False,
                reason="retain = true promises to keep the data, and overwriting would lose it",
                remedy="set versioning = true, or retain = false",
                involves=("retain",),
            )
        if self.origin_access == "oai" and not self.origin_identity:
            yield Problem(
                field="origin_identity",
                value=False,
                reason='origin_access = "oai" needs the identity',
                remedy='set origin_access = "oac", or remove origin_identity',
                involves=("origin_access",),
            )
        if self.gemini.timeout_seconds >= self.function.timeout_seconds:
            yield Problem(
                field="gemini.timeout_seconds",
                value=self.gemini.timeout_seconds,
                reason=(
                    "the function ends after "
                    f"function.timeout_seconds = {self.function.timeout_seconds}, so it could "
                    "neither store the answer nor report the time-out"
                ),
                remedy="make it at least one second shorter",
                involves=("function.timeout_seconds",),
            )
