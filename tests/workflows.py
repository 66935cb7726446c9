"""Which jobs of .github/workflows an event starts, and which token each of them gets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from modules.packaging import ROOT

FOLDER = ROOT / ".github" / "workflows"
REPOSITORY = "my-company/co2-analysis"
ACCOUNT = "123456789012"
ENVIRONMENTS = ("dev", "staging", "prod")
CONFIGURED = {
    "PIPELINE_ENVIRONMENTS": json.dumps(ENVIRONMENTS),
    "AWS_ACCOUNTS": json.dumps(dict.fromkeys(ENVIRONMENTS, ACCOUNT)),
}
# They let a job run although one that it needs did not.
_STATUS = re.compile(r"\b(always|cancelled|failure|success)\(\)")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What started a workflow."""

    name: str
    ref: str
    head: str = REPOSITORY

    @property
    def github(self) -> _Context:
        pull_request = {"number": 7, "head": {"repo": {"full_name": self.head}}}
        event = {"pull_request": pull_request} if self.name == "pull_request" else {}
        return _Context(
            event_name=self.name, ref=self.ref, repository=REPOSITORY, token="t", event=event
        )


PULL_REQUEST = Event(name="pull_request", ref="refs/pull/7/merge")
FROM_FORK = Event(name="pull_request", ref="refs/pull/7/merge", head="stranger/co2-analysis")
PUSH = Event(name="push", ref="refs/heads/main")
SCHEDULE = Event(name="schedule", ref="refs/heads/main")
BY_HAND = Event(name="workflow_dispatch", ref="refs/heads/main")
BY_HAND_ELSEWHERE = Event(name="workflow_dispatch", ref="refs/heads/topic")
EVENTS = (PULL_REQUEST, FROM_FORK, PUSH, SCHEDULE, BY_HAND, BY_HAND_ELSEWHERE)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job that runs: ``role`` is the ARN of the role that it assumes."""

    workflow: str
    name: str
    event: Event
    environment: str | None
    role: str | None
    permissions: Mapping[str, str]
    minutes: int
    commands: tuple[str, ...]

    @property
    def subject(self) -> str:
        """What the subject of its OIDC token ends with."""
        if self.environment:
            return f"environment:{self.environment}"
        return "pull_request" if self.event.name == "pull_request" else f"ref:{self.event.ref}"


class _Context(dict[str, Any]):
    """A context of expressions, in which what is missing is null."""

    def __getattr__(self, name: str) -> Any:
        return _wrapped(self.get(name))

    def __getitem__(self, name: str) -> Any:
        return _wrapped(self.get(name))


class _Null:
    def __getattr__(self, name: str) -> Self:
        return self

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other == "" or isinstance(other, _Null)

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return ""


def _wrapped(value: Any) -> Any:
    if value is None:
        return _Null()
    return _Context(value) if isinstance(value, dict) else value


def read(path: Path) -> dict[str, Any]:
    """Return a workflow; the key ``on`` is a truth value of YAML 1.1."""
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if True in document:
        document["on"] = document.pop(True)
    return document


WORKFLOWS = {path.name: read(path) for path in sorted(FOLDER.glob("*.yml"))}


@dataclass(kw_only=True)
class _Run:
    """A workflow that an event started, or a job of it called."""

    name: str
    event: Event
    variables: Mapping[str, str]
    inputs: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)

    def jobs(self) -> Iterator[Job]:
        results: dict[str, dict[str, Any]] = {}
        for id_, job in WORKFLOWS[self.name]["jobs"].items():
            needed = job.get("needs", [])
            needs = {one: results[one] for one in ([needed] if isinstance(needed, str) else needed)}
            scope = self._scope(needs)
            condition = str(job.get("if", "true"))
            wanted = bool(_value(condition, scope))
            if not _STATUS.search(condition):
                wanted = wanted and all(one["result"] == "success" for one in needs.values())
            result = self.ends.get(id_, "success") if wanted else "skipped"
            succeeds = result == "success"
            results[id_] = {
                "result": result,
                "outputs": dict.fromkeys(job.get("outputs", ()), "ID") if succeeds else {},
            }
            # What gave way to a later run has not begun.
            if wanted and result != "cancelled":
                yield from self._started(id_, job, scope)

    def _started(self, id_: str, job: Mapping[str, Any], scope: Mapping[str, Any]) -> Iterator[Job]:
        if called := job.get("uses"):
            inputs = {name: _text(value, scope) for name, value in job.get("with", {}).items()}
            name = called.removeprefix("./.github/workflows/")
            inner = _Run(name=name, event=self.event, variables=self.variables, inputs=inputs)
            for one in inner.jobs():
                # A called workflow gets no more than the caller's job has.
                assert one.permissions.items() <= job["permissions"].items()
                yield one
            return
        matrix = job.get("strategy", {}).get("matrix", {})
        rows = _value(matrix["environment"], scope) if matrix else [None]
        for row in rows:
            inside = {**scope, "matrix": _Context(environment=row)}
            roles = [
                _text(step["with"]["role-to-assume"], inside)
                for step in job["steps"]
                if "role-to-assume" in step.get("with", {}) and _value(step["if"], inside)
            ]
            assert len(roles) <= 1
            environment = job.get("environment")
            yield Job(
                workflow=self.name,
                name=id_,
                event=self.event,
                environment=_text(environment, inside) if environment else None,
                role=roles[0] if roles else None,
                permissions=job["permissions"],
                minutes=job["timeout-minutes"],
                commands=tuple(step["run"] for step in job["steps"] if "run" in step),
            )

    def _scope(self, needs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "github": self.event.github,
            "vars": _Context(self.variables),
            "inputs": _Context(self.inputs),
            "needs": _Context(needs),
            "fromJSON": lambda text: _wrapped(json.loads(text)),
            "contains": lambda those, one: one in those,
            # Of the run: jobs that gave way to a later one do not count.
            "cancelled": lambda: False,
        }


def _value(expression: str, scope: Mapping[str, Any]) -> Any:
    """Evaluate the part of GitHub's expressions that the workflows use, which Python has, too."""
    inner = _EXPRESSION.fullmatch(expression.strip())
    text = inner[1] if inner else expression
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))
    text = re.sub(r"\btrue\b", "True", text)
    return eval(text.strip(), {"__builtins__": {}}, dict(scope))  # noqa: S307 - our own workflows


def _text(template: str, scope: Mapping[str, Any]) -> str:
    return _EXPRESSION.sub(lambda found: str(_value(found[1], scope)), template)


def jobs(
    event: Event, variables: Mapping[str, str], ends: Mapping[str, str] | None = None
) -> list[Job]:
    """Return the jobs that an event starts, in a repository with these variables.

    ``ends`` are the results of jobs that do not succeed: "failure", or "cancelled" if a job gives
    way to that of a later run before it begins.
    """
    found: list[Job] = []
    for name, workflow in WORKFLOWS.items():
        events = workflow["on"]
        if event.name not in events:
            continue
        branches = (events[event.name] or {}) if isinstance(events, dict) else {}
        if event.name == "push":
            assert branches == {"branches": ["main"]}
        found += _Run(name=name, event=event, variables=variables, ends=ends or {}).jobs()
    return found
