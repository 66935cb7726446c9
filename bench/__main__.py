"""Measure and print a table for docs/performance.md; exit with 1 if a promise is not kept."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bench import local_aws, operators, planning, review, review_peers, suite, synthesis
from bench.processes import ROOT
from bench.results import Result, table


def main() -> int:
    """Measure the selected sections and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Measure what docs/performance.md promises. Run it on a quiet machine.",
        epilog='example: make bench ARGS="synthesis --runs 9"',
    )
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help="synthesis, function, local, operators, review, tests (default: all)",
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each command (default: 5)")
    parser.add_argument("--whole", action="store_true", help="also time all of `make test`")
    options = parser.parse_args()
    sections: dict[str, Callable[[], Iterable[Result]]] = {
        "synthesis": lambda: synthesis.measure(options.runs),
        "function": lambda: _function(options.runs),
        "local": local_aws.measure,
        "operators": lambda: operators.measure(options.runs),
        "review": lambda: (*review.measure(options.runs), *planning.measure(options.runs)),
        "tests": lambda: suite.measure(whole=options.whole),
    }
    unknown = set(options.sections) - sections.keys()
    if unknown:
        parser.error(f"unknown section {', '.join(unknown)}; choose from {', '.join(sections)}")
    results: list[Result] = []
    for name in options.sections or sections:
        sys.stderr.write(f"measuring {name} ...\n")
        results += sections[name]()
    today = datetime.now(tz=UTC).date().isoformat()
    python = platform.python_version()
    sys.stdout.write(f"{today}, {os.cpu_count()} cores, Python {python}\n\n{table(results)}\n")
    if "review" in (options.sections or sections):
        sys.stdout.write(f"\n{review_peers.table()}\n")
    return 0 if all(result.kept for result in results) else 1


def _function(runs: int) -> Iterable[Result]:
    # Only AWS Lambda has the function's package on its path.
    sys.path.append(str(ROOT / "lambda_src"))
    from bench import function  # noqa: PLC0415

    return function.measure(runs)


if __name__ == "__main__":
    sys.exit(main())
