"""The whole function against the AWS emulator and a fake Gemini."""

from __future__ import annotations

import datetime
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from reasoning import handler as handler_module
from reasoning.aws import DYNAMODB
from reasoning.cache import Failure, Lease, Snapshot
from reasoning.deadline import Deadline
from reasoning.handler import respond
from reasoning.runtime import Runtime
from reasoning.store import CacheStore

from modules import catalogue
from testing.questions import (
    ANSWER,
    FIELDS,
    VARIABLES,
    Context,
    get_event,
    post_event,
)
from tests.lambda_src import fake_gemini as gemini
from tests.lambda_src.builders import LogLines, aws_client, entry, json_body, key, query
from tests.lambda_src.scripted_server import Behaviour, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reasoning.responses import LambdaResponse

    from testing.emulator import Emulator

pytestmark = pytest.mark.integration
KEY = key(model="gemini-3.8-flash")


class Deployment:
    """A new environment in the emulator, and an instance of the function in it."""

    def __init__(self, emulator: Emulator, gemini_url: str) -> None:
        environment = f"test-{uuid.uuid4().hex[:8]}"
        self.prefix = f"/co2-analysis/{environment}"
        self.table = f"co2-analysis-{environment}-cache"
        self.secret = f"co2-analysis-{environment}-gemini-api-key"
        self.variables = {
            **emulator.key.variables,
            **VARIABLES,
            "PARAMETER_PREFIX": self.prefix,
            "GEMINI_SECRET_ID": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": emulator.ports.endpoint,
        }
        self.dynamodb = emulator.client("dynamodb")
        self.ssm = emulator.client("ssm")
        self.secrets_manager = emulator.client("secretsmanager")
        self._create_table()
        self.put_parameter("/storage/dynamodb/cache-table-name", self.table)
        self.put_parameter("/config/gemini/model", "gemini-3.8-flash")
        self.put_parameter("/config/gemini/endpoint", gemini_url)
        self.put_parameter("/config/gemini/timeout-seconds", "5")
        self.put_parameter("/config/gemini/calls-per-day", "1000")
        self.put_parameter("/config/gemini/language", "en")
        self.put_parameter("/config/cache/ttl-days", "90")
        self.put_parameter("/config/cache/namespace", "1")
        self.secrets_manager.create_secret(Name=self.secret)
        self.restart()

    def restart(self) -> None:
        self.runtime = Runtime(self.variables)

    def send(self, event: object) -> LambdaResponse:
        return respond(event, Context(), self.runtime.service)

    def put_parameter(self, suffix: str, value: str) -> None:
        name = self.prefix + suffix
        self.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def set_key(self, value: str) -> None:
        self.secrets_manager.put_secret_value(SecretId=self.secret, SecretString=value)

    def item(self) -> Mapping[str, Any] | None:
        return self.dynamodb.get_item(TableName=self.table, Key={"cache_key": {"S": KEY}}).get(
            "Item"
        )

    def set_attribute(self, name: str, value: dict[str, str]) -> None:
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"cache_key": {"S": KEY}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    def store(self) -> CacheStore:
        client = aws_client(
            DYNAMODB,
            self.variables["AWS_ENDPOINT_URL"],
            region="us-east-1",
            environment=self.variables,
        )
        return CacheStore(client, self.table, max_lease_seconds=7)

    def _create_table(self) -> None:
        names = (catalogue.TABLE_KEY, catalogue.INDEX_HASH_KEY, catalogue.INDEX_RANGE_KEY)
        self.dynamodb.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
            KeySchema=[{"AttributeName": catalogue.TABLE_KEY, "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": catalogue.INDEX,
                    "KeySchema": [
                        {"AttributeName": catalogue.INDEX_HASH_KEY, "KeyType": "HASH"},
                        {"AttributeName": catalogue.INDEX_RANGE_KEY, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )


@pytest.fixture
def deployment(emulator: Emulator, gemini_server: ScriptedServer) -> Deployment:
    deployed = Deployment(emulator, gemini_server.url)
    deployed.set_key("first-key")
    return deployed


def test_a_miss_then_hits_across_methods_and_processes(
    deployment: Deployment, gemini_server: ScriptedServer
) -> None:
    miss = deployment.send(get_event(FIELDS))
    hit = deployment.send(post_event(json_body(FIELDS)))
    deployment.restart()
    hit_of_a_new_process = deployment.send(get_event(FIELDS))

    responses = (miss, hit, hit_of_a_new_process)
    assert [r["headers"].get("X-Cache") for r in responses] == ["MISS", "HIT", "HIT"]
    assert [json.loads(r["body"])["reasoning"] for r in responses] == [ANSWER] * 3
    assert len({r["headers"]["ETag"] for r in responses}) == 1
    assert len(gemini_server.requests) == 1


def test_the_item_is_found_in_the_index_by_its_time(deployment: Deployment) -> None:
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=2)
    deployment.send(get_event(FIELDS))

    item = deployment.item()
    assert item is not None
    found = deployment.dynamodb.query(
        TableName=deployment.table,
        IndexName=catalogue.INDEX,
        KeyConditionExpression="cached_date = :day AND cached_at > :from",
        ExpressionAttributeValues={
            ":day": item["cached_date"],
            ":from": {"S": before.strftime("%Y-%m-%dT%H:%M:%SZ")},
        },
    )["Items"]

    assert found == [item]
    assert json.loads(item["query_params"]["S"]) == json.loads(query().canonical_json())
    assert abs(int(item["ttl"]["N"]) - time.time() - 90 * 86_400) < 60


@pytest.mark.parametrize(
    "value", [{"N": "1779000000"}, {"S": "tomorrow"}], ids=["expired", "wrong type"]
)
def test_an_expired_or_invalid_item_is_overwritten(
    deployment: Deployment, value: dict[str, str]
) -> None:
    deployment.send(get_event(FIELDS))
    deployment.set_attribute("ttl", value)
    deployment.restart()

    assert deployment.send(get_event(FIELDS))["headers"]["X-Cache"] == "MISS"
    assert deployment.send(get_event(FIELDS))["headers"]["X-Cache"] == "HIT"


@pytest.mark.parametrize(("consistent", "after"), [("0", "HIT"), ("1", "MISS")])
def test_a_deleted_answer_is_gone_at_once_if_reads_are_consistent(
    deployment: Deployment, consistent: str, after: str
) -> None:
    deployment.variables["CONSISTENT_READS"] = consistent
    deployment.restart()
    caches = [deployment.send(get_event(FIELDS))["headers"]["X-Cache"] for _ in range(2)]
    deployment.dynamodb.delete_item(TableName=deployment.table, Key={"cache_key": {"S": KEY}})
    caches.append(deployment.send(get_event(FIELDS))["headers"]["X-Cache"])

    assert caches == ["MISS", "HIT", after]


def test_a_deleted_table_is_bypassed(deployment: Deployment, log_lines: LogLines) -> None:
    deployment.dynamodb.delete_table(TableName=deployment.table)

    response = deployment.send(get_event(FIELDS))

    assert (response["statusCode"], response["headers"]["X-Cache"]) == (200, "MISS")
    reasons = [line.get("reason") for line in log_lines()]
    assert "dynamodb GetItem: ResourceNotFoundException" in reasons
    assert "dynamodb PutItem: ResourceNotFoundException" in reasons


def test_a_secret_without_a_value_fails_misses_until_it_is_set(
    emulator: Emulator, gemini_server: ScriptedServer, log_lines: LogLines
) -> None:
    deployment = Deployment(emulator, gemini_server.url)

    assert deployment.send(get_event(FIELDS))["statusCode"] == 500
    (problem,) = [line for line in log_lines() if line["event"] == "problem"]
    assert f"put-secret-value --secret-id {deployment.secret}" in str(problem["reason"])

    deployment.set_key("first-key")
    assert deployment.send(get_event(FIELDS))["statusCode"] == 200


def test_a_rotated_key_is_refetched_without_a_failed_request(
    deployment: Deployment, gemini_server: ScriptedServer
) -> None:
    deployment.send(get_event(FIELDS))
    deployment.set_key("second-key")
    gemini_server.default = gemini.reject_keys_except(gemini_server, "second-key")

    assert deployment.send(get_event({**FIELDS, "lat": "1"}))["statusCode"] == 200


def test_a_missing_parameter_is_named_and_read_again(
    deployment: Deployment, log_lines: LogLines
) -> None:
    name = f"{deployment.prefix}/config/gemini/model"
    deployment.ssm.delete_parameter(Name=name)

    assert deployment.send(get_event(FIELDS))["statusCode"] == 500
    (problem,) = [line for line in log_lines() if line["event"] == "problem"]
    assert f"{name} is missing" in str(problem["reason"])

    deployment.put_parameter("/config/gemini/model", "gemini-3.8-flash")
    assert deployment.send(get_event(FIELDS))["statusCode"] == 200


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (gemini.status(429), 503),
        (gemini.status(404), 502),
    ],
)
def test_an_error_of_gemini_is_not_cached(
    deployment: Deployment, gemini_server: ScriptedServer, behaviour: Behaviour, status: int
) -> None:
    gemini_server.will(behaviour)

    assert deployment.send(get_event(FIELDS))["statusCode"] == status
    item = deployment.item()
    assert item is not None
    assert not {"reasoning_result", "lease_owner", "cached_date"} & set(item)
    assert deployment.send(get_event(FIELDS))["headers"]["X-Cache"] == "MISS"


