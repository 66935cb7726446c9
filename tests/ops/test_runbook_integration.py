"""Every command that the runbook shows is run, in its order, against the emulator."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import shlex
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modules.catalogue import GEOJSON
from modules.naming import Naming
from ops.common import times
from testing.emulator import Emulator
from testing.storage import NOW, Storage, item
from tests.ops.conftest import AddDistribution, Run, point_at

pytestmark = pytest.mark.integration

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
PROGRAM = ["python", "-m", "ops"]
OBJECT = "observations/2024/09/mauna-loa-2024-09.geojson"
QUESTION = {"lat": 1, "lon": 2, "date": "2026-05-14", "co2": 430.6, "deviation": 9.4,
            "severity": "high", "zscore": 3.1}  # fmt: skip
HANDLER = """\
def handler(event, context):
    return {"statusCode": 200, "headers": {"X-Cache": "MISS"}, "body": "{}"}
"""


def _sections() -> dict[str, list[str]]:
    """Return the commands below each heading, without those of the AWS command line."""
    found: dict[str, list[str]] = {}
    heading = ""
    inside = False
    for line in RUNBOOK.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("```"):
            inside = line == "```console"
        elif inside and not line.startswith(("export ", "source ", "aws ")):
            found.setdefault(heading, []).append(line)
    return found


class _Site:
    """The environment before and between the commands."""

    def __init__(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = storage
        self._set = monkeypatch.setenv

    def fill(self) -> None:
        self.storage.put(*(item(n, NOW - dt.timedelta(minutes=n)) for n in range(20)))
        self._set("KEY", item(1, NOW)["cache_key"]["S"])

    def add_function(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", HANDLER)
        self.storage.emulator.client("lambda").create_function(
            FunctionName=self.storage.naming.function,
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/any",
            Handler="index.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        Path("questions.jsonl").write_text(json.dumps(QUESTION), encoding="utf-8")
        self.fill()

    def lose_table(self) -> None:
        self.fill()
        name = self.storage.naming.cache_table
        self.storage.dynamodb.create_backup(TableName=name, BackupName="of-its-deletion")
        self.storage.dynamodb.delete_table(TableName=name)

    def choose_time(self) -> None:
        # The emulator's restore window is the present second alone, so this can come too late.
        time.sleep(1.01 - time.time() % 1)
        now = times.now()
        self._set("AT", times.format_time(now))
        self._set("RESTORED", self.storage.naming.restored_cache_table(now))

    def lose_object(self) -> None:
        s3, bucket = self.storage.s3, self.storage.naming.bucket(GEOJSON)
        s3.put_object(Bucket=bucket, Key=OBJECT, Body=b"{}")
        self._set("AT", times.format_time(times.now()))
        s3.delete_object(Bucket=bucket, Key=OBJECT)

    def nothing(self) -> None:
        pass


@pytest.fixture
def site(
    emulator: Emulator,
    ops: Run,
    add_distribution: AddDistribution,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[_Site]:
    add_distribution("vault")
    point_at(emulator, monkeypatch)
    monkeypatch.setenv("CO2_ENV", "vault")
    monkeypatch.chdir(tmp_path)
    storage = Storage(emulator, Naming(environment="vault"), versioning=True)
    storage.build()
    storage.dynamodb.update_continuous_backups(
        TableName=storage.naming.cache_table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    yield _Site(storage, monkeypatch)
    for name in storage.dynamodb.list_tables()["TableNames"]:
        storage.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    storage.remove()


def test_every_command_of_the_runbook(site: _Site, ops: Run) -> None:
    prepare: dict[str, Callable[[], None]] = {
        "Diagnose an environment": site.nothing,
        "Clear the cache": site.fill,
        "Look at recent entries": site.fill,
        "Recall a wrong answer": site.fill,
        "Look at the size": site.fill,
        "Look at the metrics": site.nothing,
        "Gemini's budget is used up": site.nothing,
        "Upload data": site.nothing,
        "Fill the cache": site.add_function,
        "Restore a deleted table": site.lose_table,
        "Restore the table to a time": site.choose_time,
        "Restore an object": site.lose_object,
    }
    sections = _sections()
    assert list(sections) == list(prepare)
    output: dict[str, str] = {}
    for heading, commands in sections.items():
        prepare[heading]()
        for command in commands:
            answer = ops(*_arguments(command))
            while "outside the restore window" in answer.err:
                prepare[heading]()
                answer = ops(*_arguments(command))
            # This environment has neither secret nor function in the beginning.
            expected = 1 if "doctor" in command else 0
            assert answer.code == expected, f"{command}\n{answer.out}{answer.err}"
            output[command.removeprefix("python -m ops ")] = answer.out

    assert "20 items deleted" in output['cache clear --confirm "$CO2_ENV"']
    assert "1 -> 2" in output['cache clear --logical --confirm "$CO2_ENV"']
    recalled = output['cache delete "$KEY" --invalidate --confirm "$CO2_ENV"']
    assert "invalidated /api/*" in recalled
    assert "uploaded 14 of 14" in output['data upload sample/*.geojson --confirm "$CO2_ENV"']
    assert "MISS" in output['cache warm questions.jsonl --confirm "$CO2_ENV"']
    assert re.search(r"0 items written, 20 existing ones kept", "\n".join(output.values()))
    stored = site.storage.s3.get_object(Bucket=site.storage.naming.bucket(GEOJSON), Key=OBJECT)
    assert stored["Body"].read() != b""


def _arguments(command: str) -> list[str]:
    """Split a command as a shell does, with variables and file patterns."""
    words = shlex.split(os.path.expandvars(command))
    assert words[:3] == PROGRAM, f"the runbook shows what is not run here: {command}"
    arguments: list[str] = []
    for word in words[3:]:
        arguments += sorted(map(str, Path().glob(word))) if "*" in word else [word]
    return arguments
