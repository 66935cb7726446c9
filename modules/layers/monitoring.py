"""Layer 6: who is told when something is wrong, and what an operator looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdktf import TerraformOutput
from constructs import Construct

from modules.environments import Environment
from modules.layers.compute import ComputeOutputs
from modules.layers.frontend import FrontendOutputs
from modules.layers.storage import StorageOutputs
from modules.naming import Layer
from modules.resources.alarm import Alarm, add_alarm, add_composite_alarm
from modules.resources.alarm_topic import add_alarm_topic
from modules.resources.budget import add_budget
from modules.resources.cache_table import INDEX
from modules.resources.dashboard import Chart, Row, add_dashboard
from modules.resources.metric import (
    bucket_metric,
    bucket_size,
    cache_metric,
    distribution_metric,
    function_metric,
    table_metric,
)
from modules.resources.private_bucket import REQUEST_METRICS_ID, PrivateBucket
from modules.settings import MonitoringSettings
from modules.stack import EDGE_REGION, LayerStack

_OPERATIONS = ("GetItem", "PutItem", "Query")
_MS = 1000


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What the layers before this one built."""

    storage: StorageOutputs
    compute: ComputeOutputs
    frontend: FrontendOutputs | None

    @property
    def table(self) -> str:
        """Name of the cache table."""
        return self.storage.cache_table.name

    @property
    def function(self) -> str:
        """Name of the cache Lambda."""
        return self.compute.function.name

    @property
    def buckets(self) -> dict[str, PrivateBucket]:
        """The data buckets, by the id that their alarms carry."""
        return {"static-website": self.storage.static_website, "geojson": self.storage.geojson}


class MonitoringLayer(LayerStack):
    """The monitoring layer of one environment."""

    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        settings: MonitoringSettings,
        watched: Watched,
    ) -> None:
        super().__init__(scope, environment, Layer.MONITORING)
        budget = settings.monthly_budget_usd
        topic_arn = add_alarm_topic(self, emails=settings.emails, budget=budget is not None)
        alarms = [
            add_alarm(self, alarm, topic_arn=topic_arn)
            for alarm in (
                *_table_alarms(settings, watched),
                *_bucket_alarms(settings, watched),
                *_function_alarms(settings, watched),
                *_cache_alarms(settings, watched),
                *(_distribution_alarms(settings, watched) if self.region == EDGE_REGION else ()),
            )
        ]
        health = add_composite_alarm(
            self, "health", description="On while any alarm of this environment is", children=alarms
        )
        if budget is not None:
            add_budget(self, monthly_usd=budget, topic_arn=topic_arn)
        if settings.dashboard:
            dashboard = add_dashboard(
                self,
                rows=list(_rows(watched)),
                alarm_arns=[health.arn, *(alarm.arn for alarm in alarms)],
            )
            TerraformOutput(self, "dashboard_name", value=dashboard.dashboard_name)
        TerraformOutput(self, "alarm_topic_arn", value=topic_arn)
        TerraformOutput(self, "health_alarm_name", value=health.alarm_name)


def _table_alarms(settings: MonitoringSettings, watched: Watched) -> Iterator[Alarm]:
    for what, dimensions in (("table", {}), ("index", {"GlobalSecondaryIndexName": INDEX})):
        yield Alarm(
            id=f"{what}-throttled",
            description=f"DynamoDB refuses requests to the cache {what}: raise its capacity",
            metrics=[
                table_metric(name, watched.table, "Sum", **dimensions)
                for name in ("ReadThrottleEvents", "WriteThrottleEvents")
            ],
            threshold=settings.throttled_requests,
        )
    for operation in _OPERATIONS:
        yield Alarm(
            id=f"table-slow-{operation.lower()}",
            description=f"{operation} on the cache table has been slow for a quarter of an hour",
            metrics=[
                table_metric("SuccessfulRequestLatency", watched.table, "p99", Operation=operation)
            ],
            threshold=settings.slow_table_ms,
            periods=3,
        )


def _bucket_alarms(settings: MonitoringSettings, watched: Watched) -> Iterator[Alarm]:
    for id_, bucket in watched.buckets.items():
        if not bucket.has_request_metrics:
            continue
        yield Alarm(
            id=f"{id_}-refused",
            description="S3 refuses requests: objects are missing, or CloudFront may not read them",
            # The average of a metric that is 0 or 1 for each request is the share of the ones.
            metrics=[bucket_metric("4xxErrors", bucket.name, REQUEST_METRICS_ID, "Average")],
            threshold=settings.refused_percent / 100,
        )
        yield Alarm(
            id=f"{id_}-failing",
            description="S3 itself fails: nothing to do but to watch the AWS health dashboard",
            metrics=[bucket_metric("5xxErrors", bucket.name, REQUEST_METRICS_ID, "Sum")],
            threshold=0,
        )


def _function_alarms(settings: MonitoringSettings, watched: Watched) -> Iterator[Alarm]:
    yield Alarm(
        id="function-errors",
        description="Calls of the cache Lambda end without an answer: read its log",
        metrics=[function_metric("Errors", watched.function, "Sum")],
        threshold=settings.function_errors,
    )
    yield Alarm(
        id="function-slow",
        description="The cache Lambda is about to reach its time limit: is Gemini slow?",
        metrics=[function_metric("Duration", watched.function, "p95")],
        threshold=settings.slow_function_seconds * _MS,
    )
    yield Alarm(
        id="function-throttled",
        description="Lambda refuses calls: raise the reserved or the account's concurrency",
        metrics=[function_metric("Throttles", watched.function, "Sum")],
        threshold=0,
    )