@pytest.mark.parametrize(
    "rejection",
    [
        gemini.status(400),
        gemini.blocked_prompt(),
        gemini.finished_by("MAX_TOKENS"),
        gemini.saying("{"),
        gemini.answering({}),
    ],
)
def test_negative_caching_is_shared_by_all_instances(
    deployment: Deployment, gemini_server: ScriptedServer, rejection: Behaviour
) -> None:
    gemini_server.will(rejection)

    statuses = []
    for _ in range(3):
        statuses.append(deployment.send(get_event(FIELDS))["statusCode"])
        deployment.restart()

    assert statuses == [502] * 3
    assert len(gemini_server.requests) == 1
    item = deployment.item()
    assert item is not None
    assert 50 <= int(item["failure_until"]["N"]) - time.time() <= 300


@pytest.mark.parametrize(
    "behaviour", [gemini.status(429, retry_delay="30s"), gemini.status(503, {"Retry-After": "30"})]
)
def test_a_pause_is_shared_by_all_instances(
    deployment: Deployment, gemini_server: ScriptedServer, behaviour: Behaviour
) -> None:
    gemini_server.will(behaviour)
    for lat in range(4):
        response = deployment.send(get_event({**FIELDS, "lat": str(lat)}))
        assert response["statusCode"] == 503
        assert 25 <= int(response["headers"]["Retry-After"]) <= 30
        deployment.restart()

    assert len(gemini_server.requests) == 1


