"""Alarms, their topic, the dashboard and the budget."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from modules.catalogue import DATA_BUCKETS, PROJECT
from tests.modules.terraform_json import Json, Stack, mapping, sequence

Synthesized = Callable[..., dict[str, Stack]]


def _document(**more: object) -> dict[str, object]:
    return {
        "region": "us-east-1",
        "retain": False,
        "state": {"local": {}},
        "table": {"billing": "on-demand"},
        "monitoring": {},
        **more,
    }


def _alarms(stack: Stack) -> dict[str, dict[str, Json]]:
    prefix = "aws_cloudwatch_metric_alarm."
    return {
        address.removeprefix(prefix): arguments
        for address, arguments in stack.resources().items()
        if address.startswith(prefix)
    }


def _metrics(alarm: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """Yield the metrics of an alarm in one form: a query's or the alarm's own."""
    if "metric_query" in alarm:
        for query in map(mapping, sequence(alarm["metric_query"])):
            if "metric" in query:
                metric = mapping(query["metric"])
                yield metric | {"statistic": metric["stat"]}
    else:
        yield alarm


def test_every_alarm_notifies_the_topic_and_ignores_missing_data(
    shipped: dict[str, Stack],
) -> None:
    for name, alarm in _alarms(shipped["prod-monitoring"]).items():
        assert alarm["alarm_actions"] == ["${aws_sns_topic.alarms.arn}"], name
        assert alarm["ok_actions"] == ["${aws_sns_topic.alarms.arn}"], name
        assert alarm["treat_missing_data"] == "notBreaching", name
        assert alarm["alarm_description"], "operators read it in the notification"


@pytest.mark.parametrize(
    ("alarm", "more"),
    [("table_throttled", {}), ("index_throttled", {"GlobalSecondaryIndexName": "cached-at-index"})],
)
def test_throttle_alarms_sum_reads_and_writes_with_missing_data_as_zero(
    alarm: str, more: dict[str, str], shipped: dict[str, Stack]
) -> None:
    found = _alarms(shipped["prod-monitoring"])[alarm]
    (total,) = (q for q in map(mapping, sequence(found["metric_query"])) if "expression" in q)
    assert total["expression"] == "FILL(m1, 0) + FILL(m2, 0)"
    assert total["return_data"] is True
    metrics = list(_metrics(found))
    assert {m["metric_name"] for m in metrics} == {"ReadThrottleEvents", "WriteThrottleEvents"}
    for metric in metrics:
        assert metric["statistic"] == "Sum"
        dimensions = mapping(metric["dimensions"])
        assert set(dimensions) == {"TableName", *more}
        assert more.items() <= dimensions.items()


def test_every_alarm_has_dimensions_that_the_service_publishes(shipped: dict[str, Stack]) -> None:
    """AWS accepts an unknown dimension; the alarm would never be in ALARM."""
    known = {
        "AWS/DynamoDB": [
            {"TableName"},
            {"TableName", "GlobalSecondaryIndexName"},
            {"TableName", "Operation"},
        ],
        "AWS/S3": [{"BucketName", "FilterId"}],
        "AWS/Lambda": [{"FunctionName"}],
        "AWS/CloudFront": [{"DistributionId", "Region"}],
        PROJECT: [{"FunctionName"}],
    }
    for name, alarm in _alarms(shipped["prod-monitoring"]).items():
        for metric in _metrics(alarm):
            dimensions = set(mapping(metric["dimensions"]))
            assert dimensions in known[str(metric["namespace"])], name


def _expressions(alarm: dict[str, Json]) -> dict[str, str]:
    """Return the metric math of an alarm by id, its value as "" too."""
    queries = [q for q in map(mapping, sequence(alarm["metric_query"])) if "expression" in q]
    (watched,) = (q for q in queries if q.get("return_data"))
    return {str(q["id"]): str(q["expression"]) for q in (*queries, {**watched, "id": ""})}


def _inputs(alarm: dict[str, Json]) -> dict[str, dict[str, Json]]:
    queries = map(mapping, sequence(alarm["metric_query"]))
    return {str(query["id"]): mapping(query["metric"]) for query in queries if "metric" in query}


def _names(expression: str, inputs: dict[str, dict[str, Json]]) -> list[object]:
    """Return the metrics that a sum with missing data as 0 adds up."""
    ids = re.findall(r"FILL\((m\d), 0\)", expression)
    assert expression == " + ".join(f"FILL({id_}, 0)" for id_ in ids)
    assert {inputs[id_]["stat"] for id_ in ids} == {"Sum"}
    return [inputs[id_]["metric_name"] for id_ in ids]


@pytest.mark.parametrize(
    ("name", "statistic", "least"),
    [
        ("table_slow_getitem", "p99", 20),
        ("table_slow_putitem", "p99", 20),
        ("table_slow_updateitem", "p99", 20),
        ("function_slow", "p95", 20),
    ],
)
def test_a_percentile_of_few_samples_is_0(
    name: str, statistic: str, least: int, shipped: dict[str, Stack]
) -> None:
    """Ignoring such percentiles would keep the alarm's state for as long as traffic is low."""
    alarm = _alarms(shipped["prod-monitoring"])[name]
    assert alarm["evaluate_low_sample_count_percentiles"] == "evaluate", (
        "unset, the provider keeps the `ignore` of release 1.0"
    )
    inputs = _inputs(alarm)
    # An alarm on DynamoDB ignores missing data, and would stay in ALARM once traffic stops.
    found = re.fullmatch(
        r"IF\(FILL\((\w+), 0\) >= (\d+), FILL\((\w+), 0\), 0\)", _expressions(alarm)[""]
    )
    assert found
    samples, value = inputs[found[1]], inputs[found[3]]
    assert int(found[2]) == least
    assert value["stat"] == statistic
    assert samples == {**value, "stat": "SampleCount"}, "the samples of the very same metric"


