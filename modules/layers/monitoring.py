"""Layer 6: alarms and their topic, the dashboard, the budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from constructs import Construct

from modules import catalogue
from modules.catalogue import DATA_BUCKETS, LATENCY, SYSTEM_ERRORS, Alarm, Layer, Metric
from modules.environments import Environment
from modules.layers.compute import ComputeOutputs
from modules.layers.frontend import FrontendOutputs
from modules.layers.publishing import publish
from modules.layers.storage import StorageOutputs
from modules.resources.alarm import (
    AlarmConfig,
    CompositeAlarmConfig,
    add_alarm,
    add_composite_alarm,
)
from modules.resources.alarm_topic import AlarmTopicConfig, add_alarm_topic
from modules.resources.budget import BudgetConfig, add_budget
from modules.resources.dashboard import Chart, DashboardConfig, Row, add_dashboard
from modules.settings import MonitoringSettings
from modules.stack import LayerOutputs, LayerStack

_PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The outputs of the layers before this one."""

    storage: StorageOutputs
    compute: ComputeOutputs
    frontend: FrontendOutputs | None

    @property
    def layers(self) -> Iterator[LayerOutputs]:
        """Those layers."""
        yield self.storage
        yield self.compute
        if self.frontend:
            yield self.frontend

    @property
    def names(self) -> dict[str, str]:
        """The names of the single resources that have metrics."""
        names = {
            "table": self.storage.cache_table.name,
            "function": self.compute.function.name,
        }
        return names | ({"distribution": self.frontend.distribution_id} if self.frontend else {})

    def of(self, metric: Metric) -> Metric:
        """Return the metric of the environment's resource."""
        return metric.of(self.names[metric.resource])


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
        for outputs in watched.layers:
            self.read(outputs)
        budget = settings.monthly_budget_usd
        topic = add_alarm_topic(
            self,
            "alarms",
            AlarmTopicConfig(
                emails=settings.emails,
                budget=budget is not None,
                key_arn=self.settings.encryption.topic,
            ),
        )
        topic_arn = topic.arn  # read once: each read is a message to the kernel
        alarms = [
            add_alarm(
                self,
                alarm.id.replace("-", "_"),
                AlarmConfig(
                    alarm=alarm,
                    threshold=getattr(settings, alarm.threshold)
                    if isinstance(alarm.threshold, str)
                    else alarm.threshold,
                    topic_arn=topic_arn,
                    runbook_url=settings.runbook_url,
                ),
            )
            for alarm in self._alarms(watched)
        ]
        health = add_composite_alarm(
            self,
            "health",
            CompositeAlarmConfig(
                description="ALARM while any alarm of this environment is", children=alarms
            ),
        )
        if budget is not None:
            add_budget(
                self, "monthly_budget", BudgetConfig(monthly_usd=budget, topic_arn=topic_arn)
            )
        if settings.dashboard:
            requests = self.settings.buckets.request_metrics
            arns = [health.arn, *(alarm.arn for alarm in alarms)]
            config = DashboardConfig(alarm_arns=arns, rows=list(_rows(watched, requests=requests)))
            add_dashboard(self, "dashboard", config)
        publish(self, topic_arn=topic_arn, health=health, dashboard_url=self._dashboard_url)

    @property
    def _dashboard_url(self) -> str:
        console = f"https://{self.region}.{catalogue.console_host(self.region)}/cloudwatch/home"
        return f"{console}?region={self.region}#dashboards/dashboard/{self.naming.dashboard}"

    def _alarms(self, watched: Watched) -> Iterator[Alarm]:
        """Yield the alarms that the settings enable, on the resources of this environment."""
        for alarm, bucket in self.settings.alarms:
            if bucket:
                yield alarm.of(watched.storage.bucket_names[bucket.id], bucket.key)
            else:
                yield alarm.of(watched.names[alarm.resource])


