"""The queue of runs: who runs when, and what follows."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from testing.hcp import runs
from testing.hcp.runs import ConfigurationVersion, Log, Run, RunSettings
from testing.hcp.states import current_state
from testing.hcp.store import Lock, Store, Workspace

if TYPE_CHECKING:
    from testing.hcp.service import Service


@dataclass(frozen=True, kw_only=True)
class Job:
    """A phase of a run to be done. ``token`` reads the states that the run may read."""

    run: Run
    service: Service
    token: str = field(repr=False)


class Engine(Protocol):
    """What does the work of runs: it writes the logs, and returns whether the phase succeeded."""

    def plan(self, job: Job) -> bool: ...

    def apply(self, job: Job) -> bool: ...

    def stop(self, run: Run, *, force: bool) -> None:
        """End a phase early, orderly or at once."""


class Runner:
    """Runs one run at a time in each workspace; speculative ones wait for nobody."""

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service = service
        self._store: Store = service.store
        self._engine = engine
        self._threads: list[threading.Thread] = []

    def accept(self, configuration: ConfigurationVersion, content: bytes) -> None:
        """Take an uploaded configuration."""
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
                archive.getnames()
        except (tarfile.TarError, OSError, EOFError) as error:
            configuration.error = f"the upload is not a gzipped tar archive: {error}"
            return
        configuration.content = content

    def queue(self, run: Run) -> None:
        self._store.runs[run.id] = run
        run.workspace.runs.append(run)
        current = run.workspace.current_run
        if not run.is_speculative and (current is None or current.is_final):
            run.workspace.current_run = run
        self.proceed(run.workspace)

    def proceed(self, workspace: Workspace) -> None:
        """Start what can start in a workspace."""
        for run in workspace.runs:
            if run.is_speculative or workspace.lock is None:
                if run.status == runs.PENDING:
                    self._take(run)
                    run.move(runs.PLAN_QUEUED)
                    self._start(self._plan, run)
                elif run.status == runs.CONFIRMED and run.settings.save_plan:
                    self._begin_saved(run)

    def confirm(self, run: Run) -> None:
        run.move(runs.CONFIRMED)
        if run.settings.save_plan:
            self.proceed(run.workspace)
        else:
            self._start(self._apply, run)

    def discard(self, run: Run) -> None:
        self._end(run, runs.DISCARDED)

    def cancel(self, run: Run, *, force: bool = False) -> None:
        """Cancel a run: a working one ends when Terraform has."""
        run.canceling = True
        if run.status == runs.PENDING:
            run.plan.finish("canceled")
            self._end(run, runs.CANCELED)
        else:
            self._engine.stop(run, force=force)

    def close(self) -> None:
        """End all runs."""
        with self._store.lock:
            for run in self._store.runs.values():
                if not run.is_final:
                    run.canceling = True
                    self._engine.stop(run, force=True)
        for thread in self._threads:
            thread.join(timeout=30)

    def _take(self, run: Run) -> None:
        if not run.is_speculative:
            run.workspace.current_run = run
            run.workspace.lock = Lock(kind="runs", holder=run.id, reason=f"Locked by {run.id}")

    def _start(self, work: Callable[[Run], None], run: Run) -> None:
        thread = threading.Thread(target=work, args=(run,), daemon=True, name=run.id)
        self._threads.append(thread)
        thread.start()

    def _plan(self, run: Run) -> None:
        with self._store.lock:
            state = current_state(run.workspace)
            run.base_state = state.id if state else None
            run.move(runs.PLANNING)
            run.plan.move("running")
        succeeded = self._do(self._engine.plan, run, run.plan.log)
        with self._store.lock:
            if run.canceling:
                run.plan.finish("canceled")
                self._end(run, runs.CANCELED)
            elif not succeeded:
                run.plan.finish("errored")
                self._end(run, runs.ERRORED)
            else:
                run.plan.finish("finished")
                self._planned(run)

    def _do(self, phase: Callable[[Job], bool], run: Run, log: Log) -> bool:
        with self._service.run_token(run) as token:
            try:
                return phase(Job(run=run, service=self._service, token=token))
            except Exception as error:  # noqa: BLE001 - its client would wait for ever
                log.write(f"The stand-in failed: {type(error).__name__}: {error}\n")
                return False

    def _planned(self, run: Run) -> None:
        worth_applying = run.plan.has_changes or run.settings.allow_empty_apply
        if run.settings.plan_only or not worth_applying:
            self._end(run, runs.PLANNED_AND_FINISHED)
        elif run.settings.save_plan:
            run.move(runs.PLANNED_AND_SAVED)
            self._release(run)
        else:
            run.move(runs.PLANNED)
            if run.settings.auto_apply:
                self.confirm(run)

    def _begin_saved(self, run: Run) -> None:
        state = current_state(run.workspace)
        if run.base_state != (state.id if state else None):
            # Another run was applied since, so the plan is stale.
            self._end(run, runs.DISCARDED)
            return
        self._take(run)
        self._start(self._apply, run)
        run.move(runs.APPLY_QUEUED)

    def _apply(self, run: Run) -> None:
        with self._store.lock:
            run.move(runs.APPLYING)
            run.apply.move("running")
        succeeded = self._do(self._engine.apply, run, run.apply.log)
        with self._store.lock:
            if run.canceling:
                run.apply.finish("canceled")
                self._end(run, runs.CANCELED)
            elif not succeeded:
                run.apply.finish("errored")
                self._end(run, runs.ERRORED)
            else:
                run.apply.finish("finished")
                self._end(run, runs.APPLIED)
                self._trigger(run.workspace)

    def _end(self, run: Run, status: str) -> None:
        if run.apply.status == "pending":
            run.apply.finish("unreachable")
        run.move(status)
        self._release(run)

    def _release(self, run: Run) -> None:
        workspace = run.workspace
        if workspace.lock and workspace.lock.holder == run.id:
            workspace.lock = None
        self.proceed(workspace)

    def _trigger(self, source: Workspace) -> None:
        """Queue a run in each workspace that follows the source, if it has a configuration."""
        for trigger in list(self._store.run_triggers.values()):
            configuration = trigger.workspace.latest_configuration()
            if trigger.source is source and configuration:
                run = Run(
                    workspace=trigger.workspace,
                    configuration=configuration,
                    settings=RunSettings(
                        message=f"Triggered by {source.name}",
                        auto_apply=trigger.workspace.settings.auto_apply_run_trigger,
                    ),
                    created_by=source.id,
                    source="tfe-run-trigger",
                    trigger_reason="run_trigger",
                )
                self._service.queue(run)