@pytest.mark.parametrize(
    ("name", "part", "whole", "numbers"),
    [
        ("geojson_refused", "4xxErrors", ["AllRequests"], (20, 900, 2)),
        ("static_website_refused", "4xxErrors", ["AllRequests"], (20, 900, 2)),
        ("function_errors", "Errors", ["Invocations"], (20, 3600, 1)),
        (
            "cache_hit_ratio_low",
            "CacheMiss",
            ["CacheHit", "CacheMiss", "CacheStale", "CacheCoalesced"],
            (50, 3600, 2),
        ),
    ],
)
def test_a_percentage_of_few_samples_is_0(
    name: str,
    part: str,
    whole: list[str],
    numbers: tuple[int, int, int],
    shipped: dict[str, Stack],
) -> None:
    least, seconds, periods = numbers
    alarm = _alarms(shipped["prod-monitoring"])[name]
    inputs, expressions = _inputs(alarm), _expressions(alarm)
    found = re.fullmatch(r"IF\((\w+) >= (\d+), 100 \* (\w+) / (\w+), 0\)", expressions[""])
    assert found
    assert found[1] == found[4], "the percentage is of what is counted"
    assert int(found[2]) == least
    assert _names(expressions[found[3]], inputs) == [part]
    assert _names(expressions[found[1]], inputs) == whole
    assert {metric["period"] for metric in inputs.values()} == {seconds}
    assert (alarm["evaluation_periods"], alarm["datapoints_to_alarm"]) == (periods, periods)
    assert len({str(mapping(metric["dimensions"])) for metric in inputs.values()}) == 1


def test_a_low_hit_ratio_is_a_high_share_of_misses(everything: dict[str, Stack]) -> None:
    # The setting is 60.
    alarm = _alarms(everything["monitoring"])["cache_hit_ratio_low"]
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanThreshold", 40)


