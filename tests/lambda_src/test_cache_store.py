"""The cache item: its format, its conditions and what makes it invalid."""

from __future__ import annotations

import json

import pytest
from reasoning.aws import DYNAMODB
from reasoning.cache import Failure, Lease, Snapshot
from reasoning.deadline import Deadline
from reasoning.errors import CacheUnavailableError, ItemTooLargeError
from reasoning.models import CacheEntry
from reasoning.store import CacheStore

from testing.questions import ANSWER
from tests.lambda_src.builders import DAY, KEY, NOW, LogLines, aws_client, query
from tests.lambda_src.builders import entry as build_entry
from tests.lambda_src.scripted_server import Behaviour, ScriptedServer, reply

ENTRY = CacheEntry(
    key=KEY,
    reasoning_json=json.dumps(ANSWER),
    model="gemini-3.8-flash",
    model_version="gemini-3.8-flash-001",
    cached_at=NOW,
    expires_at=NOW + 90 * DAY,
)
LEASE = Lease(key=KEY, owner="me", until=1000 * (NOW + 22))
FAILURE = Failure(kind="upstream-unavailable", owner="me", until=NOW + 120, retry_after=7)
ITEM: dict[str, dict[str, object]] = {
    "cache_key": {"S": KEY},
    "cached_at": {"S": "2026-05-17T06:40:00Z"},
    "cached_date": {"S": "2026-05-17"},
    "ttl": {"N": str(NOW + 90 * DAY)},
    "reasoning_result": {"S": json.dumps(ANSWER)},
    "query_params": {"S": query().canonical_json()},
    "model": {"S": "gemini-3.8-flash"},
    "model_version": {"S": "gemini-3.8-flash-001"},
    "schema_version": {"N": "1"},
}


@pytest.fixture
def store(aws_server: ScriptedServer) -> CacheStore:
    client = aws_client(DYNAMODB, aws_server.url)
    return CacheStore(client, "co2-analysis-dev-cache", max_lease_seconds=22)


