"""The duration of ``make up`` and ``make down`` in a copy of the checkout."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bench.processes import clone, run
from bench.results import Result, at_most


def measure() -> Iterator[Result]:
    """Yield the durations from nothing to both answers and back."""
    with clone() as checkout:
        command = [sys.executable, "-m", "ops", "local"]
        try:
            first = run([*command, "up"], cwd=checkout)
            again = run([*command, "up"], cwd=checkout)
        finally:
            down = run([*command, "down"], cwd=checkout)
    yield at_most("`make up`, everything new", first.wall, 120, unit="s")
    yield Result(what="`make up` again", figure=f"{again.wall:.3g} s")
    yield Result(what="`make down`", figure=f"{down.wall:.3g} s")
