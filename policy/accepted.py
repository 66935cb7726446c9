"""The accepted findings, and how they compare with those found."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from itertools import product
from typing import Annotated

from modules.problems import InputError, Problem
from modules.schema.constraints import Matches
from modules.schema.reader import structure
from modules.schema.setting_docs import Doc
from policy.findings import CHECKOV, TF_NAG, Finding

_PREFIXES = {"CKV_": CHECKOV, "CKV2_": CHECKOV, "AwsSolutions-": TF_NAG}
_CHECK = Matches(f"({'|'.join(_PREFIXES)}).+", "a check of checkov or tf-nag", "CKV_AWS_18")
_REASON = Matches(r"(.|\n)*\S(.|\n)*", "a reason that can be reviewed", "The bucket is public.")
_DAY = Matches(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "a date", "2027-05-31")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Findings that are accepted for a reason, until the day of their next review.

    It stands for every combination of its checks, resources and environments. The latter two may
    be patterns such as ``aws_ssm_parameter.*``.
    """

    checks: Annotated[tuple[str, ...], _CHECK, Doc("The failed checks.")]
    resources: Annotated[tuple[str, ...], Doc("Addresses of the resources.")]
    environments: Annotated[tuple[str, ...], Doc("Where they are accepted.")]
    reason: Annotated[str, _REASON, Doc("Why.")]
    review: Annotated[str, _DAY, Doc("The last day before the next review.")]

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
            if entry.review < today.isoformat()
        ),
    )


def read(text: str, *, where: str) -> list[Entry]:
    """Read the list of accepted findings.

    Raises:
        InputError: With every problem of the list.

    """
    try:
        (rows,) = tomllib.loads(text).values()
        entries = [structure(Entry, {**row}) for row in rows]
    except (ValueError, TypeError) as error:
        remedy = "correct the TOML, and write nothing but tables [[accepted]]"
        problem = Problem(where=where, field="file", reason=str(error), remedy=remedy)
        raise InputError([problem]) from error
    problems = [
        replace(one, where=where, field=f"accepted[{number}].{one.field}")
        for number, (_, mistakes) in enumerate(entries, 1)
        for one in mistakes
    ]
    if problems:
        raise InputError(problems)
    return [entry for entry, _ in entries]


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
