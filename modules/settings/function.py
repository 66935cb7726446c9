"""The cache Lambda function, the Gemini model, and how answers are cached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Between, Matches, https_origin
from modules.schema.setting_docs import Doc
from modules.settings.forms import BUCKET, LOG_RETENTION, star_beside_origins

# Concurrency that Lambda keeps unreserved: docs.aws.amazon.com/lambda, "reserved concurrency".
UNRESERVED = 100
# Its last label starts with a letter, as no IP address does.
_HOST = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?"


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """How answers are cached."""

    ttl_days: Annotated[
        int,
        Between(1, 3650, "days"),
        Doc(
            "Time that an answer is served; stored answers keep their expiry date.",
            cost="$0.25 per GB of the table, index again; a shorter time calls Gemini more",
        ),
    ] = 90

    namespace: Annotated[
        str | None,
        Matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "letters, digits, '.', '_' and '-'", "2026-11"),
        Doc(
            "Part of every cache key: a new value empties the cache at once. Unset, Terraform "
            "creates the parameter with `1` and keeps the operators' changes.",
        ),
    ] = None

    # Far shorter than ttl_days, so that a wrong answer can be recalled. Five minutes cover one
    # visit of the page, an hour nearly all requests for a popular answer.
    browser_seconds: Annotated[
        int,
        Between(0, 86_400, "seconds"),
        Doc("Time that browsers reuse an answer without asking; nobody can recall it from them."),
    ] = 300
    edge_seconds: Annotated[
        int,
        Between(0, 604_800, "seconds"),
        Doc(
            "Time that CloudFront serves an answer, even a deleted one, before it validates it "
            "with the function; `ops cache delete --invalidate` ends it sooner.",
            cost="$0.20 per million invocations; a shorter time causes more of them",
        ),
    ] = 3600
    stale_while_revalidate_seconds: Annotated[
        int,
        Between(0, 86_400, "seconds"),
        Doc(
            "Time after either of these in which an answer is still served while it is validated "
            "in the background. A deleted answer is served as much longer."
        ),
    ] = 60
    consistent_reads: Annotated[
        bool,
        Doc(
            "Uses strongly consistent reads and no in-process cache, so the function never serves "
            "a deleted answer; otherwise it does for up to a minute.",
            cost="twice the read capacity units of the table",
        ),
    ] = False

    @property
    def first_namespace(self) -> str:
        """The namespace that Terraform creates the parameter with."""
        return self.namespace or "1"


@dataclass(frozen=True, kw_only=True)
class GeminiSettings:
    """The Gemini model, how it is called, and how often."""

    model: Annotated[
        str,
        Matches(r"[a-z0-9][a-z0-9.-]{2,63}", "a model code", "gemini-3.8-flash"),
        Doc(
            "Model that explains anomalies, of Gemini 3 or newer; cached answers of other models "
            "are not served.",
            cost="Google's price of the model, per answer that is not cached",
        ),
    ] = "gemini-3.8-flash"
    endpoint: Annotated[
        str,
        https_origin(),
        Doc("URL of the Gemini API. A local AWS always uses its stand-in."),
    ] = "https://generativelanguage.googleapis.com"
    hosts: Annotated[
        tuple[str, ...],
        Matches(_HOST, "a lower-case host name, no IP address", "gemini.example.org"),
        Doc(
            "Hosts that the function may send the API key to, whatever the endpoint's parameter "
            "says; must include the host of `endpoint`."
        ),
    ] = ("generativelanguage.googleapis.com",)
    timeout_seconds: Annotated[
        int,
        Between(1, 28, "seconds"),
        Doc(
            "Timeout of a Gemini call; the caller then gets a 503.",
            cost="the function is billed while it waits",
        ),
    ] = 20
    calls_per_day: Annotated[
        int,
        Between(0, 999_999, "calls"),
        Doc(
            "Budget of Gemini calls per UTC day, retries included; once it is used up, expired "
            "answers are served, else a 503. `0` allows no call at all.",
            cost="at most Google's price of as many answers a day",
        ),
    ] = 1000
    language: Annotated[
        str,
        Matches(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", "a BCP 47 language tag", "pt-BR"),
        Doc("Language of the answers; cached answers in other languages are not served."),
    ] = "en"

    @property
    def host_list(self) -> str:
        """The hosts as the function reads them, separated by commas."""
        return ",".join(self.hosts)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield that the function would not call the endpoint."""
        host = re.sub(r".*//|:[0-9]+$", "", self.endpoint).lower()
        if host not in self.hosts:
            yield Problem(
                field=f"{at}.endpoint",
                value=self.endpoint,
                reason=f"{at}.hosts does not list its host, so the function would not call it",
                remedy=f'add "{host}" to {at}.hosts, or change the endpoint',
                involves=(f"{at}.hosts",),
            )