def test_alarms_link_to_the_runbook_that_the_settings_name(
    shipped: dict[str, Stack], everything: dict[str, Stack]
) -> None:
    described = {
        name: str(alarm["alarm_description"])
        for name, alarm in _alarms(everything["monitoring"]).items()
    }
    links = {name: text.rpartition(" ")[2] for name, text in described.items()}
    page = "https://wiki.example.org/co2/runbook#"
    assert {link.startswith(page) for link in links.values()} == {True}
    assert links["table_throttled"] == f"{page}the-table-throttles"
    assert max(map(len, described.values())) < 1024 - 500, "AWS allows 1,024, the setting 500 more"
    assert "http" not in str(
        [alarm["alarm_description"] for alarm in _alarms(shipped["prod-monitoring"]).values()]
    )


def test_each_table_operation_has_its_latency_alarm(shipped: dict[str, Stack]) -> None:
    watched = {
        str(mapping(metric["dimensions"])["Operation"])
        for alarm in _alarms(shipped["prod-monitoring"]).values()
        for metric in _metrics(alarm)
        if metric["metric_name"] == "SuccessfulRequestLatency"
    }
    assert watched == {"GetItem", "PutItem", "UpdateItem"}


def test_a_latency_alarm_needs_two_breaching_periods(shipped: dict[str, Stack]) -> None:
    alarm = _alarms(shipped["prod-monitoring"])["table_slow_updateitem"]
    assert (alarm["evaluation_periods"], alarm["datapoints_to_alarm"]) == (2, 2)
    assert {metric["period"] for metric in _metrics(alarm)} == {900}


def test_bucket_alarms_require_request_metrics(shipped: dict[str, Stack]) -> None:
    assert "geojson_refused" in _alarms(shipped["prod-monitoring"])
    assert not any("geojson" in name for name in _alarms(shipped["staging-monitoring"]))


def test_the_distribution_alarm_exists_in_us_east_1_only(
    shipped: dict[str, Stack], everything: dict[str, Stack]
) -> None:
    assert "site_failing" in _alarms(shipped["prod-monitoring"])
    assert "site_failing" not in _alarms(everything["monitoring"]), (
        "CloudWatch has no such metric in another Region"
    )


def test_thresholds_come_from_the_settings(everything: dict[str, Stack]) -> None:
    thresholds = {name: a["threshold"] for name, a in _alarms(everything["monitoring"]).items()}
    wanted = {
        "table_throttled": 20,
        "index_throttled": 20,
        "table_slow_getitem": 50,
        "table_slow_putitem": 50,
        "table_slow_updateitem": 50,
        "static_website_refused": 2,
        "static_website_failing": 0,
        "geojson_refused": 2,
        "geojson_failing": 0,
        "function_errors": 10,
        "function_slow": 20_000,
        "function_throttled": 0,
        "gemini_failing": 10,
        "cache_failing": 10,
    }
    assert wanted.items() <= thresholds.items()


def test_the_composite_alarm_covers_every_alarm(shipped: dict[str, Stack]) -> None:
    stack = shipped["prod-monitoring"]
    health = stack.resource("aws_cloudwatch_composite_alarm.health")
    children = re.findall(r"aws_cloudwatch_metric_alarm\.(\w+)\.", str(health["alarm_rule"]))
    assert set(children) == set(_alarms(stack))
    assert str(health["alarm_rule"]).count(" OR ") == len(children) - 1
    waits = {str(address).partition(".")[2] for address in sequence(health["depends_on"])}
    assert waits == set(children), "AWS rejects a composite alarm whose children do not exist"


def test_cloudwatch_may_use_the_topics_key(shipped: dict[str, Stack]) -> None:
    """CloudWatch cannot publish to a topic that is encrypted with the AWS managed key of SNS."""
    stack = shipped["prod-monitoring"]
    assert stack.resource("aws_sns_topic.alarms")["kms_master_key_id"] == (
        "${aws_kms_key.alarms_key.arn}"
    )
    policies = dict(stack.policies())
    allowed = {
        str(mapping(s["Principal"]).get("Service")): set(map(str, sequence(s["Action"])))
        for s in policies["aws_kms_key.alarms_key.policy"]
    }
    assert allowed["cloudwatch.amazonaws.com"] == {"kms:Decrypt", "kms:GenerateDataKey"}
    (publish,) = policies["aws_sns_topic_policy.alarms_policy.policy"]
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Action"] == ["sns:Publish"]
    assert "aws:SourceAccount" in str(publish["Condition"])