def test_the_budget_is_shared_by_all_instances(
    deployment: Deployment, gemini_server: ScriptedServer
) -> None:
    deployment.put_parameter("/config/gemini/calls-per-day", "5")
    instances = [Runtime(deployment.variables) for _ in range(12)]
    events = [get_event({**FIELDS, "lat": str(lat)}) for lat in range(12)]

    with ThreadPoolExecutor(12) as pool:
        statuses = pool.map(
            lambda pair: respond(pair[1], Context(), pair[0].service)["statusCode"],
            zip(instances, events, strict=True),
        )
        found = sorted(statuses)

    assert found == [200] * 5 + [503] * 7
    assert len(gemini_server.requests) == 5
    deployment.restart()
    used_up = deployment.send(get_event({**FIELDS, "lat": "50"}))
    assert json.loads(used_up["body"])["type"] == "/problems/budget-exhausted"


@pytest.mark.parametrize("behaviour", [gemini.status(429), gemini.saying("{"), gemini.status(401)])
def test_a_stale_answer_is_served_while_gemini_fails(
    deployment: Deployment, gemini_server: ScriptedServer, behaviour: Behaviour
) -> None:
    deployment.send(get_event(FIELDS))
    deployment.set_attribute("ttl", {"N": str(int(time.time()))})
    deployment.restart()
    gemini_server.default = behaviour

    response = deployment.send(get_event(FIELDS))

    assert (response["statusCode"], response["headers"]["X-Cache"]) == (200, "STALE")
    assert json.loads(response["body"])["reasoning"] == ANSWER
    assert response["headers"]["Cache-Control"] == (
        "public, max-age=0, s-maxage=0, stale-while-revalidate=0, stale-if-error=0"
    )


def test_of_concurrent_misses_one_calls_gemini(
    deployment: Deployment, gemini_server: ScriptedServer
) -> None:
    gemini_server.default = gemini.slowly(0.5)
    instances = [Runtime(deployment.variables) for _ in range(12)]
    started = time.monotonic()

    with ThreadPoolExecutor(len(instances)) as pool:
        responses = list(
            pool.map(
                lambda runtime: respond(get_event(FIELDS), Context(), runtime.service), instances
            )
        )

    assert [response["statusCode"] for response in responses] == [200] * 12
    caches = [response["headers"]["X-Cache"] for response in responses]
    assert caches.count("MISS") == 1
    # A thread that started late finds the answer in the table.
    assert caches.count("COALESCED") + caches.count("HIT") == 11
    assert "COALESCED" in caches
    assert len(gemini_server.requests) == 1
    assert time.monotonic() - started < 2.5


