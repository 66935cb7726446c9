"""The report on the terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

from policy.accepted import Comparison
from policy.findings import Finding, Report

_REVIEW_AFTER = timedelta(days=180)


def lines(
    comparison: Comparison,
    problems: Sequence[str],
    reports: Sequence[Report],
    *,
    today: date,
    every: bool,
) -> Iterator[str]:
    """Yield the report, with ``every`` including what is accepted."""
    if every:
        yield from _table("accepted", comparison.accepted)
    yield from _table("NOT ACCEPTED", comparison.unaccepted)
    yield from (f"PROBLEM       {one}" for one in problems)
    yield from (
        f"NOT NEEDED    {one}: remove it from policy/accepted.toml" for one in comparison.unneeded
    )
    yield from (f"OVERDUE       {one}: review it and set a new date" for one in comparison.overdue)
    if comparison.unaccepted:
        yield "\nCorrect these, or accept them in policy/accepted.toml with a reason:\n"
        yield from entries(comparison.unaccepted, today + _REVIEW_AFTER)
    found = Counter(one.environment for one in comparison.accepted)
    for report in reports:
        passed = "" if report.passed is None else f", {report.passed} checks passed"
        yield f"{report.tool}: {len(report.findings)} findings{passed}"
    yield (
        f"accepted: {len(comparison.accepted)}"
        f" ({', '.join(f'{name} {count}' for name, count in sorted(found.items()))}),"
        f" not accepted: {len(comparison.unaccepted)}, not needed: {len(comparison.unneeded)},"
        f" overdue: {len(comparison.overdue)}, problems: {len(problems)}"
    )


def _table(state: str, findings: Sequence[Finding]) -> Iterator[str]:
    rows = [
        (state, one.environment, one.check, one.resource, f"{one.stack}/cdk.tf.json", one.name)
        for one in sorted(findings)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def entries(findings: Sequence[Finding], review: date) -> Iterator[str]:
    """Yield entries to paste: one for each check and set of environments."""
    environments: dict[tuple[str, str], list[str]] = {}
    for one in sorted(findings):
        environments.setdefault((one.check, one.resource), []).append(one.environment)
    rows = sorted(
        (check, sorted(set(names)), resource) for (check, resource), names in environments.items()
    )
    for (check, names), group in groupby(rows, key=lambda row: (row[0], row[1])):
        yield "[[accepted]]"
        yield f"checks = {json.dumps([check])}"
        yield f"resources = {json.dumps([resource for _, _, resource in group])}"
        yield f"environments = {json.dumps(names)}"
        yield 'reason = ""'
        yield f'review = "{review}"\n'
