"""The queue of runs: who runs when, and what follows."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from testing.hcp import runs
from testing.hcp.connection import Connection
from testing.hcp.model import Lock, Workspace
from testing.hcp.runs import ConfigurationVersion, Log, Run, RunSettings
from testing.hcp.store import Store
from testing.hcp.tokens import Tokens

_SAVED = frozenset({runs.PLANNED_AND_SAVED, runs.CONFIRMED})


@dataclass(frozen=True, kw_only=True)
class Job:
    """A phase of a run to be done. ``token`` reads the states that the run may read."""

    run: Run
    store: Store
    connection: Connection
    token: str = field(repr=False)


class Engine(Protocol):
    """What does the work of runs: it writes the logs, and returns whether the phase succeeded."""

    def plan(self, job: Job) -> bool: ...

    def apply(self, job: Job) -> bool: ...

    def stop(self, run: Run, *, force: bool) -> None:
        """End a phase early, orderly or at once."""


class Runner:
    """Runs one run at a time in each workspace; speculative ones wait for nobody."""

    def __init__(
        self, *, store: Store, connection: Connection, tokens: Tokens, engine: Engine
    ) -> None:
        self._store = store
        self._connection = connection
        self._tokens = tokens
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
        """Queue a run, whose logs get addresses."""
        for log in (run.plan.log, run.apply.log):
            log.url = self._store.objects.to_read(log.read)
        self._store.runs[run.id] = run
        related = run.workspace.related
        related["latest-run"] = run
        current = related.get("current-run")
        if not run.ignores_queue and (current is None or self._store.runs[current.id].is_final):
            related["current-run"] = run
        self.proceed(run.workspace)

    def proceed(self, workspace: Workspace) -> None:
        """Start what can start in a workspace, and discard the plans that are stale."""
        for run in self._store.runs_of(workspace):
            if run.status in _SAVED and run.settings.save_plan and self._is_stale(run):
                self._end(run, runs.DISCARDED)
        for run in self._store.runs_of(workspace):
            if run.status == runs.PENDING and (run.ignores_queue or workspace.lock is None):
                if not run.ignores_queue:
                    self._take(run)
                run.move(runs.PLAN_QUEUED)
                self._start(self._plan, run)
            elif run.status == runs.CONFIRMED and run.settings.save_plan and workspace.lock is None:
                self._take(run)
                run.move(runs.APPLY_QUEUED)
                self._start(self._apply, run)

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
        waiting = run.settings.save_plan and run.status == runs.CONFIRMED
        if waiting or run.status == runs.PENDING:
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

    def _is_stale(self, run: Run) -> bool:
        state = self._store.current_state(run.workspace)
        return run.base_state != (state.id if state else None)

    def _take(self, run: Run) -> None:
        run.workspace.related["current-run"] = run
        run.workspace.lock = Lock(kind="runs", holder=run.id, reason=f"Locked by {run.id}")

    def _start(self, work: Callable[[Run], None], run: Run) -> None:
        thread = threading.Thread(target=work, args=(run,), daemon=True, name=run.id)
        self._threads.append(thread)
        thread.start()

    def _plan(self, run: Run) -> None:
        with self._store.lock:
            state = self._store.current_state(run.workspace)
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
        with self._tokens.of_run(run.id) as token:
            job = Job(run=run, store=self._store, connection=self._connection, token=token)
            try:
                return phase(job)
            except Exception as error:  # noqa: BLE001 - its client would wait for ever
                log.write(f"The stand-in failed: {type(error).__name__}: {error}\n")
                return False

    def _planned(self, run: Run) -> None:
        worth_applying = run.plan.has_changes or run.settings.allow_empty_apply
        if run.settings.plan_only or not worth_applying:
            self._end(run, runs.PLANNED_AND_FINISHED)
        elif run.settings.save_plan:
            run.move(runs.PLANNED_AND_SAVED)
            self.proceed(run.workspace)
        else:
            run.move(runs.PLANNED)
            if run.settings.auto_apply:
                self.confirm(run)

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
                if current := self._store.latest_configuration(run.workspace):
                    run.workspace.related["current-configuration-version"] = current
                self._trigger(run.workspace)

    def _end(self, run: Run, status: str) -> None:
        for phase in (run.plan, run.apply):
            if phase.status == "pending":
                phase.finish("unreachable")
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
            configuration = self._store.latest_configuration(trigger.workspace)
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
                self.queue(run)