@dataclass(frozen=True, kw_only=True)
class CodeSigning:
    """Code signing by AWS Signer."""

    profile_version_arn: Annotated[
        str,
        Matches(
            r"arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:/signing-profiles/[A-Za-z0-9_]{2,64}/"
            r"[A-Za-z0-9]{10}",
            "the ARN of a version of a signing profile",
            "arn:aws:signer:us-east-1:123456789012:/signing-profiles/co2_analysis/a1B2c3D4e5",
        ),
        Doc(
            "The only signing profile that the function trusts, of the platform "
            "`AWSLambda-SHA384-ECDSA`; it must exist. `aws signer get-signing-profile` prints it. "
            "A new version of the profile signs at once, and is refused until it is written here."
        ),
    ]
    bucket: Annotated[
        str,
        BUCKET,
        Doc(
            "Existing bucket for the packages before and after signing, with versioning and in the "
            "environment's Region.",
            cost="$0.023 per GB of packages",
        ),
    ]

    @property
    def profile(self) -> str:
        """The profile's name."""
        return self.profile_version_arn.split("/")[-2]


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """The cache Lambda function, which must end before CloudFront's timeout of 30 seconds."""

    memory_mb: Annotated[
        int,
        Between(128, 10_240, "MB", "AWS Lambda"),
        Doc(
            "Memory and, in proportion, CPU; more of it shortens cold starts.",
            cost="$0.0067 per 1,000 seconds with 512 MB, in proportion",
        ),
    ] = 512
    timeout_seconds: Annotated[
        int,
        Between(2, 29, "seconds", "CloudFront's timeout is 30"),
        Doc("Timeout of the function; must exceed `gemini.timeout_seconds`."),
    ] = 28
    cors_origins: Annotated[
        tuple[str, ...],
        https_origin(star=True),
        Doc("Other origins whose pages may call the API; the site's own needs no entry."),
    ] = ()
    alias: Annotated[
        str | None,
        Matches(r"(?!\d+$)[A-Za-z0-9_-]{1,128}", "a name of not only digits", "live"),
        Doc(
            "Publishes a version for each change and points this alias and the URL to it; to "
            "roll back, point it to the previous version."
        ),
    ] = None
    provisioned_concurrency: Annotated[
        int | None,
        Between(1, 900, "instances"),
        Doc(
            "Instances that are initialized in advance, without cold starts; requires `alias`.",
            cost="about $4.40 per instance with 512 MB, used or not",
        ),
    ] = None
    reserved_concurrency: Annotated[
        int | None,
        Between(1, 100_000, "calls"),
        Doc(
            "Maximum of concurrent calls, reserved for this function; more are throttled. Unset, "
            "it shares the account's. Lambda refuses it in a new account, whose quota is 10: "
            "request a higher quota first, or leave it out until then."
        ),
    ] = None
    account_concurrency: Annotated[
        int,
        Between(10, 100_000, "calls"),
        Doc("The account's concurrency quota; used to validate `reserved_concurrency` only."),
    ] = 1000
    log_retention_days: Annotated[
        int,
        LOG_RETENTION,
        Doc(
            "Days that log events are kept.",
            cost="$0.03 per GB stored, and $0.50 per GB once for ingestion",
        ),
    ] = 7
    code_signing: Annotated[
        CodeSigning | None,
        Doc(
            "Code signing: Terraform uploads the package, has AWS Signer sign it and deploys that; "
            "Lambda refuses any other."
        ),
    ] = None
    tracing: Annotated[
        bool,
        Doc(
            "Sends X-Ray traces of sampled calls, and allows the function's role to.",
            cost="$5 per million traces after the first 100,000",
        ),
    ] = False

    @property
    def cors_origin_list(self) -> str:
        """The origins as the function reads them, separated by commas."""
        return ",".join(self.cors_origins)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield what Lambda would reject, and contradictory origins."""
        yield from star_beside_origins(f"{at}.cors_origins", self.cors_origins)
        if self.provisioned_concurrency and self.alias is None:
            yield Problem(
                field=f"{at}.provisioned_concurrency",
                value=self.provisioned_concurrency,
                reason="it applies to a published version, and only an alias publishes one",
                remedy=f'set {at}.alias, for example to "live"',
                involves=(f"{at}.alias",),
            )
        reserved = self.reserved_concurrency
        most = self.account_concurrency - UNRESERVED
        if reserved and reserved > most:
            yield Problem(
                field=f"{at}.reserved_concurrency",
                value=reserved,
                reason=(
                    f"Lambda keeps {UNRESERVED} of the account's {self.account_concurrency} "
                    "concurrent calls unreserved"
                ),
                remedy=f"reserve at most {max(most, 0)}, or request a higher quota",
                involves=(f"{at}.account_concurrency",),
            )
        warm = self.provisioned_concurrency
        if warm and reserved and warm > reserved:
            yield Problem(
                field=f"{at}.provisioned_concurrency",
                value=warm,
                reason=f"only {reserved} concurrent calls are reserved for the function",
                remedy="provision fewer, or reserve more",
                involves=(f"{at}.reserved_concurrency",),
            )
