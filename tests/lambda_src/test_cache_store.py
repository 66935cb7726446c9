"""The cache item: its form, and everything that makes it unusable."""

from __future__ import annotations

import json

import pytest
from reasoning.aws import DYNAMODB, AwsClient
from reasoning.connection import Origin
from reasoning.deadline import Deadline
from reasoning.errors import CacheUnavailableError
from reasoning.models import CacheEntry
from reasoning.store import CacheStore

from tests.lambda_src.builders import CREDENTIALS, DAY, NOW, LogLines, query
from tests.lambda_src.fake_gemini import ANSWER
from tests.lambda_src.scripted_server import Behaviour, ScriptedServer, reply

KEY = query().cache_key()
ENTRY = CacheEntry(
    key=KEY,
    reasoning_json=json.dumps(ANSWER),
    model="gemini-3.8-flash",
    cached_at=NOW,
    expires_at=NOW + 90 * DAY,
)
ITEM: dict[str, dict[str, object]] = {
    "cache_key": {"S": KEY},
    "cached_at": {"S": "2026-05-17T06:40:00Z"},
    "cached_date": {"S": "2026-05-17"},
    "ttl": {"N": str(NOW + 90 * DAY)},
    "reasoning_result": {"S": json.dumps(ANSWER)},
    "query_params": {"S": query().canonical_json()},
    "model": {"S": "gemini-3.8-flash"},
    "schema_version": {"N": "1"},
}


@pytest.fixture
def store(aws_server: ScriptedServer) -> CacheStore:
    client = AwsClient(
        DYNAMODB,
        region="us-east-1",
        endpoint=Origin.parse(aws_server.url),
        environment=CREDENTIALS,
    )
    return CacheStore(client, "co2-analysis-dev-cache")


def test_the_item_written_has_the_documented_form(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    store.put(ENTRY, query(), soon)

    (request,) = aws_server.requests
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    written = request.json()["Item"]
    assert isinstance(written, dict)
    assert written == ITEM


def test_an_item_is_read_as_the_entry_it_was_written_from(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.will(reply(200, {"Item": ITEM}))

    assert store.get(KEY, NOW + 5, soon) == ENTRY
    assert aws_server.requests[0].json() == {
        "TableName": "co2-analysis-dev-cache",
        "Key": {"cache_key": {"S": KEY}},
    }


def test_no_item_is_a_miss(store: CacheStore, soon: Deadline, log_lines: LogLines) -> None:
    assert store.get(KEY, NOW, soon) is None
    assert log_lines() == []


@pytest.mark.parametrize(("now", "usable"), [(-1, True), (0, False), (1, False)])
def test_an_item_is_usable_until_the_second_its_ttl_names(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline, now: int, usable: bool
) -> None:
    aws_server.will(reply(200, {"Item": ITEM}))

    assert (store.get(KEY, ENTRY.expires_at + now, soon) is not None) == usable


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
        {"model": None},
        {"cached_at": None},
        {"cached_at": {"S": "2026-05-17 06:40:00"}},
        {"cached_at": {"S": "2026-13-17T06:40:00Z"}},
    ],
)
def test_an_item_of_another_form_is_a_miss_and_is_logged(
    store: CacheStore,
    aws_server: ScriptedServer,
    soon: Deadline,
    log_lines: LogLines,
    change: dict[str, dict[str, object] | None],
) -> None:
    item = {name: value for name, value in {**ITEM, **change}.items() if value is not None}
    aws_server.will(reply(200, {"Item": item}))

    assert store.get(KEY, NOW, soon) is None
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
def test_a_failing_table_is_an_unavailable_cache(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline, failure: Behaviour
) -> None:
    aws_server.default = failure

    with pytest.raises(CacheUnavailableError):
        store.get(KEY, NOW, soon)
    with pytest.raises(CacheUnavailableError):
        store.put(ENTRY, query(), soon)


def test_an_item_too_large_for_the_table_is_not_sent(
    store: CacheStore, aws_server: ScriptedServer, soon: Deadline
) -> None:
    # Two bytes each: the limit counts bytes, as DynamoDB does.
    reasoning_json = json.dumps({"summary": "é" * 176_000}, ensure_ascii=False)
    entry = CacheEntry(
        key=KEY, reasoning_json=reasoning_json, model="m", cached_at=NOW, expires_at=NOW + DAY
    )

    with pytest.raises(CacheUnavailableError, match="bytes"):
        store.put(entry, query(), soon)
    assert aws_server.requests == []
