"""Runs without Terraform, for tests of what drives and follows them."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Literal

from testing.hcp.runner import Job
from testing.hcp.runs import Phase, Run

PhaseName = Literal["plan", "apply"]


@dataclass(kw_only=True)
class Script:
    """How the runs of a workspace go: what they change, what fails, and how long a phase takes."""

    changes: int = 1
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
        run.plan.json = run.plan.redacted = json.dumps({"resource_changes": []}).encode()
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
            _write_state(job, resources, script.outputs)
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


def _write_state(job: Job, resources: int, outputs: dict[str, str]) -> None:
    run = job.run
    before = job.store.current_state(run.workspace)
    content = json.dumps(
        {
            "version": 4,
            "terraform_version": "1.11.4",
            "serial": before.serial + 1 if before else 1,
            "lineage": before.lineage if before else str(uuid.uuid4()),
            "outputs": {
                name: {"value": value, "type": "string"} for name, value in outputs.items()
            },
            "resources": [{"mode": "managed", "instances": [{}] * resources}] if resources else [],
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
