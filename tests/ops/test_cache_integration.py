"""The cache commands on the emulator."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.catalogue import BUDGET_KEY_PREFIX, CACHE_NAMESPACE
from ops.cache import clearing
from ops.common.local_address import Key
from testing.storage import NOW, Storage, item
from tests.ops.conftest import AddDistribution, Run

pytestmark = pytest.mark.integration

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


def test_recent_lists_the_span_in_pages_the_latest_first(box: Run, storage: Storage) -> None:
    # Across midnight, which is two partitions of the index.
    items = [item(n, NOW - n * 3 * dt.timedelta(hours=1)) for n in range(1, 21)]
    storage.put(*items, item(99, NOW - 4 * DAY))
    wanted = [one["cache_key"]["S"] for one in items]
    found: list[str] = []
    page: list[str] = []
    for _ in range(10):
        answer = box("cache", "recent", "--last", "3d", "--limit", "3", "--json", *page).json()
        assert len(answer["items"]) <= 3
        found += [one["cache_key"] for one in answer["items"]]
        if not answer["next"]:
            break
        page = ["--page", answer["next"]]
    assert found == wanted


def test_recent_reads_what_it_returns(box: Run, storage: Storage) -> None:
    storage.put(*(item(n, NOW - 10 * DAY) for n in range(200)), item(500, NOW - MINUTE))
    answer = box("cache", "recent", "--json").json()
    assert [one["query"]["co2"] for one in answer["items"]] == [930.0]
    assert answer["items"][0]["expired"] is False


def test_get_and_delete(box: Run, storage: Storage) -> None:
    one = item(1, NOW, answer="a fire")
    storage.put(one, item(2, NOW))
    key = one["cache_key"]["S"]
    assert box("cache", "get", key).json()["answer"] == {"summary": "a fire"}
    assert box("cache", "delete", key, "--dry-run").code == 0
    assert len(storage.keys()) == 2
    refused = box("cache", "delete", key)
    assert (refused.code, len(storage.keys())) == (5, 2)
    assert "remedy: add --yes" in refused.err
    assert box("cache", "delete", key, "--yes").out == f"deleted {key}\n"
    assert storage.keys() == {item(2, NOW)["cache_key"]["S"]}
    gone = box("cache", "get", key)
    assert gone.code == 7
    assert "nothing is cached under" in gone.err


def test_a_key_with_quotes_is_only_a_key(box: Run, storage: Storage) -> None:
    odd = {**item(1, NOW), "cache_key": {"S": 'it\'s "quoted" \x1b[31m'}}
    storage.put(odd, item(2, NOW))
    assert "\x1b" not in box("cache", "recent").out
    assert box("cache", "clear", "--before", "1d", "--yes", "--json").json()["deleted"] == 0
    assert box("cache", "delete", odd["cache_key"]["S"], "--yes").code == 0
    assert len(storage.keys()) == 1


def test_clear_deletes_everything(box: Run, storage: Storage) -> None:
    undated = {"cache_key": {"S": "no time"}}
    storage.put(*(item(n, NOW - n * MINUTE) for n in range(130)), undated)
    planned = box("cache", "clear", "--dry-run", "--json").json()
    assert (planned["items"], len(storage.keys())) == (131, 131)
    done = box("cache", "clear", "--yes", "--json").json()
    assert (done["deleted"], done["changed"]) == (131, 0)
    assert storage.keys() == set()


def test_the_budget_of_gemini_calls_is_left_alone(
    box: Run, storage: Storage, tmp_path: Path
) -> None:
    day = f"{BUDGET_KEY_PREFIX}2026-11-24"
    budget = {"cache_key": {"S": day}, "calls": {"N": "900"}, "ttl": {"N": "9999999999"}}
    storage.put(budget, item(1, NOW - MINUTE))
    file = tmp_path / "all.jsonl"

    assert box("cache", "stats", "--json").json()["by_age"]["today"] == 1
    assert len(box("cache", "recent", "--last", "1h", "--json").json()["items"]) == 1
    assert box("cache", "clear", "--dry-run", "--json").json()["items"] == 1
    assert box("cache", "export", str(file), "--all", "--json").json()["items"] == 1
    older = {**budget, "calls": {"N": "5"}}
    file.write_text(f"{file.read_text()}{json.dumps({'Item': older})}\n", encoding="utf-8")
    assert box("cache", "clear", "--yes", "--json").json()["deleted"] == 1
    imported = box("cache", "import", str(file), "--overwrite", "--yes", "--json").json()

    assert (imported["valid"], imported["written"]) == (1, 1)
    table = storage.naming.cache_table
    key = {"cache_key": budget["cache_key"]}
    assert storage.dynamodb.get_item(TableName=table, Key=key)["Item"] == budget


def test_clear_before_a_time_keeps_what_came_later(box: Run, storage: Storage) -> None:
    old = [item(n, NOW - 2 * DAY) for n in range(30)]
    new = [item(n, NOW - MINUTE) for n in range(100, 130)]
    storage.put(*old, *new, {"cache_key": {"S": "no time"}})
    assert box("cache", "clear", "--before", "1d", "--yes", "--json").json()["deleted"] == 30
    assert storage.keys() == {one["cache_key"]["S"] for one in new} | {"no time"}


class _Meanwhile:
    """The real client, with a write after each page that is read."""

    def __init__(self, real: Any, write: Callable[[], None]) -> None:
        self._real = real
        self._write = write

    def scan(self, **parameters: Any) -> Any:
        page = self._real.scan(**parameters)
        self._write()
        return page

    def batch_execute_statement(self, **parameters: Any) -> Any:
        return self._real.batch_execute_statement(**parameters)


class _Silent:
    def add(self, count: int) -> None:
        pass


def test_clear_keeps_concurrent_writes(storage: Storage) -> None:
    old = [item(n, NOW - DAY) for n in range(60)]
    storage.put(*old)
    replaced = [item(n, NOW) for n in range(0, 60, 3)]
    client: Any = _Meanwhile(storage.dynamodb, lambda: storage.put(*replaced))
    older = clearing.OlderThan(before=NOW - MINUTE, undated=True)
    table = storage.naming.cache_table
    done = clearing.clear(client, table, older, parallel=1, progress=_Silent())
    assert (done.deleted, done.changed) == (40, 20)
    assert storage.keys() == {one["cache_key"]["S"] for one in replaced}


def test_a_stopped_clear_is_resumed_by_the_next(box: Run, storage: Storage) -> None:
    storage.put(*(item(n, NOW - DAY) for n in range(100)))
    batches = iter(range(2))

    class Stopped(_Meanwhile):
        def batch_execute_statement(self, **parameters: Any) -> Any:
            if next(batches, None) is None:
                raise KeyboardInterrupt
            return super().batch_execute_statement(**parameters)

    client: Any = Stopped(storage.dynamodb, lambda: None)
    older = clearing.OlderThan(before=NOW, undated=False)
    with pytest.raises(KeyboardInterrupt):
        clearing.clear(client, storage.naming.cache_table, older, parallel=1, progress=_Silent())
    assert len(storage.keys()) == 50
    assert box("cache", "clear", "--yes", "--json").json()["deleted"] == 50
    assert storage.keys() == set()


def test_clear_of_retained_data_needs_the_name(box: Run, storage: Storage) -> None:
    port = storage.emulator.ports.emulator
    vault = Storage(storage.emulator, type(storage.naming)(environment="vault"))
    vault.build()
    try:
        vault.put(item(1, NOW - MINUTE))
        for arguments in ([], ["--yes"], ["--confirm", "box"]):
            answer = box("cache", "clear", "--env", "vault", *arguments, port=port)
            assert answer.code in {2, 5}
            assert "Traceback" not in answer.err
            assert len(vault.keys()) == 1
        assert box("cache", "clear", "--env", "vault", "--confirm", "vault").code == 0
        assert vault.keys() == set()
    finally:
        vault.remove()


def test_logical_clear_advances_the_namespace_and_deletes_nothing(
    box: Run, storage: Storage
) -> None:
    storage.put(item(1, NOW))
    path = storage.naming.parameter(CACHE_NAMESPACE)
    answer = box("cache", "clear", "--logical", "--dry-run", "--json").json()
    assert (answer["before"], answer["after"]) == ("1", "2")
    assert storage.ssm.get_parameter(Name=path)["Parameter"]["Value"] == "1"
    assert box("cache", "clear", "--logical", "--yes").code == 0
    assert storage.ssm.get_parameter(Name=path)["Parameter"]["Value"] == "2"
    assert len(storage.keys()) == 1
    storage.ssm.delete_parameter(Name=path)
    missing = box("cache", "clear", "--logical", "--yes")
    assert missing.code == 7
    assert "remedy: deploy box-base" in missing.err


@pytest.mark.parametrize(
    ("arguments", "wait"),
    [
        (["delete", "{key}"], 70),
        (["clear"], 70),
        (["clear", "--logical"], 310),
    ],
)
def test_answers_are_invalidated_once_no_process_of_the_function_has_them(
    box: Run,
    storage: Storage,
    add_distribution: AddDistribution,
    arguments: list[str],
    wait: int,
) -> None:
    one = item(1, NOW)
    storage.put(one)
    words = [word.format(key=one["cache_key"]["S"]) for word in arguments]
    distribution = add_distribution("box")

    planned = box("cache", *words, "--invalidate", "--dry-run", "--json").json()
    assert planned["invalidation"] == {
        "distribution": distribution.id, "path": "/api/*", "id": None
    }  # fmt: skip
    assert f"invalidate /api/* of {distribution.id}" in box("cache", *words, "--invalidate").err
    assert (distribution.invalidated_paths(), distribution.waits) == ([], [])

    done = box("cache", *words, "--invalidate", "--yes")
    assert done.code == 0, done.err
    assert (distribution.invalidated_paths(), distribution.waits) == (["/api/*"], [wait])
    assert "browsers may show what they have cached for 360 s more" in done.out


def test_an_invalidation_can_be_repeated_after_the_answer_is_deleted(
    box: Run, storage: Storage, add_distribution: AddDistribution
) -> None:
    distribution = add_distribution("box")

    done = box("cache", "delete", "gone", "--invalidate", "--yes", "--json").json()

    assert done["item"] is None
    assert distribution.invalidated_paths() == ["/api/*"]


def test_without_a_distribution_nothing_is_deleted(
    box: Run, storage: Storage, settings: Path
) -> None:
    storage.put(item(1, NOW))
    without = box("cache", "clear", "--invalidate", "--yes")
    assert (without.code, "box has no [frontend]" in without.err) == (2, True)
    with (settings / "box.toml").open("a", encoding="utf-8") as file:
        file.write('[frontend]\nprice_class = "PriceClass_All"\n')
    missing = box("cache", "clear", "--invalidate", "--yes")
    assert (missing.code, "deploy box-frontend" in missing.err) == (7, True)
    assert len(storage.keys()) == 1


@pytest.mark.parametrize("name", ["cache.jsonl", "cache.jsonl.gz"])
def test_what_is_exported_can_be_imported(
    box: Run, storage: Storage, tmp_path: Path, name: str
) -> None:
    items = [item(n, NOW - n * MINUTE, answer="ü\n'\"") for n in range(40)]
    storage.put(*items, {**item(99, NOW - 100 * DAY)})
    file = tmp_path / name
    assert box("cache", "export", str(file), "--all", "--json").json()["items"] == 41
    if name.endswith(".gz"):
        assert len(gzip.decompress(file.read_bytes()).splitlines()) == 41
    box("cache", "clear", "--yes")
    changed = item(0, NOW, answer="newer")
    storage.put(changed)

    planned = box("cache", "import", str(file), "--dry-run", "--json").json()
    assert (planned["valid"], planned["expired"], len(storage.keys())) == (40, 1, 1)
    done = box("cache", "import", str(file), "--yes", "--json").json()
    assert (done["written"], done["kept"], done["expired"]) == (39, 1, 1)
    key = {"cache_key": changed["cache_key"]}
    table = storage.naming.cache_table
    assert storage.dynamodb.get_item(TableName=table, Key=key)["Item"] == changed
    again = box("cache", "import", str(file), "--yes", "--json").json()
    assert (again["written"], again["kept"]) == (0, 40)
    assert box("cache", "import", str(file), "--overwrite", "--yes").code == 0
    assert storage.dynamodb.get_item(TableName=table, Key=key)["Item"] == items[0]


def test_export_of_a_span_holds_that_span(box: Run, storage: Storage, tmp_path: Path) -> None:
    storage.put(item(1, NOW - MINUTE), item(2, NOW - 2 * DAY), item(3, NOW - 9 * DAY))
    file = tmp_path / "some.jsonl"
    assert box("cache", "export", str(file), "--last", "3d").code == 0
    lines = [json.loads(line)["Item"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines == [item(1, NOW - MINUTE), item(2, NOW - 2 * DAY)]
    assert file.stat().st_mode & 0o077 == 0
    there = box("cache", "export", str(file), "--all")
    assert (there.code, len(file.read_text(encoding="utf-8").splitlines())) == (2, 2)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON"),
        ('{"cache_key": "a"}', 'not an object with an "Item"'),
        ('{"Item": {"cache_key": "a"}}', "is not DynamoDB JSON"),
        ('{"Item": {"ttl": {"N": "1"}}}', "no valid cache_key"),
    ],
)
def test_import_of_a_damaged_file_writes_nothing(
    box: Run, storage: Storage, tmp_path: Path, line: str, reason: str
) -> None:
    file = tmp_path / "damaged.jsonl"
    good = json.dumps({"Item": item(1, NOW)})
    file.write_text(f"{good}\n{line}\n", encoding="utf-8")
    answer = box("cache", "import", str(file), "--yes")
    assert answer.code == 2
    assert "damaged.jsonl, line 2" in answer.err
    assert reason in answer.err
    assert storage.keys() == set()


def test_stats_count_by_age(box: Run, storage: Storage) -> None:
    storage.put(
        item(1, NOW), item(2, NOW - 3 * DAY), item(3, NOW - 3 * DAY), item(4, NOW - 89 * DAY)
    )
    storage.emulator.client("cloudwatch").put_metric_data(
        Namespace="co2-analysis",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "FunctionName", "Value": storage.naming.function}],
                "Timestamp": NOW - 5 * MINUTE,
                "Value": value,
            }
            for name, value in (("CacheHit", 3), ("CacheMiss", 1))
        ],
    )
    found = box("cache", "stats", "--json").json()
    assert found["by_age"] == {
        "today": 1,
        "2 to 7 days": 2,
        "8 to 30 days": 0,
        "31 to 60 days": 0,
        "older": 1,
    }
    assert found["requests_last_day"]["CacheHit"] == 3
    assert found["hit_percent"] == 75.0
    assert "75.0 % of the questions were answered without Gemini" in box("cache", "stats").out


def test_warm_validates_the_whole_file_before_it_asks(
    box: Run, storage: Storage, tmp_path: Path
) -> None:
    file = tmp_path / "questions.jsonl"
    good = {"lat": 1, "lon": 2.0, "date": "2026-05-14", "co2": 430.6, "deviation": 9.4,
            "severity": "high", "zscore": 3.1}  # fmt: skip
    same = {**good, "lat": 1.0}
    file.write_text("\n".join(map(json.dumps, (good, same))), encoding="utf-8")
    assert box("cache", "warm", str(file), "--dry-run", "--json").json()["questions"] == 1
    file.write_text("\n".join(map(json.dumps, (good, {**good, "lat": 91}))), encoding="utf-8")
    answer = box("cache", "warm", str(file), "--yes")
    assert answer.code == 2
    assert "line 2: lat must be from -90 to 90" in answer.err


def test_a_missing_table_is_one_clear_line(box: Run, storage: Storage) -> None:
    storage.dynamodb.delete_table(TableName=storage.naming.cache_table)
    answer = box("cache", "recent")
    assert answer.code == 7
    assert answer.err.startswith("error: the resource does not exist: Query")
    assert "remedy: " in answer.err
    assert "Traceback" not in answer.err


def test_an_unreachable_aws_is_one_clear_line(
    ops: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Key.new().write(tmp_path / "credentials")
    monkeypatch.setenv("CO2_LOCAL_CREDENTIALS", str(tmp_path / "credentials"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = ops("cache", "recent", "--env", "box", port=port)
    assert answer.code == 6
    assert "error: AWS cannot be reached" in answer.err
    assert "Traceback" not in answer.err
