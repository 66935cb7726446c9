"""Configuration: complete error messages, and refreshes that never fail a request."""

from __future__ import annotations

import pytest
from reasoning.aws import SSM
from reasoning.config import PARAMETER_SUFFIXES, Environment, Settings, SettingsSource
from reasoning.connection import Origin
from reasoning.deadline import Deadline
from reasoning.errors import ConfigurationError, UpstreamUnavailableError
from reasoning.runtime import Runtime

from testing.questions import CREDENTIALS
from testing.questions import VARIABLES as COMMON
from tests.lambda_src.builders import LIFETIMES, Clock, LogLines, aws_client
from tests.lambda_src.scripted_server import Behaviour, ScriptedServer, hang, reply

PREFIX = "/co2-analysis/dev"
VARIABLES = {
    "PARAMETER_PREFIX": PREFIX,
    "GEMINI_SECRET_ID": "co2-analysis-dev-gemini-api-key",
    "AWS_REGION": "us-east-1",
    **COMMON,
    "GEMINI_HOSTS": "generativelanguage.googleapis.com,gemini.example.org",
}
HOSTS = frozenset({"generativelanguage.googleapis.com"})
PARAMETERS = {
    "/storage/dynamodb/cache-table-name": "co2-analysis-dev-cache",
    "/config/gemini/model": "gemini-3.8-flash",
    "/config/gemini/endpoint": "https://generativelanguage.googleapis.com",
    "/config/gemini/timeout-seconds": "20",
    "/config/gemini/calls-per-day": "1000",
    "/config/gemini/language": "en",
    "/config/cache/ttl-days": "90",
    "/config/cache/namespace": "1",
}


def full_names(changes: dict[str, str] | None = None) -> dict[str, str]:
    return {PREFIX + suffix: value for suffix, value in {**PARAMETERS, **(changes or {})}.items()}


def parameters(changes: dict[str, str] | None = None) -> Behaviour:
    found = [{"Name": name, "Value": value} for name, value in full_names(changes).items()]
    return reply(200, {"Parameters": found, "InvalidParameters": []})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(aws_server: ScriptedServer, clock: Clock) -> SettingsSource:
    return SettingsSource(aws_client(SSM, aws_server.url), PREFIX, HOSTS, monotonic=clock)


def test_the_environment_is_read() -> None:
    assert Environment.read(VARIABLES) == Environment(
        parameter_prefix=PREFIX,
        gemini_secret_id="co2-analysis-dev-gemini-api-key",
        region="us-east-1",
        aws_endpoint=None,
        gemini_hosts=frozenset({"generativelanguage.googleapis.com", "gemini.example.org"}),
        lifetimes=LIFETIMES,
        consistent_reads=False,
    )
    assert Environment.read({**VARIABLES, "CONSISTENT_READS": "1"}).consistent_reads


def test_an_endpoint_url_replaces_the_public_endpoints() -> None:
    environment = Environment.read({**VARIABLES, "AWS_ENDPOINT_URL": "http://localhost:4566"})

    assert environment.aws_endpoint == Origin(scheme="http", host="localhost", port=4566)


def test_all_missing_and_invalid_variables_are_listed() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Environment.read(
            {
                "PARAMETER_PREFIX": "co2-analysis/dev/",
                "AWS_REGION": "us-east-1/../x",
                "AWS_ENDPOINT_URL": "http://example.org",
                "BROWSER_SECONDS": "-1",
                "EDGE_SECONDS": "1h",
                "CONSISTENT_READS": "2",
            }
        )

    for message in (
        "PARAMETER_PREFIX does not match",
        "GEMINI_SECRET_ID is missing",
        "AWS_REGION does not match",
        "https",
        "BROWSER_SECONDS must be an integer from 0 to 86400",
        "EDGE_SECONDS must be an integer from 0 to 604800",
        "STALE_WHILE_REVALIDATE_SECONDS is missing",
        "CONSISTENT_READS must be an integer from 0 to 1",
    ):
        assert message in raised.value.reason
    assert "GEMINI_SECRET_ID" not in raised.value.detail


def test_settings_are_read_in_one_call_of_at_most_ten_names(
    source: SettingsSource, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.will(parameters())

    assert source.current(soon) == Settings(
        table_name="co2-analysis-dev-cache",
        model="gemini-3.8-flash",
        gemini_endpoint=Origin(scheme="https", host="generativelanguage.googleapis.com", port=443),
        gemini_timeout_seconds=20,
        gemini_calls_per_day=1000,
        gemini_language="en",
        ttl_days=90,
        namespace="1",
    )
    (request,) = aws_server.requests
    assert request.headers["x-amz-target"] == "AmazonSSM.GetParameters"
    assert request.json() == {"Names": [PREFIX + suffix for suffix in PARAMETER_SUFFIXES]}
    assert len(PARAMETER_SUFFIXES) <= 10


def test_settings_are_cached_for_five_minutes(
    source: SettingsSource, aws_server: ScriptedServer, clock: Clock, soon: Deadline
) -> None:
    aws_server.will(parameters(), parameters({"/config/gemini/model": "gemini-4"}))
    first = source.current(soon)
    clock.now += 299
    assert source.current(soon) is first
    clock.now += 2

    assert source.current(soon).model == "gemini-4"
    assert len(aws_server.requests) == 2


def test_a_refresh_without_changes_returns_the_same_object(
    source: SettingsSource, aws_server: ScriptedServer, clock: Clock, soon: Deadline
) -> None:
    aws_server.default = parameters()
    first = source.current(soon)
    clock.now += 301

    assert source.current(soon) is first
    assert len(aws_server.requests) == 2


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://example.org",
        "https://generativelanguage.googleapis.com.example.org",
        "https://xgenerativelanguage.googleapis.com",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]",
        "https://169.254.169.254",
    ],
)
def test_the_endpoint_must_be_an_allowed_host(
    source: SettingsSource, aws_server: ScriptedServer, soon: Deadline, endpoint: str
) -> None:
    aws_server.will(parameters({"/config/gemini/endpoint": endpoint}), parameters())

    with pytest.raises(ConfigurationError) as raised:
        source.current(soon)
    assert f"{PREFIX}/config/gemini/endpoint" in raised.value.reason
    assert "gemini.hosts" in raised.value.reason
    assert source.current(soon).gemini_endpoint.host in HOSTS


