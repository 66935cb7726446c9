"""What checkov and tf-nag report, in one form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

CHECKOV, TF_NAG = "checkov", "tf-nag"

# By stack name: its Terraform JSON.
Stacks = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, order=True, kw_only=True)
class Finding:
    """A check that a resource, named by its address in the stack, fails."""

    environment: str
    check: str
    resource: str
    stack: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one tool; ``problems`` are reasons not to rely on it."""

    tool: str
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    passed: int | None = None


def read_checkov(document: Mapping[str, Any], stacks: Stacks) -> Report:
    """Read checkov's JSON.

    checkov exits with 0 after it has read nothing, so each stack must have passed some check.
    """
    results: Mapping[str, Any] = document.get("results", {})
    passed = Counter(_stack(one) for one in results.get("passed_checks", ()))
    problems = [f"checkov cannot parse {one}" for one in results.get("parsing_errors", ())]
    problems += [f"checkov skipped {one['check_id']}" for one in results.get("skipped_checks", ())]
    problems += [f"checkov passed no check of {name}" for name in stacks if not passed[name]]
    findings = [
        _finding(
            _stack(one),
            check=one["check_id"],
            resource=_address(one["resource"], stacks.get(_stack(one), {})),
            name=one["check_name"],
        )
        for one in results.get("failed_checks", ())
    ]
    return Report(
        tool=CHECKOV,
        findings=_sorted(findings),
        problems=tuple(problems),
        passed=passed.total(),
    )


def read_tf_nag(
    found: Iterable[Mapping[str, Any]], plan: Mapping[str, Any], stacks: Stacks
) -> Report:
    """Read tf-nag's JSON about a plan in which each stack is a module.

    tf-nag does not say what it passed, so the plan must have every resource of the stacks.
    """
    planned = {one["address"] for one in plan.get("resource_changes", ())}
    problems = [
        f"tf-nag did not see {type_}.{name} of {stack}"
        for stack, document in stacks.items()
        for type_, resources in document.get("resource", {}).items()
        for name in resources
        if f"module.{stack}.{type_}.{name}" not in planned
    ]
    findings = []
    for one in found:
        stack, _, address = one["address"].removeprefix("module.").partition(".")
        # A rule that cannot judge before the apply: accepting that accepts no failure of it.
        check = one["rule_id"] + (":unknown" if one["compliance"] == "UNKNOWN" else "")
        findings.append(_finding(stack, check=check, resource=address, name=one["message"]))
    return Report(tool=TF_NAG, findings=_sorted(findings), problems=tuple(problems))


def _finding(stack: str, *, check: str, resource: str, name: str) -> Finding:
    environment, _, _ = stack.rpartition("-")
    return Finding(environment=environment, check=check, resource=resource, stack=stack, name=name)


def _stack(result: Mapping[str, Any]) -> str:
    return PurePath(result["file_path"]).parent.name


def _address(resource: str, document: Mapping[str, Any]) -> str:
    """Return the address; of some resources checkov calls every type ``resource``."""
    type_, _, name = resource.partition(".")
    if type_ != "resource":
        return resource
    types = [one for one, resources in document.get("resource", {}).items() if name in resources]
    return f"{types[0]}.{name}" if len(types) == 1 else resource


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    # checkov reports a finding again for each resource that leads to it.
    return tuple(sorted(set(findings)))
