"""The operators' commands on the local AWS, compared with the shell loop that they replace."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.processes import ROOT, Usage, interleaved, median_cpu, run
from bench.results import Result, at_least, at_most
from modules.catalogue import INDEX_HASH_KEY, INDEX_RANGE_KEY, TABLE_KEY
from modules.naming import Naming
from ops.cache import recent
from ops.common.environment import local_aws
from ops.common.times import format_time
from testing.emulator import Emulator, running_emulator
from testing.storage import Storage

_SMALL, _CLEARED, _LARGE, _MEANWHILE = 1_000, 10_000, 100_000, 5_000
_SAMPLE = 5
_RECENT = 200
_KILLED_AFTER_SECONDS = 15.0
_OPS = [sys.executable, "-m", "ops"]
_NOW = dt.datetime.now(tz=dt.UTC)
_YESTERDAY = _NOW - dt.timedelta(days=1)


def measure(runs: int) -> Iterator[Result]:
    """Yield the measurements."""
    helped = interleaved(runs, ops=[*_OPS, "--help"])["ops"]
    yield at_most("`ops --help`, CPU", median_cpu(helped) * 1000, 200, unit="ms")
    with tempfile.TemporaryDirectory(prefix="co2-bench-") as folder:
        with running_emulator(Path(folder)) as emulator:
            yield from _measure_clear(_Table(emulator))
        with running_emulator(Path(folder)) as emulator:
            yield from _measure_reading(_Table(emulator))


def _measure_clear(table: _Table) -> Iterator[Result]:
    table.fill(_SMALL)
    small = table.clear()
    table.fill(_CLEARED)
    loop = table.loop_seconds(_SAMPLE)
    cleared = table.clear()
    yield Result(what=f"the shell loop, an item (of {_SAMPLE})", figure=f"{loop:.2f} s")
    yield Result(what=f"`cache clear`, {_CLEARED:,} items", figure=f"{cleared.wall:.1f} s")
    yield at_least(
        f"`cache clear` of {_CLEARED:,}, times as fast", loop * _CLEARED / cleared.wall, 300
    )
    table.fill(_LARGE)
    before = format_time(dt.datetime.now(tz=dt.UTC) - dt.timedelta(hours=1))
    table.kill_clear(before)
    left = table.count()
    writer = threading.Thread(target=table.write_meanwhile)
    writer.start()
    large = table.clear(before)
    writer.join()
    yield Result(
        what=f"`cache clear` of {_LARGE:,}, killed with {left:,} left, then run again",
        figure=f"{table.count(_YESTERDAY):,} left",
        promise="0 left",
        kept=0 < left < _LARGE and table.count(_YESTERDAY) == 0,
    )
    kept = table.count()
    yield Result(
        what=f"of {_MEANWHILE:,} written by another process meanwhile",
        figure=f"{kept:,} kept",
        promise="all kept",
        kept=kept == _MEANWHILE,
    )
    yield at_most(
        f"its peak memory, {_LARGE:,} over {_SMALL:,} items", large.peak_mb / small.peak_mb, 1.25
    )


def _measure_reading(table: _Table) -> Iterator[Result]:
    """Yield the items that DynamoDB reads for each one that `recent` and `export --last` return."""
    for size in (0, _CLEARED):
        table.fill(size)
        if size == 0:
            table.fill(_RECENT, cached_at=_NOW - dt.timedelta(minutes=1))
        client, read = table.storage.dynamodb, list[int]()
        client.meta.events.register(
            "after-call.dynamodb.Query",
            lambda parsed, read=read, **_: read.append(parsed["ScannedCount"]),
        )
        span = recent.Span(begin=_NOW - dt.timedelta(hours=1), end=_NOW)
        name = table.storage.naming.cache_table
        found = list(recent.every(client, name, span))
        listed = recent.page(client, name, span, limit=_RECENT, token=None).items
        returned = len(found) + len(listed)
        yield at_most(
            f"`recent`, `export --last` beside {size:,} older items: read for each returned",
            sum(read) / returned if returned else float("inf"),
            1,
        )


@dataclass(frozen=True)
class _Table:
    """The cache table in an emulator, and the commands that work on it."""

    emulator: Emulator

    @property
    def storage(self) -> Storage:
        """The storage layer, created at the first use."""
        storage = Storage(self.emulator, Naming(environment="local"))
        if not storage.dynamodb.list_tables()["TableNames"]:
            storage.build()
        return storage

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that select the emulator."""
        return {
            "CO2_LOCAL_PORT": str(self.emulator.ports.emulator),
            "CO2_LOCAL_CREDENTIALS": str(self.emulator.credentials_file),
            "CO2_ENV": "local",
        }

    def fill(self, count: int, *, cached_at: dt.datetime = _YESTERDAY) -> None:
        """Put items with a time of caching."""
        _fill(self.storage, count, cached_at)

    def count(self, cached_at: dt.datetime | None = None) -> int:
        """Count the items, or those with a time of caching."""
        only: dict[str, Any] = {}
        if cached_at:
            values = {":at": {"S": format_time(cached_at)}}
            only = {
                "FilterExpression": f"{INDEX_RANGE_KEY} = :at",
                "ExpressionAttributeValues": values,
            }
        pages = self.storage.dynamodb.get_paginator("scan").paginate(
            TableName=self.storage.naming.cache_table, Select="COUNT", **only
        )
        return sum(page["Count"] for page in pages)

    def clear(self, before: str | None = None) -> Usage:
        """Run ``cache clear`` and return its usage."""
        only = ["--before", before] if before else []
        return run([*_OPS, "cache", "clear", "--yes", *only], variables=self.variables)

    def kill_clear(self, before: str) -> None:
        """Start ``cache clear`` and kill it before it ends."""
        process = subprocess.Popen(
            [*_OPS, "cache", "clear", "--yes", "--before", before],
            cwd=ROOT,
            env={**os.environ, **self.variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(_KILLED_AFTER_SECONDS)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def loop_seconds(self, count: int) -> float:
        """Return the seconds that a loop with one AWS CLI process for each item takes for one.

        Without the AWS CLI, a bare boto3 process replaces it, which is faster.
        """
        environment = {
            **local_aws(os.environ, self.emulator.ports.emulator),
            **self.emulator.key.variables,
        }
        aws = shutil.which("aws")
        name = self.storage.naming.cache_table
        key = json.dumps({TABLE_KEY: {"S": "no such item"}})
        command = (
            [aws, "dynamodb", "delete-item", "--table-name", name, "--key", key]
            if aws
            else [sys.executable, "-c", _DELETE, name, key]
        )
        begin = time.monotonic()
        for _ in range(count):
            subprocess.run(command, env=environment, check=True, capture_output=True)
        return (time.monotonic() - begin) / count

    def write_meanwhile(self) -> None:
        """Write new items from another process."""
        where = (str(self.emulator.ports.emulator), str(self.emulator.credentials_file))
        run([sys.executable, "-m", "bench.operators", *where])


_DELETE = """
import boto3, json, sys
boto3.client("dynamodb").delete_item(TableName=sys.argv[1], Key=json.loads(sys.argv[2]))
"""


def _fill(storage: Storage, count: int, cached_at: dt.datetime) -> None:
    time_ = format_time(cached_at)
    rest = {INDEX_RANGE_KEY: {"S": time_}, INDEX_HASH_KEY: {"S": time_[:10]}}
    items = ({TABLE_KEY: {"S": f"{time_} {number}"}, **rest} for number in range(count))
    while batch := list(islice(items, 25)):
        storage.put(*batch)


if __name__ == "__main__":
    from ops.local.services.ports import Ports

    _fill(
        Storage(Emulator(Ports(int(sys.argv[1])), Path(sys.argv[2])), Naming(environment="local")),
        _MEANWHILE,
        dt.datetime.now(tz=dt.UTC),
    )