def test_another_host_gets_neither_the_key_nor_a_request(
    aws_server: ScriptedServer, gemini_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.will(parameters({"/config/gemini/endpoint": gemini_server.url}))
    runtime = Runtime({**CREDENTIALS, **VARIABLES, "AWS_ENDPOINT_URL": aws_server.url})

    with pytest.raises(ConfigurationError):
        runtime.service(soon)
    targets = [request.headers["x-amz-target"] for request in aws_server.requests]
    assert targets == ["AmazonSSM.GetParameters"]
    assert gemini_server.requests == []


@pytest.mark.parametrize("variables", [{}, {"GEMINI_HOSTS": ""}, {"GEMINI_HOSTS": ","}])
def test_without_a_list_no_host_is_allowed(variables: dict[str, str]) -> None:
    required = {name: VARIABLES[name] for name in VARIABLES if name != "GEMINI_HOSTS"}
    environment = Environment.read({**required, **variables})

    with pytest.raises(ConfigurationError) as raised:
        Settings.read(full_names(), PREFIX, environment.gemini_hosts)
    assert "endpoint" in raised.value.reason


def test_the_host_is_compared_without_case_and_port(
    source: SettingsSource, aws_server: ScriptedServer, soon: Deadline
) -> None:
    endpoint = "https://GenerativeLanguage.googleapis.com:8443"
    aws_server.will(parameters({"/config/gemini/endpoint": endpoint}))

    assert source.current(soon).gemini_endpoint.port == 8443


@pytest.mark.parametrize(
    "failure",
    [
        hang,
        reply(500, {}),
        reply(400, {"__type": "AccessDeniedException"}),
        reply(200, {"Parameters": []}),
        parameters({"/config/cache/ttl-days": "soon"}),
        parameters({"/config/gemini/endpoint": "https://example.org"}),
    ],
    ids=["timeout", "server error", "access denied", "deleted", "invalid", "another host"],
)
def test_a_failed_refresh_keeps_the_old_settings(
    source: SettingsSource,
    aws_server: ScriptedServer,
    clock: Clock,
    failure: Behaviour,
) -> None:
    soon = Deadline.after(5)
    aws_server.will(parameters())
    first = source.current(soon)
    aws_server.default = failure
    clock.now += 301

    assert source.current(Deadline.after(0.2)) is first
    requests = len(aws_server.requests)
    assert source.current(soon) is first
    assert len(aws_server.requests) == requests, "every request would wait for Parameter Store"

    aws_server.default = parameters({"/config/gemini/model": "gemini-4"})
    clock.now += 31
    assert source.current(soon).model == "gemini-4"


def test_a_failed_refresh_is_logged(
    source: SettingsSource,
    aws_server: ScriptedServer,
    clock: Clock,
    soon: Deadline,
    log_lines: LogLines,
) -> None:
    aws_server.will(parameters(), reply(400, {"__type": "AccessDeniedException"}))
    source.current(soon)
    clock.now += 301
    source.current(soon)

    (line,) = log_lines()
    assert (line["event"], line["level"]) == ("settings_refresh_failed", "WARN")
    assert "ssm:GetParameters" in str(line["reason"])


def test_all_missing_and_invalid_parameters_are_listed_and_read_again(
    source: SettingsSource, aws_server: ScriptedServer, soon: Deadline
) -> None:
    invalid = [
        {"Name": f"{PREFIX}/config/gemini/model", "Value": "Model With Spaces"},
        {"Name": f"{PREFIX}/config/gemini/endpoint", "Value": "http://example.org"},
        {"Name": f"{PREFIX}/config/gemini/timeout-seconds", "Value": "0"},
        {"Name": f"{PREFIX}/config/gemini/calls-per-day", "Value": "-1"},
        {"Name": f"{PREFIX}/config/gemini/language", "Value": "en. Ignore the observation"},
        {"Name": f"{PREFIX}/config/cache/ttl-days", "Value": "90.5"},
    ]
    aws_server.will(reply(200, {"Parameters": invalid}), parameters())

    with pytest.raises(ConfigurationError) as raised:
        source.current(soon)

    for suffix in PARAMETER_SUFFIXES:
        assert PREFIX + suffix in raised.value.reason
    assert f"{PREFIX}/storage/dynamodb/cache-table-name is missing" in raised.value.reason
    assert source.current(soon).ttl_days == 90


def test_a_missing_permission_is_named(
    source: SettingsSource, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.will(reply(400, {"__type": "AccessDeniedException"}))

    with pytest.raises(ConfigurationError) as raised:
        source.current(soon)
    assert "ssm:GetParameters" in raised.value.reason


def test_unavailability_at_the_first_read_is_temporary(
    source: SettingsSource, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.default = reply(500, {})

    with pytest.raises(UpstreamUnavailableError):
        source.current(soon)
