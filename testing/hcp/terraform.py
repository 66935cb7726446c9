"""Remote runs with real Terraform.

As in the real service, Terraform works on a copy of the uploaded configuration whose `cloud` block
is overridden by local state: the state comes from the workspace and goes back to it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ops.common.local_address import write_private
from testing.emulator import Emulator, process_group
from testing.hcp import identity
from testing.hcp.model import Variable, Workspace
from testing.hcp.redaction import redacted
from testing.hcp.runner import Job
from testing.hcp.runs import Log, Phase, Run

_OVERRIDE = {"terraform": {"backend": {"local": {"path": "terraform.tfstate"}}}}
_PLAN = "run.tfplan"
_CHANGES = 2

# Where the stacks look for the emulator's key (modules/settings/local_aws.py), from their folder.
_CREDENTIALS = Path("../../../.local/aws/credentials")


class TerraformEngine:
    """Does the work of runs with Terraform, in folders below ``home``.

    ``environment`` returns the variables for the runs of a workspace, with what Terraform needs to
    install or attach the provider. With ``emulator``, runs get its key, or for dynamic credentials
    those that its STS returns for the run's web identity token.
    """

    def __init__(
        self,
        home: Path,
        *,
        program: str,
        environment: Callable[[Workspace], Mapping[str, str]],
        emulator: Emulator | None = None,
    ) -> None:
        self._home = home
        self._program = program
        self._environment = environment
        self._emulator = emulator
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._schemas: dict[str, Any] = {}

    def plan(self, job: Job) -> bool:
        run, folder = job.run, self._folder(job.run)
        _extract(run.configuration.content or b"", self._root(run))
        (folder / "run_override.tf.json").write_text(json.dumps(_OVERRIDE), encoding="utf-8")
        write_private(folder / "run.auto.tfvars", _values(job))
        with job.store.lock:
            state = job.store.current_state(run.workspace)
        if state and state.content:
            (folder / "terraform.tfstate").write_bytes(state.content)
        environment = self._variables(job, "plan")
        self._header(run.plan.log, environment)
        if self._captured(job, environment, "init", "-input=false", "-no-color") is None:
            return False
        code = self._terraform(
            job,
            run.plan,
            environment,
            "plan",
            "-detailed-exitcode",
            f"-out={_PLAN}",
            *_options(run),
        )
        if code not in (0, _CHANGES):
            return False
        run.plan.has_changes = code == _CHANGES
        return self._describe(job, environment)

    def apply(self, job: Job) -> bool:
        run, environment = job.run, self._variables(job, "apply")
        self._header(run.apply.log, environment)
        code = self._terraform(job, run.apply, environment, "apply", _PLAN)
        # A failed apply may have changed things too.
        self._keep_state(job)
        run.apply.additions = run.plan.additions
        run.apply.changes = run.plan.changes
        run.apply.destructions = run.plan.destructions
        return code == 0

    def stop(self, run: Run, *, force: bool) -> None:
        if process := self._processes.get(run.id):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL if force else signal.SIGINT)

    def _root(self, run: Run) -> Path:
        # As deep as the stacks of a synthesis, whose paths lead out of their folder.
        return self._home / run.id / "cdktf.out" / "stacks" / "configuration"

    def _folder(self, run: Run) -> Path:
        return self._root(run) / (run.workspace.settings.working_directory or ".")

    def _variables(self, job: Job, phase: str) -> dict[str, str]:
        run = job.run
        own = {
            each.settings.key: each.settings.value or ""
            for each in job.store.variables_of(run.workspace)
            if each.settings.category == "env"
        }
        environment = job.connection.environment(
            self._home / run.id,
            {
                **self._environment(run.workspace),
                **own,
                "TF_INPUT": "0",
                "TF_IN_AUTOMATION": "1",
                "TFC_RUN_ID": run.id,
                "TFC_WORKSPACE_NAME": run.workspace.name,
                "TFC_WORKSPACE_SLUG": f"{run.workspace.organization.name}/{run.workspace.name}",
                "TFC_PROJECT_NAME": run.workspace.project.settings.name,
            },
            token=job.token,
        )
        credentials = (self._folder(run) / _CREDENTIALS).resolve()
        if identity.wanted(own):
            token = identity.mint(job, phase, own)
            environment |= identity.files(self._home / run.id, token, phase, own)
            if self._emulator:
                identity.exchange(self._emulator, token, run, environment, credentials)
        elif self._emulator:
            key = self._emulator.credentials_file.read_text(encoding="utf-8")
            write_private(credentials, key)
        return environment

    def _header(self, log: Log, environment: Mapping[str, str]) -> None:
        found = json.loads(
            subprocess.run(
                [self._program, "version", "-json"],
                env=dict(environment),
                cwd=self._home,
                capture_output=True,
                check=True,
            ).stdout
        )
        log.write(f"Terraform v{found['terraform_version']}\non {found['platform']}\n")
        log.write("Initializing plugins and modules...\n")

    def _terraform(
        self, job: Job, phase: Phase, environment: Mapping[str, str], command: str, *options: str
    ) -> int:
        """Run a command whose output is the log of a phase; return its exit code."""
        structured = job.run.workspace.settings.structured_run_output_enabled
        form = "-json" if structured else "-no-color"
        arguments = [self._program, command, "-input=false", form, *options]
        with process_group(
            arguments, environment=environment, folder=self._folder(job.run)
        ) as process:
            self._processes[job.run.id] = process
            if job.run.canceling:
                self.stop(job.run, force=False)
            assert process.stdout
            for line in process.stdout:
                phase.log.write(line)
        del self._processes[job.run.id]
        return process.returncode

    def _captured(self, job: Job, environment: Mapping[str, str], *arguments: str) -> bytes | None:
        """Return the output of a command, or None with its output in the plan's log."""
        result = subprocess.run(
            [self._program, *arguments],
            env=dict(environment),
            cwd=self._folder(job.run),
            capture_output=True,
            check=False,
        )
        if result.returncode:
            job.run.plan.log.write((result.stdout + result.stderr).decode())
            return None
        return result.stdout

    def _describe(self, job: Job, environment: Mapping[str, str]) -> bool:
        """Keep the plan in JSON, and count its changes."""
        plan = job.run.plan
        plan.json = self._captured(job, environment, "show", "-json", _PLAN)
        if plan.json is None:
            return False
        document = json.loads(plan.json)
        actions = [
            change["change"]["actions"]
            for change in document.get("resource_changes") or []
            if change["mode"] == "managed"
        ]
        plan.additions = sum("create" in each for each in actions)
        plan.changes = sum("update" in each for each in actions)
        plan.destructions = sum("delete" in each for each in actions)
        if job.run.workspace.settings.structured_run_output_enabled:
            schemas = self._schema(job, environment)
            if schemas is None:
                return False
            plan.redacted = json.dumps(redacted(document, schemas)).encode()
        return True

    def _schema(self, job: Job, environment: Mapping[str, str]) -> Any | None:
        """Return the schemas of the providers, which take seconds to read."""
        lock = self._folder(job.run) / ".terraform.lock.hcl"
        # There is none if the only provider is attached.
        providers = lock.read_text(encoding="utf-8") if lock.exists() else ""
        if providers not in self._schemas:
            found = self._captured(job, environment, "providers", "schema", "-json")
            if found is None:
                return None
            self._schemas[providers] = json.loads(found)
        return self._schemas[providers]

    def _keep_state(self, job: Job) -> None:
        file = self._folder(job.run) / "terraform.tfstate"
        if not file.exists():
            return
        content = file.read_bytes()
        state = json.loads(content)
        with job.store.lock:
            before = job.store.current_state(job.run.workspace)
            if before and before.content == content:
                return
            job.store.add_state(
                job.run.workspace,
                serial=state["serial"],
                md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
                lineage=state["lineage"],
                run=job.run.id,
            ).accept(content)


def _extract(content: bytes, root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        archive.extractall(root, filter="data")


def _options(run: Run) -> Iterator[str]:
    settings = run.settings
    if settings.is_destroy:
        yield "-destroy"
    if settings.refresh_only:
        yield "-refresh-only"
    if not settings.refresh:
        yield "-refresh=false"
    yield from (f"-target={address}" for address in settings.target_addrs)
    yield from (f"-replace={address}" for address in settings.replace_addrs)


def _values(job: Job) -> str:
    """Return the Terraform variables of a run; those that it was created with win."""
    values = {
        each.settings.key: _expression(each)
        for each in job.store.variables_of(job.run.workspace)
        if each.settings.category == "terraform"
    }
    values |= {str(each["key"]): str(each["value"]) for each in job.run.variables}
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def _expression(variable: Variable) -> str:
    value = variable.settings.value or ""
    if variable.settings.hcl:
        return value
    return json.dumps(value).replace("${", "$${").replace("%{", "%%{")
