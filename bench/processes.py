"""Run commands as whole processes and account for what they used."""

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
    """Seconds of one run; ``cpu`` includes the processes that it started and waited for.

    ``peak_mb`` is the most memory that it had in RAM at once.
    """

    cpu: float
    wall: float
    peak_mb: float


def run(
    command: Sequence[str], *, cwd: Path = ROOT, variables: Mapping[str, str] | None = None
) -> Usage:
    """Run ``command`` to its end; raises CalledProcessError with its output where it fails."""
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
    """Run every command once, then again, so that a slow minute of the machine hits them all."""
    found: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(run(command))
    return found


def ratio(ours: Sequence[Usage], theirs: Sequence[Usage]) -> float:
    """Return the median, pair by pair, of our CPU time over theirs."""
    return statistics.median(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True))


def median_cpu(usages: Sequence[Usage]) -> float:
    """Return the median CPU seconds."""
    return statistics.median(usage.cpu for usage in usages)


@contextmanager
def clone() -> Iterator[Path]:
    """Yield a second checkout in a folder of its own, with this one's installed packages."""
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