def test_administrators_manage_the_key_but_cannot_use_it(
    shipped: dict[str, Stack],
) -> None:
    policies = dict(shipped["prod-monitoring"].policies())
    administer = next(
        s for s in policies["aws_kms_key.alarms_key.policy"] if s["Sid"] == "AdministerThisKey"
    )
    actions = set(map(str, sequence(administer["Action"])))
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CreateAlias"} <= actions
    assert not actions & {"kms:Decrypt", "kms:Encrypt", "kms:CreateGrant"}


def test_every_configured_address_is_subscribed(everything: dict[str, Stack]) -> None:
    subscriptions = {
        str(arguments["endpoint"]): arguments["protocol"]
        for address, arguments in everything["monitoring"].resources().items()
        if address.startswith("aws_sns_topic_subscription.")
    }
    assert subscriptions == {"operators@example.org": "email", "second@example.org": "email"}


def test_the_budget_warns_at_80_percent_and_by_forecast(everything: dict[str, Stack]) -> None:
    stack = everything["monitoring"]
    budget = stack.resource("aws_budgets_budget.monthly_budget")
    assert (budget["limit_amount"], budget["limit_unit"]) == ("200", "USD")
    warned = {
        str(n["notification_type"]): n["threshold"]
        for n in map(mapping, sequence(budget["notification"]))
    }
    assert warned == {"ACTUAL": 80, "FORECASTED": 100}
    allowed = [
        mapping(s["Principal"])["Service"]
        for s in dict(stack.policies())["aws_sns_topic_policy.alarms_policy.policy"]
    ]
    assert "budgets.amazonaws.com" in allowed


def test_without_a_budget_only_cloudwatch_may_publish(shipped: dict[str, Stack]) -> None:
    assert "budgets" not in json.dumps(shipped["prod-monitoring"].document)


def _widgets(stack: Stack) -> list[dict[str, Json]]:
    body = stack.resource("aws_cloudwatch_dashboard.dashboard")["dashboard_body"]
    return [mapping(widget) for widget in json.loads(str(body))["widgets"]]


def _lines(widget: dict[str, Json], metric: str) -> Iterator[list[Json]]:
    """Yield the lines of a chart that show a metric."""
    for line in sequence(mapping(widget["properties"]).get("metrics", [])):
        if isinstance(line, list) and line[1:2] == [metric]:
            yield line