def _cache_alarms(settings: MonitoringSettings, watched: Watched) -> Iterator[Alarm]:
    yield Alarm(
        id="gemini-failing",
        description="Gemini refuses or fails: check its key, its quota and its status page",
        metrics=[cache_metric("UpstreamError", watched.function)],
        threshold=settings.upstream_errors,
    )
    yield Alarm(
        id="cache-failing",
        description="The cache cannot be read or written: every question costs a call of Gemini",
        metrics=[
            cache_metric("CacheReadFailure", watched.function),
            cache_metric("CacheWriteFailure", watched.function),
        ],
        threshold=settings.cache_failures,
    )


def _distribution_alarms(settings: MonitoringSettings, watched: Watched) -> Iterator[Alarm]:
    """Alarms on the distribution, whose metrics only alarms in us-east-1 can read."""
    if watched.frontend:
        yield Alarm(
            id="site-failing",
            description="CloudFront answers with errors of the server: look at the API first",
            metrics=[
                distribution_metric("5xxErrorRate", watched.frontend.distribution_id, "Average")
            ],
            threshold=settings.failing_site_percent,
            periods=2,
        )


def _rows(watched: Watched) -> Iterator[Row]:
    table, function = watched.table, watched.function
    answers = {
        label: cache_metric(name, function)
        for label, name in (
            ("From the cache", "CacheHit"),
            ("Asked Gemini", "CacheMiss"),
            ("Out of date", "CacheStale"),
            ("Waited for another", "CacheCoalesced"),
        )
    }
    yield Row(
        heading="Questions and answers",
        charts=(
            Chart(title="Answers", lines=answers, stacked=True),
            Chart(
                title="Hit ratio",
                lines=answers,
                # A metric that nothing was written to is missing, not 0.
                formula=(
                    "Hit ratio",
                    "100 * FILL(m1, 0) / (FILL(m1, 0) + FILL(m2, 0) + FILL(m3, 0) + FILL(m4, 0))",
                ),
                unit="%",
                at_most=100,
            ),
            Chart(
                title="Failures",
                lines={
                    "Function": function_metric("Errors", function, "Sum"),
                    "Gemini": cache_metric("UpstreamError", function),
                    "Cache reads": cache_metric("CacheReadFailure", function),
                    "Cache writes": cache_metric("CacheWriteFailure", function),
                },
            ),
        ),
    )
    yield Row(
        heading="How long it takes",
        charts=(
            Chart(
                title="Function",
                lines={p: function_metric("Duration", function, p) for p in ("p50", "p95", "p99")},
                unit="ms",
            ),
            Chart(
                title="Gemini",
                lines={
                    p: cache_metric("UpstreamLatency", function, p) for p in ("p50", "p95", "p99")
                },
                unit="ms",
            ),
            Chart(
                title="Cache table, p99",
                lines={
                    operation: table_metric(
                        "SuccessfulRequestLatency", table, "p99", Operation=operation
                    )
                    for operation in _OPERATIONS
                },
                unit="ms",
            ),
        ),
    )
    yield Row(
        heading="Limits",
        charts=(
            Chart(
                title="Throttled",
                lines={
                    "Function": function_metric("Throttles", function, "Sum"),
                    "Table reads": table_metric("ReadThrottleEvents", table, "Sum"),
                    "Table writes": table_metric("WriteThrottleEvents", table, "Sum"),
                },
            ),
            Chart(
                title="Concurrent calls",
                lines={"Highest": function_metric("ConcurrentExecutions", function, "Maximum")},
            ),
        ),
    )
    if watched.frontend:
        yield _site_row(watched.frontend.distribution_id)
    yield _cost_row(watched)


def _site_row(distribution: str) -> Row:
    return Row(
        heading="Site",
        charts=(
            Chart(
                title="Requests",
                lines={"Requests": distribution_metric("Requests", distribution, "Sum")},
            ),
            Chart(
                title="Errors",
                lines={
                    "4xx": distribution_metric("4xxErrorRate", distribution, "Average"),
                    "5xx": distribution_metric("5xxErrorRate", distribution, "Average"),
                },
                unit="%",
            ),
        ),
    )


def _cost_row(watched: Watched) -> Row:
    table, function = watched.table, watched.function
    return Row(
        heading="What costs money",
        charts=(
            Chart(
                title="Capacity units of the table",
                lines={
                    "Read": table_metric("ConsumedReadCapacityUnits", table, "Sum"),
                    "Written": table_metric("ConsumedWriteCapacityUnits", table, "Sum"),
                },
            ),
            Chart(
                title="Calls of Gemini",
                lines={"Calls": cache_metric("UpstreamLatency", function, "SampleCount")},
            ),
            Chart(
                title="Time of the function",
                lines={"Milliseconds": function_metric("Duration", function, "Sum")},
            ),
            Chart(
                title="Stored",
                lines={id_: bucket_size(bucket.name) for id_, bucket in watched.buckets.items()},
                unit="bytes",
            ),
        ),
    )
