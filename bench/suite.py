"""The duration of the tests."""

from __future__ import annotations

from collections.abc import Iterator

from bench.processes import run
from bench.results import Result, at_most


def measure(*, whole: bool) -> Iterator[Result]:
    """Yield the duration of the unit tests and, if ``whole``, of ``make test``."""
    yield at_most("`make unit`", run(["make", "unit"]).wall, 30, unit="s")
    if whole:
        yield at_most("`make test`", run(["make", "test"]).wall, 480, unit="s")
