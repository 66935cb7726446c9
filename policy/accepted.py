"""The accepted findings, and how they compare with those found."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from modules.problems import InputError, Problem
from policy.findings import CHECKOV, TF_NAG, Finding

_PREFIXES = {"CKV_": CHECKOV, "CKV2_": CHECKOV, "AwsSolutions-": TF_NAG}
_LISTS = ("checks", "resources", "environments")
_FIELDS = {*_LISTS, "reason", "review"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Findings that are accepted for a reason, until the day of their next review.

    It stands for every combination of its checks, resources and environments. The latter two may
    be patterns such as ``aws_ssm_parameter.*``.
    """

    checks: tuple[str, ...]
    resources: tuple[str, ...]
    environments: tuple[str, ...]
    reason: str
    review: date

    def accepts(self, finding: Finding) -> bool:
        """Return whether the finding is one of these."""
        return any(_matches(one, finding) for one in self.combinations())

    def combinations(self) -> Iterable[tuple[str, str, str]]:
        """Return the combinations of check, resource and environment."""
        return product(self.checks, self.resources, self.environments)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Findings that are not accepted, and what of the accepted ones is out of date."""

    unaccepted: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    unneeded: tuple[str, ...]
    overdue: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether exactly the accepted findings exist, and all are reviewed."""
        return not (self.unaccepted or self.unneeded or self.overdue)


def compare(
    findings: Sequence[Finding], entries: Sequence[Entry], *, ran: Collection[str], today: date
) -> Comparison:
    """Compare findings with accepted ones; those of tools that did not run are left alone."""
    accepted = [one for one in findings if any(entry.accepts(one) for entry in entries)]
    return Comparison(
        unaccepted=tuple(one for one in findings if one not in accepted),
        accepted=tuple(accepted),
        unneeded=tuple(
            f"{check} on {resource} in {environment}"
            for entry in entries
            for check, resource, environment in entry.combinations()
            if tool(check) in ran
            and not any(_matches((check, resource, environment), one) for one in findings)
        ),
        overdue=tuple(
            f"{', '.join(entry.checks)} on {', '.join(entry.resources)} since {entry.review}"
            for entry in entries
            if entry.review < today
        ),
    )


def read(text: str, *, where: str) -> list[Entry]:
    """Read the list of accepted findings.

    Raises:
        InputError: With every problem of the list.

    """
    try:
        rows = tomllib.loads(text).get("accepted", [])
    except tomllib.TOMLDecodeError as error:
        problem = Problem(
            where=where, field="file", value="", reason=str(error), remedy="correct the TOML"
        )
        raise InputError([problem]) from error
    problems = [
        Problem(
            where=where,
            field=f"accepted[{number}].{field}",
            value=value,
            reason=reason,
            remedy=remedy,
        )
        for number, row in enumerate(rows, 1)
        for field, value, reason, remedy in _mistakes(row)
    ]
    if problems:
        raise InputError(problems)
    return [
        Entry(
            checks=tuple(row["checks"]),
            resources=tuple(row["resources"]),
            environments=tuple(row["environments"]),
            reason=row["reason"],
            review=row["review"],
        )
        for row in rows
    ]


def tool(check: str) -> str | None:
    """Return the tool that a check belongs to."""
    return next((one for prefix, one in _PREFIXES.items() if check.startswith(prefix)), None)


def _matches(combination: tuple[str, str, str], finding: Finding) -> bool:
    check, resource, environment = combination
    return (
        check == finding.check
        and fnmatchcase(finding.resource, resource)
        and fnmatchcase(finding.environment, environment)
    )


def _mistakes(row: Mapping[str, Any]) -> Iterable[tuple[str, object, str, str]]:
    for field in _LISTS:
        value = row.get(field)
        if not (isinstance(value, list) and value and all(isinstance(one, str) for one in value)):
            yield field, value, "it is not a list of texts", 'write, for example, ["CKV_AWS_1"]'
        elif field == "checks" and (unknown := [one for one in value if tool(one) is None]):
            yield (
                field,
                unknown,
                "no tool has such a check",
                f"start it with {', '.join(_PREFIXES)}",
            )
    if not (isinstance(row.get("reason"), str) and row["reason"].strip()):
        yield "reason", row.get("reason"), "nobody can review it without one", "say why it is right"
    if type(row.get("review")) is not date:
        yield "review", row.get("review"), "it is not a date", "write, for example, 2027-05-31"
    for field in row.keys() - _FIELDS:
        yield field, row[field], "no such field", f"use {', '.join(sorted(_FIELDS))}"
