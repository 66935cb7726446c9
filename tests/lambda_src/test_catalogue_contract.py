"""The function and modules/catalogue.py agree, although neither imports the other.

A real request through the entry point shows what the function reads and writes; requests through
the fakes emit every metric.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from reasoning import answer_cache, config
from reasoning import handler as handler_module
from reasoning.cache import Lease
from reasoning.errors import UpstreamUnavailableError
from reasoning.metrics import Metric

from modules import catalogue
from testing.questions import CREDENTIALS, FIELDS, Context, get_event
from testing.questions import VARIABLES as COMMON
from tests.lambda_src.builders import DAY, KEY, NOW, Api, LogLines, entry
from tests.lambda_src.scripted_server import ScriptedServer, reply

PREFIX = "/co2-analysis/dev"
VARIABLES = {
    "PARAMETER_PREFIX": PREFIX,
    "GEMINI_SECRET_ID": "secret",
    "CORS_ORIGINS": "*",
    **COMMON,
}
VALUES = {
    catalogue.CACHE_TABLE_NAME: "co2-analysis-dev-cache",
    catalogue.GEMINI_MODEL: "gemini-3.8-flash",
    catalogue.GEMINI_TIMEOUT: "20",
    catalogue.GEMINI_CALLS_PER_DAY: "1000",
    catalogue.GEMINI_LANGUAGE: "en",
    catalogue.CACHE_TTL: "90",
    catalogue.CACHE_NAMESPACE: "1",
}
UNITS = {
    "answers": "Count",
    "errors": "Count",
    "tokens": "Count",
    "ms": "Milliseconds",
    "percent": "Percent",
}


class RecordingEnvironment(Mapping[str, str]):
    """Environment variables that record which names were looked up."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@dataclass(frozen=True)
class Observed:
    """The variables that a miss read, and its AWS requests by operation.

    `lease` and `budget` are its two updates.
    """

    variables: set[str]
    requests: dict[str, dict[str, object]]
    lease: dict[str, object]
    budget: dict[str, object]


@pytest.fixture
def observed(
    aws_server: ScriptedServer, gemini_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Observed:
    parameters = {**VALUES, catalogue.GEMINI_ENDPOINT: gemini_server.url}
    found = [{"Name": f"{PREFIX}/{row.path}", "Value": text} for row, text in parameters.items()]
    get_item, lease = reply(200, {}), reply(200, {})
    get_secret = reply(200, {"SecretString": "key"})
    budget = reply(200, {"Attributes": {"calls": {"N": "1"}}})
    aws_server.will(reply(200, {"Parameters": found}), get_item, lease, get_secret, budget)
    from_lambda = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": aws_server.url}
    environment = RecordingEnvironment({**CREDENTIALS, **from_lambda, **VARIABLES})
    cached = (handler_module._runtime, handler_module._cors_policy)
    for function in cached:
        function.cache_clear()

    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", environment)
        response = handler_module.handler(get_event(FIELDS), Context())

    for function in cached:
        function.cache_clear()
    assert response["headers"]["X-Cache"] == "MISS", response["body"]
    requests = [
        (request.headers["x-amz-target"].partition(".")[2], request.json())
        for request in aws_server.requests
    ]
    lease_request, budget_request = (body for name, body in requests if name == "UpdateItem")
    return Observed(environment.names, dict(requests), lease_request, budget_request)


def test_the_variables_are_those_of_the_catalogue(observed: Observed) -> None:
    # Lambda sets the others, except AWS_ENDPOINT_URL, which is for local use.
    own = {name for name in observed.variables if not name.startswith("AWS_")}

    assert own == set(catalogue.VARIABLES)


def test_the_parameters_are_the_configuration_and_the_table_name(observed: Observed) -> None:
    rows = [row for row in catalogue.PARAMETERS if row.layer is catalogue.Layer.BASE]

    names = observed.requests["GetParameters"]["Names"]
    assert isinstance(names, list)
    assert sorted(names) == sorted(
        f"{PREFIX}/{row.path}" for row in (*rows, catalogue.CACHE_TABLE_NAME)
    )


def test_items_have_the_keys_of_table_and_index_and_the_ttl(observed: Observed) -> None:
    item, lease = observed.requests["PutItem"]["Item"], observed.lease
    assert isinstance(item, dict)
    types = {name: kind for name, value in item.items() for kind in value}
    strings = (catalogue.TABLE_KEY, catalogue.INDEX_HASH_KEY, catalogue.INDEX_RANGE_KEY)

    assert {name: types.get(name) for name in strings} == dict.fromkeys(strings, "S")
    assert types.get(catalogue.TTL_ATTRIBUTE) == "N"
    for request in (observed.requests["GetItem"], lease):
        assert request["Key"] == {catalogue.TABLE_KEY: item[catalogue.TABLE_KEY]}
    assert lease["ExpressionAttributeNames"] == {"#ttl": catalogue.TTL_ATTRIBUTE}


def test_the_watched_operations_are_those_that_a_miss_needs(observed: Observed) -> None:
    of_table = {name for name, body in observed.requests.items() if "TableName" in body}

    assert of_table == set(catalogue.OPERATIONS)


def test_the_budget_has_the_key_that_operators_leave_alone(observed: Observed) -> None:
    key = observed.budget["Key"]
    assert isinstance(key, dict)
    (attribute,) = key
    prefix, day = key[attribute]["S"][:7], key[attribute]["S"][7:]

    assert (attribute, prefix) == (catalogue.TABLE_KEY, catalogue.BUDGET_KEY_PREFIX)
    assert datetime.date.fromisoformat(day)
    assert observed.budget["ExpressionAttributeNames"] == {"#ttl": catalogue.TTL_ATTRIBUTE}


def test_the_times_in_memory_are_those_of_the_catalogue() -> None:
    assert answer_cache._MAX_AGE_SECONDS == catalogue.ANSWER_MEMORY_SECONDS
    assert config._REFRESH_SECONDS == catalogue.PARAMETER_MEMORY_SECONDS


def emit_every_metric() -> None:
    api = Api()
    api.send(get_event(FIELDS))
    api.send(get_event(FIELDS))

    stale = Api(UpstreamUnavailableError("scripted", retry_after=1))
    stale.cache.entries[KEY] = entry(cached_at=NOW - DAY, expires_at=NOW - 1)
    stale.send(get_event(FIELDS))

    follower = Api()
    follower.cache.leases[KEY] = Lease(key=KEY, owner="other", until=1000 * (NOW + 9))
    follower.service = follower.instance(
        sleep=lambda _: follower.cache.entries.update({KEY: entry()})
    )
    follower.send(get_event(FIELDS))

    bypass = Api()
    bypass.cache.broken = True
    bypass.send(get_event(FIELDS))


def test_the_metrics_are_those_of_the_catalogue(
    log_lines: LogLines, request: pytest.FixtureRequest
) -> None:
    # Requested here, so that its log is captured: it has the tokens and the budget.
    request.getfixturevalue("observed")
    emit_every_metric()

    directives = [
        directive
        for line in log_lines()
        if isinstance(emf := line.get("_aws"), dict)
        for directive in emf["CloudWatchMetrics"]
    ]
    assert {
        (
            metric["Name"],
            metric["Unit"],
            directive["Namespace"],
            json.dumps(directive["Dimensions"]),
        )
        for directive in directives
        for metric in directive["Metrics"]
    } == {
        (row.name, UNITS[row.unit], row.namespace, json.dumps([list(row.dimensions)]))
        for row in catalogue.EMITTED
    }
    assert {metric.value for metric in Metric} == {row.name for row in catalogue.EMITTED}
