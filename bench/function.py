"""The cache Lambda compared with handlers on common libraries, and under load."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from bench.peers.probe import question
from bench.peers.question import cache_key, fields
from bench.processes import ROOT, Usage, median_cpu, ratio, run
from bench.results import Result, at_most
from modules.packaging import build_package
from testing.emulator import Emulator, running_emulator
from testing.load import (
    Function,
    Throttle,
    Upstream,
    mixed,
    serving,
    simultaneous,
    wrong_items,
)
from testing.storage import create_table

PEERS_PYTHON = ROOT / "build" / "peers" / "bin" / "python"
_OURS = "reasoning.handler"
_COLD = ("boto3_client", "powertools", "typical")
_WARM = ("raw_get_item", "boto3_get_item", "typical")
_QUESTIONS = 200
_WARM_ROUNDS = 5
_COLD_QUESTION = 0
_MISSES = 100
_MIXED = 1000
_UPSTREAM_SECONDS = 1.5
_DOCUMENTED = {200, 400, 502, 503}


@dataclass(frozen=True, kw_only=True)
class _Warm:
    """CPU seconds of one hit, and the peak memory of the process in MB."""

    seconds: float
    megabytes: float


def measure(runs: int) -> Iterator[Result]:
    """Yield the measurements; `make bench` has installed the peers' packages."""
    with tempfile.TemporaryDirectory(prefix="co2-bench-") as folder:
        package = build_package(ROOT / "lambda_src" / "reasoning", folder=Path(folder))
        yield at_most("package", package.path.stat().st_size / 1e6, 1.5, unit="MB")
        unpacked = Path(folder) / "function"
        shutil.unpack_archive(package.path, unpacked)
        with running_emulator(Path(folder)) as emulator:
            with _filled(emulator, unpacked) as variables:
                yield from _cold(runs, variables)
                yield from _warm(variables)
            yield from _misses(emulator)
            yield from _failures(emulator)


@contextmanager
def _filled(emulator: Emulator, unpacked: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of all handlers, with their tables filled."""
    with serving(Upstream(seconds=0)) as gemini:
        function = Function(emulator, gemini=gemini)
        variables = {
            **function.variables,
            "AWS_DEFAULT_REGION": function.variables["AWS_REGION"],
            "GEMINI_API_KEY": "k",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "PREPARED_KEY": cache_key(fields(question(_COLD_QUESTION))),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(unpacked)]),
        }
        for name in {*_COLD, *_WARM, "ours"}:
            _run(name, _QUESTIONS, _for(name, variables, emulator), "fill")
        yield variables


def _for(
    name: str, variables: Mapping[str, str], emulator: Emulator | None = None
) -> dict[str, str]:
    """Return the environment of one handler; with an emulator, create its table."""
    if name == "ours":
        return dict(variables)
    # The two read-only handlers read what boto3_client has written.
    table = f"bench-{'boto3_client' if name.endswith('get_item') else name}"
    parameter = f"/{table}/table-name"
    if emulator is not None:
        _ensure_table(emulator, table, parameter)
    return {**variables, "TABLE_NAME": table, "TABLE_PARAMETER": parameter}


def _ensure_table(emulator: Emulator, table: str, parameter: str) -> None:
    dynamodb = emulator.client("dynamodb")
    if table not in dynamodb.list_tables()["TableNames"]:
        create_table(dynamodb, table)
        emulator.client("ssm").put_parameter(Name=parameter, Value=table, Type="String")


def _command(name: str, count: int) -> list[str]:
    module = _OURS if name == "ours" else f"bench.peers.{name}"
    return [str(PEERS_PYTHON), "-m", "bench.peers.probe", module, str(count), str(_COLD_QUESTION)]


def _run(name: str, count: int, variables: Mapping[str, str], *more: str) -> _Warm:
    done = subprocess.run(
        [*_command(name, count), *more],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    seconds, megabytes = done.stderr.splitlines()[-1].split()
    return _Warm(seconds=float(seconds), megabytes=float(megabytes))


def _cold(runs: int, variables: Mapping[str, str]) -> Iterator[Result]:
    names = ("ours", *_COLD)
    used: dict[str, list[Usage]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            used[name].append(run(_command(name, 1), variables=_for(name, variables)))
    for name in names:
        milliseconds = 1000 * median_cpu(used[name])
        yield Result(
            what=f"CPU of a cold process to its first hit, {name}", figure=f"{milliseconds:.0f} ms"
        )
    for name, limit in zip(_COLD, (0.5, 0.35, 0.25), strict=True):
        yield at_most(f"cold process, ours over {name}", ratio(used["ours"], used[name]), limit)


def _warm(variables: Mapping[str, str]) -> Iterator[Result]:
    names = ("ours", *_WARM)
    used: dict[str, list[_Warm]] = {name: [] for name in names}
    for _ in range(_WARM_ROUNDS):
        for name in names:
            used[name].append(_run(name, _QUESTIONS, _for(name, variables)))
    for name in names:
        microseconds = 1e6 * statistics.median(one.seconds for one in used[name])
        yield Result(what=f"CPU of a warm hit, {name}", figure=f"{microseconds:.0f} µs")
    for name, limit in zip(_WARM, (1.3, 0.55, 0.4), strict=True):
        pairs = zip(used["ours"], used[name], strict=True)
        figure = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
        yield at_most(f"warm hit, ours over {name}", figure, limit)
    megabytes = max(one.megabytes for one in used["ours"])
    yield at_most("peak memory of hits", megabytes, 45, unit="MB")


def _misses(emulator: Emulator) -> Iterator[Result]:
    upstream = Upstream(seconds=_UPSTREAM_SECONDS)
    with serving(upstream) as gemini:
        function = Function(emulator, gemini=gemini)
        with _quietly():
            load = simultaneous(function, _MISSES)
    what = f"{_MISSES} misses at once"
    failed = sum(count for status, count in load.statuses.items() if status != 200)  # noqa: PLR2004
    yield at_most(f"{what}, calls to the model", upstream.calls, 1)
    yield at_most(f"{what}, failures", failed, 0)
    yield at_most(
        f"{what}, worst answer over the model's time", max(load.seconds) / upstream.seconds, 1.7
    )


def _failures(emulator: Emulator) -> Iterator[Result]:
    throttle = Throttle(emulator.ports.emulator, share=0.2)
    with (
        serving(Upstream(seconds=0.01, failing=0.5)) as gemini,
        serving(throttle) as endpoint,
    ):
        function = Function(emulator, gemini=gemini, endpoint=endpoint)
        with _quietly():
            load = mixed(function, _MIXED)
        wrong = wrong_items(function)
    what = f"{_MIXED} requests, the model failing half the time, the table a fifth"
    undocumented = sum(
        count for status, count in load.statuses.items() if status not in _DOCUMENTED
    )
    yield at_most(f"{what}: undocumented statuses", undocumented, 0)
    yield at_most(f"{what}: wrong items", len(wrong), 0)


@contextmanager
def _quietly() -> Iterator[None]:
    """Discard stdout, which the function logs to."""
    with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        yield
