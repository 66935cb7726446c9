"""Synthesis of all environments, compared with the floor and with the stock provider."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.processes import ROOT, clone, interleaved, median_cpu, ratio, run
from bench.results import Result, at_most
from modules.fast_import.bindings import STOCK_VARIABLE


def measure(runs: int) -> Iterator[Result]:
    """Yield the CPU time, memory and reproducibility of ``python main.py``."""
    with tempfile.TemporaryDirectory(prefix="co2-bench-") as folder:
        output = Path(folder)
        ours = [sys.executable, "main.py", "--output", str(output / "ours")]
        floor = [sys.executable, "bench/floor.py", str(output / "floor")]
        stock = ["env", f"{STOCK_VARIABLE}=1", *ours]
        run(ours)  # fill jsii's package cache
        used = interleaved(runs, ours=ours, floor=floor, stock=stock)
        for name, usages in used.items():
            yield Result(what=f"CPU of {name}", figure=f"{median_cpu(usages):.2f} s")
        yield at_most("CPU, ours over the floor", ratio(used["ours"], used["floor"]), 3.0)
        yield at_most("CPU, ours over stock", ratio(used["ours"], used["stock"]), 1 / 8)
        python, node = _peaks(output / "ours")
        yield at_most("peak memory of Python", python, 80, unit="MB")
        yield at_most("peak memory of Node", node, 250, unit="MB")
        yield _identical(output / "ours")


def _peaks(output: Path) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.peaks", "--output", str(output)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    python, node = done.stdout.splitlines()[-1].split()
    return float(python), float(node)


def _identical(output: Path) -> Result:
    """Compare the output with that of a second checkout."""
    with clone() as checkout:
        run([sys.executable, "main.py"], cwd=checkout)
        same = _files(output) == _files(checkout / "cdktf.out")
    return Result(
        what="files of a second run in a second checkout",
        figure="identical" if same else "different",
        promise="identical",
        kept=same,
    )


def _files(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file()
    }