def test_widgets_fit_the_dashboard_without_overlapping(shipped: dict[str, Stack]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in _widgets(shipped["prod-monitoring"]):
        x, y, width, height = (int(str(widget[key])) for key in ("x", "y", "width", "height"))
        cells = {(x + i, y + j) for i in range(width) for j in range(height)}
        assert x + width <= 24
        assert not cells & taken
        taken |= cells


def test_charts_state_region_and_complete_metrics(shipped: dict[str, Stack]) -> None:
    charts = [w for w in _widgets(shipped["prod-monitoring"]) if w["type"] == "metric"]
    assert charts
    for chart in charts:
        properties = mapping(chart["properties"])
        assert properties["region"] == "us-east-1"
        for metric in map(sequence, sequence(properties["metrics"])):
            if not isinstance(metric[0], dict):
                *_, options = metric
                assert len(metric) % 2, "dimensions come as name and value"
                assert {"stat", "period", "label"} <= set(mapping(options))


def test_cloudfront_is_read_from_us_east_1(everything: dict[str, Stack]) -> None:
    lines = [
        sequence(metric)
        for widget in _widgets(everything["monitoring"])
        if widget["type"] == "metric"
        for metric in sequence(mapping(widget["properties"])["metrics"])
        if isinstance(metric, list) and metric[0] == "AWS/CloudFront"
    ]
    assert lines
    for line in lines:
        assert mapping(line[-1])["region"] == "us-east-1"


def test_the_dashboard_shows_the_main_metrics_and_all_alarms(shipped: dict[str, Stack]) -> None:
    body = json.dumps(_widgets(shipped["prod-monitoring"]))
    for metric in (
        "CacheHit", "CacheMiss", "CacheStale", "CacheCoalesced", "UpstreamError",
        "UpstreamLatency", "Duration", "Throttles", "ReadThrottleEvents", "5xxErrorRate",
        "ConsumedWriteCapacityUnits", "BucketSizeBytes",
    ):  # fmt: skip
        assert metric in body
    alarms = _widgets(shipped["prod-monitoring"])[0]
    assert alarms["type"] == "alarm"
    shown = sequence(mapping(alarms["properties"])["alarms"])
    assert len(shown) == len(_alarms(shipped["prod-monitoring"])) + 1


def test_the_dashboard_shows_the_system_errors_of_each_operation(
    shipped: dict[str, Stack],
) -> None:
    (chart,) = (
        lines
        for widget in _widgets(shipped["prod-monitoring"])
        if (lines := list(_lines(widget, "SystemErrors")))
    )
    operations = [line[line.index("Operation") + 1] for line in chart]
    assert operations == ["GetItem", "PutItem", "UpdateItem"]


@pytest.mark.parametrize("metric", ["AllRequests", "4xxErrors", "5xxErrors"])
def test_the_dashboard_shows_requests_to_s3_where_they_are_measured(
    metric: str, shipped: dict[str, Stack]
) -> None:
    shown = {
        environment: [
            str(line[line.index("BucketName") + 1])
            for widget in _widgets(shipped[f"{environment}-monitoring"])
            for line in _lines(widget, metric)
        ]
        for environment in ("prod", "staging")
    }
    assert len(shown["prod"]) == len([bucket for bucket in DATA_BUCKETS if bucket.measured])
    assert shown["staging"] == []


def test_the_hit_ratio_is_the_share_of_questions_that_are_no_misses(
    shipped: dict[str, Stack],
) -> None:
    (chart,) = (
        sequence(mapping(widget["properties"])["metrics"])
        for widget in _widgets(shipped["prod-monitoring"])
        if mapping(widget["properties"]).get("title") == "Hit ratio"
    )
    *lines, [formula] = map(sequence, chart)
    ids = {str(mapping(line[-1])["id"]): str(line[1]) for line in lines}
    expression = str(mapping(formula)["expression"])
    for id_, metric in ids.items():
        expression = expression.replace(id_, metric)
    assert expression == (
        "100 - 100 * FILL(CacheMiss, 0) / (FILL(CacheHit, 0) + FILL(CacheMiss, 0)"
        " + FILL(CacheStale, 0) + FILL(CacheCoalesced, 0))"
    )


@pytest.mark.parametrize(
    "metric",
    ["NumberOfObjects", "BucketSizeBytes", "TokensThought", "GeminiBudgetUsed", "CacheStale"],
)
def test_every_dashboard_shows_what_needs_no_setting(
    metric: str, shipped: dict[str, Stack]
) -> None:
    widgets = _widgets(shipped["staging-monitoring"])
    assert [line for widget in widgets for line in _lines(widget, metric)]


def test_the_dashboard_shows_throttling_of_table_and_index(shipped: dict[str, Stack]) -> None:
    lines = [
        line
        for widget in _widgets(shipped["prod-monitoring"])
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
        for line in _lines(widget, metric)
    ]
    assert len(lines) == 4
    assert ["GlobalSecondaryIndexName" in line for line in lines].count(True) == 2


def test_the_dashboard_can_be_disabled(synthesized: Synthesized) -> None:
    stacks = synthesized(_document(monitoring={"dashboard": False}))
    assert "aws_cloudwatch_dashboard" not in stacks["monitoring"].counts()


def test_the_monitoring_stack_requires_its_section(shipped: dict[str, Stack]) -> None:
    assert "prod-monitoring" in shipped
    assert "dev-monitoring" not in shipped


def test_monitoring_without_a_frontend_has_no_cloudfront_alarms(synthesized: Synthesized) -> None:
    stacks = synthesized(_document())
    assert "frontend" not in stacks
    assert "CloudFront" not in json.dumps(stacks["monitoring"].document)
