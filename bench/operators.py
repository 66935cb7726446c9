"""The operators' commands on the local AWS, against the shell loop that they replace."""

from __future__ import annotations

import datetime as dt
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
from bench.results import Result, at_least, at_most, note
from modules.naming import Naming
from ops.cache import recent
from ops.common.times import format_time
from ops.local.environment import local_aws
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
    """Yield the rows about the operators' command line."""
    helped = interleaved(runs, ops=[*_OPS, "--help"])["ops"]
    yield at_most("`ops --help`, CPU", median_cpu(helped) * 1000, 250, unit="ms")
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
    yield note(f"the shell loop, an item (of {_SAMPLE})", f"{loop:.2f} s")
    yield note(f"`cache clear`, {_CLEARED:,} items", f"{cleared.wall:.1f} s")
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
    """Yield what AWS reads for each item that ``recent`` and ``export --last`` return."""
    for size in (0, _CLEARED):
        table.fill(size)
        if size == 0:
            table.fill(_RECENT, cached_at=_NOW - dt.timedelta(minutes=1))
        client: Any = _Counted(table.storage.dynamodb)
        span = recent.Span(begin=_NOW - dt.timedelta(hours=1), end=_NOW)
        name = table.storage.naming.cache_table
        found = list(recent.every(client, name, span))
        listed = recent.page(client, name, span, limit=_RECENT, token=None).items
        returned = len(found) + len(listed)
        yield at_most(
            f"`recent`, `export --last` beside {size:,} older items: read for each returned",
            client.read / returned if returned else float("inf"),
            1,
        )


class _Counted:
    """A client that adds up how many items AWS has read."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.read = 0

    def query(self, **parameters: Any) -> Any:
        answer = self._real.query(**parameters)
        self.read += answer["ScannedCount"]
        return answer


@dataclass(frozen=True)
class _Table:
    """The cache table of an emulator, and commands that work on it."""

    emulator: Emulator

    @property
    def storage(self) -> Storage:
        """The table as the tests build it."""
        storage = Storage(self.emulator, Naming(environment="local"))
        if not storage.dynamodb.list_tables()["TableNames"]:
            storage.build()
        return storage

    @property
    def variables(self) -> Mapping[str, str]:
        """What aims the command line at the emulator."""
        return {"CO2_LOCAL_PORT": str(self.emulator.ports.emulator), "CO2_ENV": "local"}

    def fill(self, count: int, *, cached_at: dt.datetime = _YESTERDAY) -> None:
        """Put items that were cached at a time."""
        _fill(self.storage, count, cached_at)

    def count(self, cached_at: dt.datetime | None = None) -> int:
        """Return how many items there are, or how many of a time."""
        only: dict[str, Any] = {}
        if cached_at:
            values = {":at": {"S": format_time(cached_at)}}
            only = {"FilterExpression": "cached_at = :at", "ExpressionAttributeValues": values}
        pages = self.storage.dynamodb.get_paginator("scan").paginate(
            TableName=self.storage.naming.cache_table, Select="COUNT", **only
        )
        return sum(page["Count"] for page in pages)

    def clear(self, before: str | None = None) -> Usage:
        """Run ``cache clear`` and return what it used."""
        only = ["--before", before] if before else []
        return run([*_OPS, "cache", "clear", "--yes", *only], variables=self.variables)

    def kill_clear(self, before: str) -> None:
        """Start ``cache clear`` and kill it long before its end."""
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
        """Return the seconds for an item of the loop: one process of the AWS CLI for each.

        Without that CLI a bare boto3 process stands in for it, which is faster.
        """
        environment = local_aws(os.environ, self.emulator.ports.emulator)
        aws = shutil.which("aws")
        name = self.storage.naming.cache_table
        key = '{"cache_key": {"S": "no such item"}}'
        command = (
            [aws, "dynamodb", "delete-item", "--table-name", name, "--key", key]
            if aws
            else [sys.executable, "-c", _BARE, name, key]
        )
        begin = time.monotonic()
        for _ in range(count):
            subprocess.run(command, env=environment, check=True, capture_output=True)
        return (time.monotonic() - begin) / count

    def write_meanwhile(self) -> None:
        """Write new items from another process."""
        run([sys.executable, "-m", "bench.operators", str(self.emulator.ports.emulator)])


_BARE = """
import boto3, json, sys
boto3.client("dynamodb").delete_item(TableName=sys.argv[1], Key=json.loads(sys.argv[2]))
"""


def _fill(storage: Storage, count: int, cached_at: dt.datetime) -> None:
    time_ = format_time(cached_at)
    rest = {"cached_at": {"S": time_}, "cached_date": {"S": time_[:10]}}
    items = ({"cache_key": {"S": f"{time_} {number}"}, **rest} for number in range(count))
    while batch := list(islice(items, 25)):
        storage.put(*batch)


if __name__ == "__main__":
    from ops.local.ports import Ports

    _fill(
        Storage(Emulator(Ports(int(sys.argv[1]))), Naming(environment="local")),
        _MEANWHILE,
        dt.datetime.now(tz=dt.UTC),
    )
