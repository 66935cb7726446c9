"""Alarms, the dashboard and the budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Between, Matches
from modules.schema.setting_docs import Doc

# The characters of a URL without fragment; no "$", which would begin a Terraform expression.
_PAGE = Matches(
    r"https://[A-Za-z0-9.:-]{1,255}(/[A-Za-z0-9._~/?@!&'()*+,;=:%-]{0,500})?",
    "an https URL without a fragment",
    "https://wiki.example.org/runbook",
)
_EMAIL = Matches(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address", "operators@example.org")


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """Alarm thresholds and recipients. Counts are over five minutes.

    Each metric that an alarm reads costs $0.10, and the composite alarm $0.50.
    """

    emails: Annotated[
        tuple[str, ...],
        _EMAIL,
        Doc("Recipients of alarms; each must confirm the e-mail that AWS sends."),
    ] = ()
    dashboard: Annotated[
        bool, Doc("Creates a dashboard of traffic, hits, latency, errors and costs.", cost="$3")
    ] = True
    runbook_url: Annotated[
        str | None,
        _PAGE,
        Doc(
            "Address of the page [docs/runbook.md](runbook.md) as your operators read it; alarms "
            "then link to its sections."
        ),
    ] = None
    monthly_budget_usd: Annotated[
        int | None,
        Between(1, 1_000_000, "US dollars"),
        Doc(
            "Budget that warns at 80 percent, and when the month's forecast exceeds it. Requires "
            "the tag `Project` as a cost allocation tag."
        ),
    ] = None
    throttled_requests: Annotated[
        int,
        Between(0, 1_000_000, "requests"),
        Doc("Alarm when DynamoDB throttles more, of the table or of its index."),
    ] = 10
    slow_table_ms: Annotated[
        int,
        Between(1, 10_000, "milliseconds"),
        Doc("Alarm when the p99 latency of DynamoDB is higher for half an hour."),
    ] = 100
    refused_percent: Annotated[
        int,
        Between(1, 100, "percent"),
        Doc(
            "Alarm when S3 refuses a larger share of the requests for half an hour; requires "
            "`buckets.request_metrics`."
        ),
    ] = 5
    function_error_percent: Annotated[
        int,
        Between(0, 100, "percent"),
        Doc("Alarm when a larger share of the function's invocations fails in an hour."),
    ] = 5
    slow_function_seconds: Annotated[
        int,
        Between(1, 29, "seconds"),
        Doc("Alarm when the p95 duration is longer; must be below `function.timeout_seconds`."),
    ] = 25
    upstream_errors: Annotated[
        int,
        Between(0, 1_000_000, "calls"),
        Doc("Alarm when more calls to Gemini fail."),
    ] = 5
    cache_failures: Annotated[
        int,
        Between(0, 1_000_000, "requests"),
        Doc("Alarm when more reads and writes of the cache fail."),
    ] = 5
    low_hit_percent: Annotated[
        int,
        Between(0, 100, "percent"),
        Doc(
            "Alarm when the hit ratio, the share of questions that are no misses, is lower for two "
            "hours."
        ),
    ] = 50
    failing_site_percent: Annotated[
        int,
        Between(1, 100, "percent"),
        Doc(
            "Alarm when CloudFront returns more 5xx errors for ten minutes; only in us-east-1, "
            "the Region of CloudFront's metrics."
        ),
    ] = 5

    @property
    def high_miss_percent(self) -> int:
        """The share of misses that ``low_hit_percent`` allows."""
        return 100 - self.low_hit_percent

    @property
    def slow_function_ms(self) -> int:
        """``slow_function_seconds`` in milliseconds, as Lambda measures its duration."""
        return self.slow_function_seconds * 1000

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem if the budget has no recipients."""
        if self.monthly_budget_usd and not self.emails:
            yield Problem(
                field=f"{at}.monthly_budget_usd",
                value=self.monthly_budget_usd,
                reason="the budget has no recipients",
                remedy=f"add {at}.emails, or remove the budget",
                involves=(f"{at}.emails",),
            )
