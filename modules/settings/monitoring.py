"""Alarms, the dashboard and the budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Between, Matches
from modules.schema.setting_docs import Doc

_EMAIL = Matches(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address", "operators@example.org")


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """Who is told about what. Counts are over five minutes; an alarm costs $0.10 a month."""

    emails: Annotated[
        tuple[str, ...],
        _EMAIL,
        Doc("Get the alarms, each once its owner has confirmed the mail that AWS sends."),
    ] = ()
    dashboard: Annotated[
        bool, Doc("Adds a dashboard of traffic, hits, latency, errors and costs.", cost="$3")
    ] = True
    monthly_budget_usd: Annotated[
        int | None,
        Between(1, 1_000_000),
        Doc(
            "Warns at 80 percent of it, and when the month's forecast exceeds it. Needs the tag "
            "`Project` as a cost allocation tag; no budget without it.",
            unit="US dollars",
        ),
    ] = None
    throttled_requests: Annotated[
        int,
        Between(0, 1_000_000),
        Doc("Alarm when DynamoDB refuses more, of the table or of its index.", unit="requests"),
    ] = 10
    slow_table_ms: Annotated[
        int,
        Between(1, 10_000, "milliseconds"),
        Doc("Alarm when 1 in 100 requests to DynamoDB takes longer, for a quarter of an hour."),
    ] = 100
    refused_percent: Annotated[
        int,
        Between(1, 100, "percent"),
        Doc("Alarm when S3 answers more with a 4xx; needs `buckets.request_metrics`."),
    ] = 5
    function_errors: Annotated[
        int,
        Between(0, 1_000_000),
        Doc("Alarm when more calls of the function end without an answer.", unit="calls"),
    ] = 5
    slow_function_seconds: Annotated[
        int,
        Between(1, 29, "seconds"),
        Doc("Alarm when 1 in 20 calls takes longer; below the function's own limit."),
    ] = 25
    upstream_errors: Annotated[
        int,
        Between(0, 1_000_000),
        Doc("Alarm when more calls of Gemini fail.", unit="calls"),
    ] = 5
    cache_failures: Annotated[
        int,
        Between(0, 1_000_000),
        Doc("Alarm when more reads and writes of the cache fail.", unit="requests"),
    ] = 5
    failing_site_percent: Annotated[
        int,
        Between(1, 100, "percent"),
        Doc(
            "Alarm when CloudFront answers more with a 5xx, for ten minutes; only where the "
            "Region is us-east-1, since only alarms there see CloudFront."
        ),
    ] = 5

    @property
    def refused_share(self) -> float:
        """``refused_percent`` as S3 averages its errors: from 0 to 1."""
        return self.refused_percent / 100

    @property
    def slow_function_ms(self) -> int:
        """``slow_function_seconds`` in milliseconds, as Lambda measures its duration."""
        return self.slow_function_seconds * 1000

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where the budget warns nobody."""
        if self.monthly_budget_usd and not self.emails:
            yield Problem(
                field=f"{at}.monthly_budget_usd",
                value=self.monthly_budget_usd,
                reason="nobody would be told",
                remedy=f"add {at}.emails, or remove the budget",
                involves=(f"{at}.emails",),
            )
