"""The metrics that alarms depend on: one EMF line per invocation."""

from __future__ import annotations

import pytest
from reasoning.cache import Failure, Lease
from reasoning.errors import ConfigurationError, UpstreamAnswerError, UpstreamUnavailableError

from testing.questions import FIELDS, Context, get_event
from tests.lambda_src.builders import DAY, KEY, NOW, Api, LogLines, entry

EXPIRED = entry(cached_at=NOW - DAY, expires_at=NOW - 1)


def counted(lines: list[dict[str, object]]) -> dict[str, object]:
    """Return the metrics of the last request, extracted as CloudWatch does."""
    line = [line for line in lines if line["event"] == "request"][-1]
    directive = line.get("_aws")
    if directive is None:
        return {}
    assert isinstance(directive, dict)
    assert isinstance(directive["Timestamp"], int)
    (metrics,) = directive["CloudWatchMetrics"]
    assert metrics["Namespace"] == "co2-analysis"
    assert metrics["Dimensions"] == [["FunctionName"]]
    assert line["FunctionName"] == Context.function_name
    for metric in metrics["Metrics"]:
        unit = "Milliseconds" if metric["Name"] == "UpstreamLatency" else "Count"
        assert metric["Unit"] == unit
    return {metric["Name"]: line[metric["Name"]] for metric in metrics["Metrics"]}


def test_a_miss_with_its_latency_then_a_hit(log_lines: LogLines) -> None:
    api = Api()
    api.send(get_event(FIELDS))
    miss = counted(log_lines())
    api.send(get_event(FIELDS))

    assert set(miss) == {"CacheMiss", "UpstreamLatency"}
    assert miss["CacheMiss"] == 1
    assert counted(log_lines()) == {"CacheHit": 1}


@pytest.mark.parametrize("event", [get_event({}), {}, get_event(FIELDS) | {"rawPath": "/"}])
def test_an_invalid_request_has_no_metrics(event: object, log_lines: LogLines) -> None:
    Api().send(event)

    assert counted(log_lines()) == {}


def test_an_error_of_the_model_counts_as_a_miss(log_lines: LogLines) -> None:
    Api(UpstreamAnswerError("scripted")).send(get_event(FIELDS))

    found = counted(log_lines())
    assert found.pop("UpstreamLatency") is not None
    assert found == {"UpstreamError": 1, "CacheMiss": 1}


def test_a_missing_api_key_is_not_an_upstream_error(log_lines: LogLines) -> None:
    Api(ConfigurationError("scripted")).send(get_event(FIELDS))

    found = counted(log_lines())
    assert "UpstreamError" not in found
    assert found["CacheMiss"] == 1


def test_a_stale_answer_counts_as_stale_and_not_as_a_miss(log_lines: LogLines) -> None:
    api = Api(UpstreamUnavailableError("scripted", retry_after=1))
    api.cache.entries[KEY] = EXPIRED

    assert api.send(get_event(FIELDS))["headers"]["X-Cache"] == "STALE"
    found = counted(log_lines())
    assert found.pop("UpstreamLatency") is not None
    assert found == {"UpstreamError": 1, "CacheStale": 1}


def test_an_answer_of_another_request_counts_as_coalesced(log_lines: LogLines) -> None:
    api = Api()
    api.cache.leases[KEY] = Lease(key=KEY, owner="other", until=1000 * (NOW + 9))
    api.service = api.instance(sleep=lambda _: api.cache.entries.update({KEY: entry()}))

    assert api.send(get_event(FIELDS))["headers"]["X-Cache"] == "COALESCED"
    assert counted(log_lines()) == {"CacheCoalesced": 1}


def test_a_shared_failure_is_not_an_upstream_error(log_lines: LogLines) -> None:
    api = Api()
    api.cache.failures[KEY] = Failure(kind="upstream-rejected", owner="other", until=NOW + 60)

    assert api.send(get_event(FIELDS))["statusCode"] == 502
    assert counted(log_lines()) == {"CacheMiss": 1}


def test_failed_calls_of_the_table_are_counted(log_lines: LogLines) -> None:
    api = Api()
    api.cache.broken = True

    api.send(get_event(FIELDS))
    found = counted(log_lines())
    # Lease and answer could not be written.
    assert (found["CacheReadFailure"], found["CacheWriteFailure"]) == (1, 2)


def test_metrics_are_reset_for_the_next_invocation(log_lines: LogLines) -> None:
    api = Api()
    api.send(get_event(FIELDS))
    api.send(get_event({}))

    assert counted(log_lines()) == {}