def test_the_item_written_has_the_documented_format(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    assert store.put(ENTRY, query(), LEASE, soon)

    (request,) = aws_server.requests
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert request.json()["Item"] == ITEM


def test_an_item_is_read_as_the_entry_that_was_written(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.will(reply(200, {"Item": ITEM}))

    found = store.read(KEY, query(), NOW + 5, soon)

    assert found == Snapshot(fresh=ENTRY, version=ITEM["cached_at"])
    assert aws_server.requests[0].json() == {
        "TableName": "co2-analysis-dev-cache",
        "Key": {"cache_key": {"S": KEY}},
    }


def test_a_missing_item_is_a_miss_and_is_not_logged(
    store: CacheStore, soon: Deadline, log_lines: LogLines
) -> None:
    assert store.read(KEY, query(), NOW, soon) == Snapshot()
    assert log_lines() == []


def test_a_consistent_read_sets_the_parameter(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    store.read(KEY, query(), NOW, soon, consistent=True)

    assert aws_server.requests[0].json()["ConsistentRead"] is True


@pytest.mark.parametrize(
    "lease",
    [
        (1000 * NOW - 1, None),
        (1000 * NOW, "someone"),
        (1000 * (NOW + 27), "someone"),
        # Later than a lease and a clock skew of five seconds allow.
        (1000 * (NOW + 27) + 1, None),
    ],
)
def test_an_item_with_only_a_lease_is_valid(
    store: CacheStore,
    aws_server: ScriptedServer,
    soon: Deadline,
    log_lines: LogLines,
    lease: tuple[int, str | None],
) -> None:
    until_ms, holder = lease
    leased = {
        "cache_key": {"S": KEY},
        "ttl": {"N": str(NOW + 3600)},
        "lease_owner": {"S": "someone"},
        "lease_until": {"N": str(until_ms)},
    }
    aws_server.will(reply(200, {"Item": leased}))

    assert store.read(KEY, query(), NOW, soon) == Snapshot(holder=holder)
    assert log_lines() == []


def test_the_retry_after_of_a_failure_is_bounded(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    failed = {
        "cache_key": {"S": KEY},
        "failure_owner": {"S": "someone"},
        "failure_kind": {"S": "upstream-unavailable"},
        "failure_retry_after": {"N": "9999999999"},
    }
    aws_server.will(reply(200, {"Item": failed}))

    failure = store.read(KEY, query(), NOW, soon).failure
    assert failure is not None
    assert failure.retry_after == 3600


def test_a_failure_is_read_as_it_was_written(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    store.release(LEASE, FAILURE, soon)
    values = aws_server.requests[0].json()["ExpressionAttributeValues"]
    assert isinstance(values, dict)
    names = {"owner": ":owner", "kind": ":kind", "until": ":until", "retry_after": ":after"}
    left = {f"failure_{name}": values[value] for name, value in names.items()}
    left["cache_key"] = {"S": KEY}
    aws_server.will(reply(200, {"Item": left}))

    assert store.read(KEY, query(), NOW, soon) == Snapshot(failure=FAILURE)


def test_a_failed_condition_returns_false(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.default = reply(400, {"__type": "x#ConditionalCheckFailedException"})

    assert store.acquire(LEASE, Snapshot(), NOW, soon) is False
    assert store.put(ENTRY, query(), LEASE, soon) is False
    assert store.release(LEASE, FAILURE, soon) is False


@pytest.mark.parametrize("key", [None, {"S": "0" * 64}, {"N": "1"}, {"S": "budget#2026-05-17"}])
def test_an_item_of_another_key_is_a_miss_and_is_logged(
    store: CacheStore,
    aws_server: ScriptedServer,
    soon: Deadline,
    log_lines: LogLines,
    key: dict[str, str] | None,
) -> None:
    held = {"lease_owner": {"S": "x"}, "lease_until": {"N": str(1000 * NOW)}}
    aws_server.will(reply(200, {"Item": {**ITEM, **held, "cache_key": key}}))

    assert store.read(KEY, query(), NOW, soon) == Snapshot()
    (line,) = log_lines()
    assert (line["event"], line["key"]) == ("cache_item_of_another_key", KEY)


@pytest.mark.parametrize(("offset", "fresh"), [(-1, True), (0, False), (1, False)])
def test_an_item_is_fresh_until_its_ttl(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline, offset: int, fresh: bool
) -> None:
    aws_server.will(reply(200, {"Item": ITEM}))

    found = store.read(KEY, query(), ENTRY.expires_at + offset, soon)

    assert (found.fresh, found.stale) == ((ENTRY, None) if fresh else (None, ENTRY))


@pytest.mark.parametrize(
    "change",
    [
        {"ttl": None},
        {"ttl": {"S": str(NOW + DAY)}},
        {"ttl": {"N": "soon"}},
        {"ttl": {"N": "-1"}},
        {"ttl": {"N": f"{NOW + DAY}.5"}},
        {"ttl": {"N": str((NOW + DAY) * 1000)}},
        {"ttl": {"N": "9" * 12}},
        {"ttl": {"N": "9" * 5000}},
        {"schema_version": None},
        {"schema_version": {"N": "2"}},
        {"schema_version": {"S": "1"}},
        {"reasoning_result": None},
        {"reasoning_result": {"S": "{"}},
        {"reasoning_result": {"S": '{"confidence": NaN}'}},
        {"reasoning_result": {"S": "[]"}},
        {"reasoning_result": {"S": "[" * 100_000}},
        {"reasoning_result": {"M": {}}},
        {"query_params": None},
        {"query_params": {"S": query(lat="1").canonical_json()}},
        {"query_params": {"S": query().canonical_json() + " "}},
        {"model": None},
        {"model_version": None},
        {"cached_at": None},
        {"cached_at": {"S": "2026-05-17 06:40:00"}},
        {"cached_at": {"S": "2026-13-17T06:40:00Z"}},
    ],
)
def test_an_invalid_item_is_a_miss_and_is_logged(
    store: CacheStore,
    aws_server: ScriptedServer,
    soon: Deadline,
    log_lines: LogLines,
    change: dict[str, dict[str, object] | None],
) -> None:
    item = {name: value for name, value in {**ITEM, **change}.items() if value is not None}
    aws_server.will(reply(200, {"Item": item}))

    found = store.read(KEY, query(), NOW, soon)

    assert (found.fresh, found.stale) == (None, None)
    (line,) = log_lines()
    assert (line["event"], line["key"]) == ("cache_item_unusable", KEY)


@pytest.mark.parametrize(
    "failure",
    [
        reply(400, {"__type": "ProvisionedThroughputExceededException"}),
        reply(400, {"__type": "ResourceNotFoundException"}),
        reply(500, {}),
    ],
)
def test_an_error_of_the_table_is_cache_unavailable(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline, failure: Behaviour
) -> None:
    aws_server.default = failure

    with pytest.raises(CacheUnavailableError):
        store.read(KEY, query(), NOW, soon)
    with pytest.raises(CacheUnavailableError):
        store.put(ENTRY, query(), LEASE, soon)


def test_an_item_that_is_too_large_is_not_sent(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    # Two bytes per character: the limit is in bytes, as DynamoDB's is.
    reasoning_json = json.dumps({"summary": "é" * 176_000}, ensure_ascii=False)
    entry = build_entry(reasoning_json=reasoning_json)

    with pytest.raises(ItemTooLargeError, match="bytes"):
        store.put(entry, query(), LEASE, soon)
    assert aws_server.requests == []