def test_the_lease_of_a_dead_instance_is_taken_over_and_fenced(deployment: Deployment) -> None:
    store, soon = deployment.store(), Deadline.after(10)
    dead = Lease(key=KEY, owner="dead", until=int(1000 * time.time()) + 400)
    assert store.acquire(dead, Snapshot(), time.time(), soon)
    assert not store.acquire(replace(dead, owner="other"), Snapshot(), time.time(), soon)

    response = deployment.send(get_event(FIELDS))
    now = int(time.time())
    late = entry(key=KEY, cached_at=now, expires_at=now + 99)

    assert response["headers"]["X-Cache"] == "MISS"
    assert not store.put(late, query(), dead, soon)
    assert not store.release(dead, Failure(kind="upstream-answer", owner="dead"), soon)
    found = store.read(KEY, query(), now, soon, consistent=True)
    assert found.fresh is not None
    assert json.loads(found.fresh.reasoning_json) == ANSWER


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ({}, True),
        ({"lease_owner": {"S": "me"}, "lease_until": {"N": "9" * 13}}, True),
        ({"lease_owner": {"S": "other"}}, True),
        ({"lease_owner": {"S": "other"}, "lease_until": {"S": "x"}}, True),
        ({"lease_owner": {"S": "other"}, "lease_until": {"N": "9" * 13}}, True),
        ({"lease_owner": {"S": "other"}, "lease_until": {"N": "NOW + 5"}}, False),
        ({"lease_until": {"N": "NOW + 5"}}, False),
        ({"cached_at": {"S": "x"}, "ttl": {"N": "1"}}, True),
        ({"cached_at": {"S": "x"}, "ttl": {"N": "9" * 10}}, False),
    ],
)
def test_an_answer_is_written_unless_another_lease_or_a_fresh_answer_is_there(
    deployment: Deployment, attributes: dict[str, dict[str, str]], written: bool
) -> None:
    """The owner of the lease may not know whether it was taken: the response was lost."""
    store, soon, now = deployment.store(), Deadline.after(10), int(time.time())
    until = {"N": str(1000 * (now + 5))}
    item = {n: until if value == {"N": "NOW + 5"} else value for n, value in attributes.items()}
    deployment.dynamodb.put_item(TableName=deployment.table, Item={"cache_key": {"S": KEY}, **item})
    mine = Lease(key=KEY, owner="me", until=1000 * (now + 5))
    found = store.read(KEY, query(), now, soon, consistent=True)

    # What is read as free can be taken, and nothing else.
    taken = store.acquire(replace(mine, owner="new"), found, now, soon)
    assert taken == (found.holder is None)
    deployment.dynamodb.put_item(TableName=deployment.table, Item={"cache_key": {"S": KEY}, **item})
    answer = entry(key=KEY, cached_at=now, expires_at=now + 99)
    assert store.put(answer, query(), mine, soon) == written


def test_a_lease_is_not_taken_if_an_answer_was_written_since_the_read(
    deployment: Deployment,
) -> None:
    store, soon = deployment.store(), Deadline.after(10)
    deployment.send(get_event(FIELDS))
    seen = store.read(KEY, query(), time.time(), soon)
    lease = Lease(key=KEY, owner="late", until=int(1000 * time.time()) + 9000)

    assert not store.acquire(lease, Snapshot(), time.time(), soon)
    assert store.acquire(lease, seen, time.time(), soon)


def test_a_new_namespace_is_an_empty_cache(
    deployment: Deployment, gemini_server: ScriptedServer
) -> None:
    deployment.send(get_event(FIELDS))
    deployment.put_parameter("/config/cache/namespace", "2")
    deployment.restart()

    assert deployment.send(get_event(FIELDS))["headers"]["X-Cache"] == "MISS"
    assert len(gemini_server.requests) == 2


def test_the_entry_point(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployment.variables.items():
        monkeypatch.setenv(name, value)
    handler_module._runtime.cache_clear()

    responses = [handler_module.handler(get_event(FIELDS), Context()) for _ in range(2)]

    handler_module._runtime.cache_clear()
    assert [r["headers"].get("X-Cache") for r in responses] == ["MISS", "HIT"]


def test_no_log_line_contains_a_secret(
    deployment: Deployment, gemini_server: ScriptedServer, log_lines: LogLines
) -> None:
    gemini_server.will(gemini.status(401), gemini.status(403), gemini.status(503))
    for lat in ("1", "2", "3", "3"):
        deployment.send(get_event({**FIELDS, "lat": lat}))

    logged = json.dumps(log_lines())

    assert "gemini_key_refused" in logged
    for secret in ("first-key", "test-session-token", "AWS4-HMAC", "35.6762"):
        assert secret not in logged
