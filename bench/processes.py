"""Run commands and measure the CPU time, wall-clock time and memory that they use."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# ru_maxrss is in kilobytes on Linux and in bytes on macOS.
_MAXRSS_UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Usage:
    """CPU and wall-clock seconds of a run, and its peak resident memory.

    ``cpu`` includes the child processes that it waited for.
    """

    cpu: float
    wall: float
    peak_mb: float


def run(
    command: Sequence[str], *, cwd: Path = ROOT, variables: Mapping[str, str] | None = None
) -> Usage:
    """Run a command; raise CalledProcessError with its output if it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CO2_")}
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=clean | dict(variables or {}), stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, output.read())
    return Usage(
        cpu=usage.ru_utime + usage.ru_stime, wall=wall, peak_mb=usage.ru_maxrss / _MAXRSS_UNIT
    )


def interleaved(runs: int, **commands: Sequence[str]) -> dict[str, list[Usage]]:
    """Run the commands in turn, so that a slow minute of the machine affects all of them."""
    found: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(run(command))
    return found


def ratio(ours: Sequence[Usage], theirs: Sequence[Usage]) -> float:
    """Return the median of the pairwise ratios of CPU times."""
    return statistics.median(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True))


def median_cpu(usages: Sequence[Usage]) -> float:
    """Return the median CPU seconds."""
    return statistics.median(usage.cpu for usage in usages)


@contextmanager
def clone() -> Iterator[Path]:
    """Yield a copy of the checkout that uses the same installed packages."""
    with tempfile.TemporaryDirectory(prefix="co2-bench-") as folder:
        target = Path(folder) / "checkout"
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
        (target / ".venv").symlink_to(Path(sys.prefix))
        yield target
