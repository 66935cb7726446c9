"""Runs without Terraform, for tests of what drives and follows them."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Literal

from testing.hcp.api import JsonObject
from testing.hcp.runner import Job
from testing.hcp.runs import Phase, Run

PhaseName = Literal["plan", "apply"]


@dataclass(kw_only=True)
class Script:
    """How the runs of a workspace go: what they change, what fails, and how long a phase takes.

    ``changes`` is the number of resources; each of them has ``value``.
    """

    changes: int = 1
    value: str = "as scripted"
    fails: PhaseName | None = None
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)


class ScriptedEngine:
    """Follows ``scripts`` by workspace name; ``started`` lists what began, in order.

    An apply writes a state with as many resources as it changes; the next plan finds no changes.
    """

    def __init__(self, scripts: dict[str, Script] | None = None) -> None:
        self.scripts = scripts or {}
        self.started: list[tuple[str, PhaseName]] = []
        self._stops: dict[str, threading.Event] = {}
        self._applied: dict[str, int] = {}

    def plan(self, job: Job) -> bool:
        run = job.run
        script = self._begin(run, "plan")
        if not self._work(run, run.plan, script, fails=script.fails == "plan"):
            return False
        name, target = run.workspace.name, 0 if run.settings.is_destroy else script.changes
        difference = target - self._applied.get(name, 0)
        run.plan.has_changes = difference != 0
        run.plan.additions = max(0, difference)
        run.plan.destructions = max(0, -difference)
        document = {
            "resource_changes": [
                *(_resource(number, "create", script.value) for number in range(difference)),
                *(_resource(number, "delete", script.value) for number in range(-difference)),
            ]
        }
        run.plan.json = json.dumps({"format_version": "1.2", **document}).encode()
        run.plan.redacted = json.dumps({"plan_format_version": "1.2", **document}).encode()
        run.plan.log.write(
            f"Plan: {run.plan.additions} to add, 0 to change, {run.plan.destructions} to destroy.\n"
        )
        return True

    def apply(self, job: Job) -> bool:
        run = job.run
        script = self._begin(run, "apply")
        if not self._work(run, run.apply, script, fails=script.fails == "apply"):
            return False
        resources = 0 if run.settings.is_destroy else script.changes
        self._applied[run.workspace.name] = resources
        run.apply.additions = run.plan.additions
        run.apply.destructions = run.plan.destructions
        run.apply.log.write("Apply complete!\n")
        with job.store.lock:
            _write_state(job, resources, script)
        return True

    def stop(self, run: Run, *, force: bool) -> None:  # noqa: ARG002
        self._stops.setdefault(run.id, threading.Event()).set()

    def _begin(self, run: Run, phase: PhaseName) -> Script:
        self.started.append((run.workspace.name, phase))
        return self.scripts.get(run.workspace.name, Script())

    def _work(self, run: Run, phase: Phase, script: Script, *, fails: bool) -> bool:
        phase.log.write("Terraform v1.11.4\non linux_amd64\nInitializing plugins and modules...\n")
        if self._stops.setdefault(run.id, threading.Event()).wait(script.seconds):
            phase.log.write("Interrupted.\n")
            return False
        if fails:
            phase.log.write("Error: as scripted\n")
        return not fails


def _resource(number: int, action: Literal["create", "delete"], value: str) -> JsonObject:
    values = {"id": str(number), "input": value}
    return {
        "address": f"terraform_data.thing[{number}]",
        "mode": "managed",
        "type": "terraform_data",
        "change": {
            "actions": [action],
            "before": values if action == "delete" else None,
            "after": values if action == "create" else None,
        },
    }


def _write_state(job: Job, resources: int, script: Script) -> None:
    run = job.run
    before = job.store.current_state(run.workspace)
    content = json.dumps(
        {
            "version": 4,
            "terraform_version": "1.11.4",
            "serial": before.serial + 1 if before else 1,
            "lineage": before.lineage if before else str(uuid.uuid4()),
            "outputs": {
                name: {"value": value, "type": "string"} for name, value in script.outputs.items()
            },
            "resources": [
                {
                    "mode": "managed",
                    "type": "terraform_data",
                    "name": "thing",
                    "instances": [
                        {"index_key": number, "attributes": {"input": script.value}}
                        for number in range(resources)
                    ],
                }
            ]
            if resources
            else [],
        }
    ).encode()
    state = job.store.add_state(
        run.workspace,
        serial=before.serial + 1 if before else 1,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        lineage=before.lineage if before else None,
        run=run.id,
    )
    state.accept(content)
