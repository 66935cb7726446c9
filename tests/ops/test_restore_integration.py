"""Restoring objects and the table on the emulator."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from modules.catalogue import GEOJSON
from modules.naming import Naming
from ops.common import times
from testing.emulator import Emulator
from testing.storage import NOW, Storage, item
from tests.ops.conftest import Run, point_at

pytestmark = pytest.mark.integration


@pytest.fixture
def vault(emulator: Emulator, ops: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """Build an environment that keeps its data, and make it the commands' default."""
    point_at(emulator, monkeypatch)
    monkeypatch.setenv("CO2_ENV", "vault")
    built = Storage(emulator, Naming(environment="vault"), versioning=True)
    built.build()
    table = built.naming.cache_table
    built.dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    yield built
    for name in built.dynamodb.list_tables()["TableNames"]:
        if "vault" in name:
            built.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    for backup in built.dynamodb.list_backups()["BackupSummaries"]:
        built.dynamodb.delete_backup(BackupArn=backup["BackupArn"])
    built.remove()


def _put(storage: Storage, key: str, body: str) -> None:
    storage.s3.put_object(
        Bucket=storage.naming.bucket(GEOJSON),
        Key=key,
        Body=body.encode(),
        ContentType="application/geo+json",
        CacheControl="max-age=60",
        Metadata={"content-sha256": body},
    )


def _bodies(storage: Storage) -> dict[str, str]:
    bucket = storage.naming.bucket(GEOJSON)
    found = storage.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        one["Key"]: storage.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode()
        for one in found
    }


def test_objects_come_back(ops: Run, vault: Storage) -> None:
    bucket = vault.naming.bucket(GEOJSON)
    _put(vault, "a", "1")
    _put(vault, "a", "2")
    vault.s3.delete_object(Bucket=bucket, Key="a")
    planned = ops("restore", "object", "a", "--undelete", "--dry-run")
    assert "undelete  a" in planned.out
    assert _bodies(vault) == {}
    assert ops("restore", "object", "a", "--undelete", "--yes").code == 5
    assert _bodies(vault) == {}
    assert ops("restore", "object", "a", "--undelete", "--confirm", "vault").code == 0
    assert _bodies(vault) == {"a": "2"}
    assert ops("restore", "object", "a", "--previous", "--confirm", "vault").code == 0
    assert _bodies(vault) == {"a": "1"}
    restored = vault.s3.head_object(Bucket=bucket, Key="a")
    assert restored["ContentType"] == "application/geo+json"
    assert restored["CacheControl"] == "max-age=60"
    assert restored["Metadata"] == {"content-sha256": "1"}
    missing = ops("restore", "object", "b'\"", "--undelete", "--confirm", "vault")
    assert missing.code == 7
    assert "no version of anything under the key" in missing.err


def test_a_prefix_comes_back_as_it_was(ops: Run, vault: Storage) -> None:
    bucket = vault.naming.bucket(GEOJSON)
    for key in ("p/kept", "p/changed", "p/deleted", "other"):
        _put(vault, key, "then")
    time.sleep(1.1)
    at = times.format_time(times.now())
    time.sleep(1.1)
    _put(vault, "p/changed", "now")
    _put(vault, "p/new", "now")
    _put(vault, "other", "now")
    vault.s3.delete_object(Bucket=bucket, Key="p/deleted")

    arguments = ("restore", "object", "p/", "--prefix", "--at", at, "--confirm", "vault")
    done = ops(*arguments, "--json").json()
    assert {one["key"]: one["action"] for one in done["steps"]} == {
        "p/kept": "keep",
        "p/changed": "copy",
        "p/deleted": "undelete",
        "p/new": "delete",
    }
    then = {"p/kept": "then", "p/changed": "then", "p/deleted": "then", "other": "now"}
    assert _bodies(vault) == then
    assert ops(*arguments, "--json").json()["restored"] == 0
    assert _bodies(vault) == then


def test_what_cannot_be_restored(box: Run, storage: Storage) -> None:
    unversioned = box("restore", "object", "a", "--undelete", "--yes")
    assert unversioned.code == 1
    assert "has no versioning" in unversioned.err
    assert "remedy: upload it again" in unversioned.err
    future = box("restore", "object", "a", "--at", "2999-01-01", "--yes")
    assert (future.code, "is in the future" in future.err) == (2, True)
    both = box("restore", "object", "a", "--undelete", "--previous")
    assert (both.code, "choose what to restore" in both.err) == (2, True)
    off = box("restore", "table", "--at", "1h", "--yes")
    assert off.code == 1
    assert "has no point-in-time recovery" in off.err
    there = box("restore", "table", "--deleted", "--yes")
    assert "is not deleted" in there.err


def test_a_deleted_table_comes_back_with_every_setting(ops: Run, vault: Storage) -> None:
    table = vault.naming.cache_table
    vault.put(*(item(n, NOW - dt.timedelta(minutes=1)) for n in range(30)))
    vault.dynamodb.create_backup(TableName=table, BackupName="deleted")
    vault.dynamodb.delete_table(TableName=table)
    assert "plan:" in ops("restore", "table", "--deleted", "--dry-run").out
    assert table not in vault.dynamodb.list_tables()["TableNames"]

    done = ops("restore", "table", "--deleted", "--confirm", "vault", "--json").json()
    assert done["differences"] == []
    assert any("terraform plan" in one for one in done["next"])
    assert len(vault.keys()) == 30
    found = ops("table", "size", "--json").json()
    assert found["ttl_attribute"] == "ttl"
    assert found["stream"] == "NEW_AND_OLD_IMAGES"
    assert found["point_in_time_recovery"] is True
    assert found["deletion_protection"] is True
    assert found["tags"]["Environment"] == "vault"


def test_a_table_as_it_was_is_copied_over_the_live_one(ops: Run, vault: Storage) -> None:
    vault.put(item(1, NOW, answer="good"), item(2, NOW), item(3, NOW - dt.timedelta(days=99)))
    at = times.format_time(times.now())
    # The emulator's window is the present moment alone.
    answer = ops("restore", "table", "--at", at, "--confirm", "vault", "--json")
    for _ in range(20):
        if answer.code == 0:
            break
        assert "outside the restore window" in answer.err
        at = times.format_time(times.now())
        answer = ops("restore", "table", "--at", at, "--confirm", "vault", "--json")
    made = answer.json()["table"]
    assert made == vault.naming.restored_cache_table(times.parse_time(at, NOW))
    assert answer.json()["differences"] == []

    vault.put(item(1, NOW, answer="bad"))
    assert ops("restore", "copy", made, "--dry-run").code == 0
    # The emulator looks for expired items once a minute, and may have deleted this one.
    vault.dynamodb.update_time_to_live(
        TableName=made, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
    )
    vault.dynamodb.put_item(TableName=made, Item=item(3, NOW - dt.timedelta(days=99)))
    done = ops("restore", "copy", made, "--confirm", "vault", "--json").json()
    assert (done["written"], done["expired"]) == (2, 1)
    key = {"cache_key": item(1, NOW)["cache_key"]}
    stored = vault.dynamodb.get_item(TableName=vault.naming.cache_table, Key=key)["Item"]
    assert "good" in stored["reasoning_result"]["S"]
    other = ops("restore", "copy", "co2-analysis-prod-cache", "--confirm", "vault")
    assert other.code == 2
    early = ops("restore", "table", "--at", "2020-01-01", "--confirm", "vault")
    assert early.code == 2
    assert "choose a time from" in early.err
