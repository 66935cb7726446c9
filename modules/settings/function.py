"""The cache Lambda, the model that it asks, and how long it serves an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Between, HttpsUrl, Matches, OneOf
from modules.schema.setting_docs import Doc
from modules.settings.forms import star_beside_origins

# What Lambda never lets a function reserve: docs.aws.amazon.com/lambda, "reserved concurrency".
_UNRESERVED = 100


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """What the function keeps of its answers."""

    ttl_days: Annotated[
        int,
        Between(1, 3650, "days"),
        Doc(
            "Days that an answer is served; answers that are stored already keep their date.",
            cost="$0.25 for each GB of table and again of index; a shorter time asks Gemini more",
        ),
    ] = 90

    namespace: Annotated[
        str | None,
        Matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "letters, digits, '.', '_' and '-'", "2026-11"),
        Doc(
            "Part of every cache key: another one empties the cache in one step. Without it the "
            "parameter starts as `1` and belongs to the operators: Terraform keeps their changes.",
        ),
    ] = None

    # Far shorter than ttl_days, so that a wrong answer can be recalled. Five minutes cover one
    # visit of the page, an hour nearly all requests for a popular answer.
    browser_seconds: Annotated[
        int,
        Between(0, 86_400, "seconds"),
        Doc("How long a browser reuses an answer without asking; operators cannot recall it."),
    ] = 300
    edge_seconds: Annotated[
        int,
        Between(0, 604_800, "seconds"),
        Doc(
            "How long CloudFront serves an answer before it asks the function whether it is still "
            "the same. A deleted answer is served for as long, unless it is invalidated.",
            cost="$0.20 per million calls of the function; a shorter time calls it more often",
        ),
    ] = 3600
    stale_while_revalidate_seconds: Annotated[
        int,
        Between(0, 86_400, "seconds"),
        Doc(
            "How much longer CloudFront and browsers may serve an answer while they ask in the "
            "background, so that nobody waits; it delays the recall of an answer as much."
        ),
    ] = 60
    consistent_reads: Annotated[
        bool,
        Doc(
            "Reads the table strongly consistently for each question, and keeps no answers in "
            "memory: a deleted answer is not served for up to a minute more.",
            cost="$0.25 instead of $0.125 per million reads on demand",
        ),
    ] = False

    @property
    def first_namespace(self) -> str:
        """The namespace that Terraform creates the parameter with."""
        return self.namespace or "1"


@dataclass(frozen=True, kw_only=True)
class GeminiSettings:
    """Which model answers, where, and how long the function waits for it."""

    model: Annotated[
        str,
        Matches(r"[a-z0-9][a-z0-9.-]{2,63}", "a model code", "gemini-3.8-flash"),
        Doc(
            "Model that explains an anomaly; cached answers of another model are not served.",
            cost="Google's price of the model, for each answer that is not cached",
        ),
    ] = "gemini-3.8-flash"
    endpoint: Annotated[
        str,
        HttpsUrl(),
        Doc("Where the API is; it gets the key and the questions. A local AWS has its stand-in."),
    ] = "https://generativelanguage.googleapis.com"
    timeout_seconds: Annotated[
        int,
        Between(1, 28, "seconds"),
        Doc(
            "Longest wait for the model; whoever asked gets a 504 then.",
            cost="the function is paid while it waits",
        ),
    ] = 20


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """The cache Lambda. CloudFront gives up after 30 seconds, so the function ends before."""

    memory_mb: Annotated[
        int,
        Between(128, 10_240, "MB", "AWS Lambda"),
        Doc(
            "More memory brings more CPU, so that cold starts are shorter.",
            cost="$0.0067 for each 1,000 seconds with 512 MB, in proportion",
        ),
    ] = 512
    timeout_seconds: Annotated[
        int,
        Between(2, 29, "seconds", "CloudFront waits 30"),
        Doc("The function is stopped after it; it must exceed the longest wait for Gemini."),
    ] = 28
    cors_origins: Annotated[
        tuple[str, ...],
        HttpsUrl(star=True),
        Doc("Other sites whose pages may ask the function; the site's own need no entry."),
    ] = ()
    alias: Annotated[
        str | None,
        Matches(r"(?!\d+$)[A-Za-z0-9_-]{1,128}", "a name that is not only digits", "live"),
        Doc(
            "Publishes a version for each change and points this alias, and the URL, at it: "
            "the way back is to point it at the version before."
        ),
    ] = None
    provisioned_concurrency: Annotated[
        int | None,
        Between(1, 900),
        Doc(
            "Instances that are kept warm, so that no one waits for a cold start.",
            unit="instances",
            cost="about $4.40 for each with 512 MB, used or not",
        ),
    ] = None
    reserved_concurrency: Annotated[
        int | None,
        Between(1, 100_000),
        Doc(
            "The most calls at a time, set aside for this function; more are throttled. Without "
            "it the function shares the account's.",
            unit="calls",
        ),
    ] = None
    account_concurrency: Annotated[
        int,
        Between(10, 100_000),
        Doc(
            "The account's quota of calls at a time in the Region; only checks what is reserved.",
            unit="calls",
        ),
    ] = 1000
    log_retention_days: Annotated[
        int,
        OneOf(
            (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
             2922, 3288, 3653),
            "CloudWatch Logs",
        ),
        Doc(
            "Log lines are deleted after it.",
            unit="days",
            cost="$0.03 for each GB that is kept; writing it costs $0.50 once",
        ),
    ] = 7  # fmt: skip
    tracing: Annotated[
        bool,
        Doc(
            "Sends traces of sampled calls to X-Ray, and lets the function's role do so.",
            cost="$5 per million traces after the first 100,000",
        ),
    ] = False

    @property
    def cors_origin_list(self) -> str:
        """The origins as the function reads them, separated by commas."""
        return ",".join(self.cors_origins)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield what Lambda would refuse, and origins that contradict each other."""
        yield from star_beside_origins(f"{at}.cors_origins", self.cors_origins)
        if self.provisioned_concurrency and self.alias is None:
            yield Problem(
                field=f"{at}.provisioned_concurrency",
                value=self.provisioned_concurrency,
                reason="Lambda keeps instances of a published version warm, and there is none",
                remedy=f'set {at}.alias, for example to "live"',
                involves=(f"{at}.alias",),
            )
        reserved = self.reserved_concurrency
        most = self.account_concurrency - _UNRESERVED
        if reserved and reserved > most:
            yield Problem(
                field=f"{at}.reserved_concurrency",
                value=reserved,
                reason=(
                    f"Lambda keeps {_UNRESERVED} of the account's {self.account_concurrency} "
                    "for all other functions"
                ),
                remedy=f"reserve at most {max(most, 0)}, or have the account's quota raised",
                involves=(f"{at}.account_concurrency",),
            )
        warm = self.provisioned_concurrency
        if warm and reserved and warm > reserved:
            yield Problem(
                field=f"{at}.provisioned_concurrency",
                value=warm,
                reason=f"only {reserved} calls at a time are reserved for the function",
                remedy="keep fewer warm, or reserve more",
                involves=(f"{at}.reserved_concurrency",),
            )