def _rows(watched: Watched, *, requests: bool) -> Iterator[Row]:
    """Yield the dashboard; ``requests`` is whether S3 measures the requests to the buckets."""
    of = watched.of
    answers = {
        "Hit": of(catalogue.HIT),
        "Miss": of(catalogue.MISS),
        "Stale": of(catalogue.STALE),
        "Coalesced": of(catalogue.COALESCED),
    }
    # Without data a metric is missing, not 0.
    questions = " + ".join(f"FILL(m{position}, 0)" for position, _ in enumerate(answers, start=1))
    yield Row(
        heading="Questions and answers",
        charts=(
            Chart(title="Answers", lines=answers, stacked=True),
            Chart(
                title="Hit ratio",
                lines=answers,
                formula=("Hit ratio", f"100 - 100 * FILL(m2, 0) / ({questions})"),
                unit="%",
                at_most=100,
            ),
            Chart(
                title="Failures",
                lines={
                    "Function": of(catalogue.ERRORS),
                    "Gemini": of(catalogue.UPSTREAM_ERROR),
                    "Cache reads": of(catalogue.CACHE_READ_FAILURE),
                    "Cache writes": of(catalogue.CACHE_WRITE_FAILURE),
                },
            ),
        ),
    )
    yield Row(
        heading="Latency",
        charts=(
            Chart(
                title="Function",
                lines={p: of(catalogue.DURATION).at(p) for p in _PERCENTILES},
                unit="ms",
            ),
            Chart(
                title="Gemini",
                lines={p: of(catalogue.UPSTREAM_LATENCY).at(p) for p in _PERCENTILES},
                unit="ms",
            ),
            Chart(
                title="Cache table, p99",
                lines={operation: of(metric) for operation, metric in LATENCY.items()},
                unit="ms",
            ),
        ),
    )
    index_reads, index_writes = catalogue.INDEX_THROTTLES
    yield Row(
        heading="Limits and errors of AWS",
        charts=(
            Chart(
                title="Throttles",
                lines={
                    "Function": of(catalogue.THROTTLES),
                    "Table reads": of(catalogue.READ_THROTTLES),
                    "Table writes": of(catalogue.WRITE_THROTTLES),
                    "Index reads": of(index_reads),
                    "Index writes": of(index_writes),
                },
            ),
            Chart(title="Concurrent executions", lines={"Highest": of(catalogue.CONCURRENCY)}),
            Chart(
                title="System errors of DynamoDB",
                lines={operation: of(one) for operation, one in SYSTEM_ERRORS.items()},
            ),
        ),
    )
    if watched.frontend:
        yield Row(
            heading="Site",
            charts=(
                Chart(title="Requests", lines={"Requests": of(catalogue.SITE_REQUESTS)}),
                Chart(
                    title="Errors",
                    lines={"4xx": of(catalogue.SITE_4XX), "5xx": of(catalogue.SITE_5XX)},
                    unit="%",
                ),
            ),
        )
    yield Row(
        heading="Gemini",
        charts=(
            Chart(
                title="Tokens",
                lines={
                    "Prompts": of(catalogue.TOKENS_IN),
                    "Answers": of(catalogue.TOKENS_OUT),
                    "Thoughts": of(catalogue.TOKENS_THOUGHT),
                },
                stacked=True,
            ),
            Chart(title="Budget used", lines={"Used": of(catalogue.BUDGET_USED)}, unit="%"),
        ),
    )
    yield Row(
        heading="Cost drivers",
        charts=(
            Chart(
                title="Consumed capacity",
                lines={"Read": of(catalogue.READ_UNITS), "Written": of(catalogue.WRITE_UNITS)},
            ),
            Chart(
                title="Gemini calls",
                lines={"Calls": of(catalogue.UPSTREAM_LATENCY).at("SampleCount")},
            ),
            Chart(
                title="Function duration",
                lines={"Milliseconds": of(catalogue.DURATION).at("Sum")},
            ),
        ),
    )
    yield _buckets(watched, requests=requests)


def _buckets(watched: Watched, *, requests: bool) -> Row:
    names = {bucket.key: watched.storage.bucket_names[bucket.id] for bucket in DATA_BUCKETS}
    measured = [bucket.key for bucket in DATA_BUCKETS if bucket.measured and requests]
    charts = [
        Chart(
            title="Size",
            lines={key: catalogue.BUCKET_SIZE.of(name) for key, name in names.items()},
            unit="bytes",
        ),
        Chart(
            title="Objects",
            lines={key: catalogue.OBJECT_COUNT.of(name) for key, name in names.items()},
        ),
    ]
    if measured:
        errors = {"4xx": catalogue.REQUESTS_REFUSED, "5xx": catalogue.REQUESTS_FAILED}
        charts += [
            Chart(
                title="Requests to S3",
                lines={key: catalogue.REQUESTS.of(names[key]) for key in measured},
            ),
            Chart(
                title="Errors of S3",
                lines={
                    f"{key} {label}": metric.of(names[key])
                    for key in measured
                    for label, metric in errors.items()
                },
            ),
        ]
    return Row(heading="Buckets", charts=charts)
