"""``down``: destroy the layers, stop the processes, delete what they left."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ops.common.errors import OperatorError, StoppedError
from ops.local import emulator, layers, processes, runfile, safety, stand_in
from ops.local.layers import LayerResult
from ops.local.names import state_files
from ops.local.paths import LocalPaths
from ops.local.plan import provider_source
from ops.local.processes import ProcessIdentity
from ops.local.runfile import Run
from ops.local.stacks import read_state
from ops.local.surroundings import Surroundings
from ops.local.synthesis import synthesize
from ops.local.tools import find_tools


@dataclass(frozen=True, kw_only=True)
class DownPlan:
    """What there is to take down. ``alive`` tells whether Terraform can reach the resources."""

    run: Run | None
    alive: bool
    layers: dict[str, int]
    processes: list[ProcessIdentity]
    files: list[Path]
    kept: list[Path]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.processes or self.files)


@dataclass(frozen=True, kw_only=True)
class DownReport:
    """What was taken down. ``problem`` tells why Terraform did not destroy the resources."""

    plan: DownPlan
    layers: list[LayerResult]
    problem: OperatorError | None
    seconds: float


def plan_down(paths: LocalPaths) -> DownPlan:
    """Return what there is to take down, without changing anything."""
    run = runfile.load(paths.run)
    recorded = [process for process in (run and run.stand_in, run and run.emulator) if process]
    files = (paths.run, paths.logs, paths.emulator, paths.terraform_data, paths.state)
    counts = {}
    for name, file in state_files(paths).items():
        with contextlib.suppress(OperatorError):  # what cannot be read is deleted all the same
            counts[name] = read_state(file).resources
    return DownPlan(
        run=run,
        alive=bool(run and processes.is_running(run.emulator) and emulator.is_ready(run.ports)),
        layers=counts,
        processes=[process for process in recorded if processes.is_running(process)],
        files=[file for file in (*files, paths.terraform_config) if file.exists()],
        kept=[paths.plugin_cache] if paths.plugin_cache.exists() else [],
    )


def down(around: Surroundings) -> DownReport:
    """Take everything down; a Terraform that fails does not keep the rest from being done.

    Raises:
        StoppedError: A signal came; what is left can be taken down by another call.

    """
    begin = time.monotonic()
    plan = plan_down(around.paths)
    results: list[LayerResult] = []
    problem = None
    if plan.run and plan.alive and any(plan.layers.values()):
        try:
            results = _destroy(around, plan.run)
        except StoppedError as error:
            error.remedy = "run down again; the emulator still holds what is not destroyed"
            raise
        except OperatorError as error:
            problem = error
    for process in plan.processes:
        with around.display.step("stop") as step:
            processes.stop(process, grace_seconds=_grace(plan, process))
            step.result = f"process {process.pid}"
    # Logs are kept where they are needed: to find out why Terraform failed.
    kept = {around.paths.logs} if problem else set()
    _delete(around.paths, [file for file in plan.files if file not in kept])
    return DownReport(
        plan=plan, layers=results, problem=problem, seconds=round(time.monotonic() - begin, 1)
    )


def _destroy(around: Surroundings, run: Run) -> list[LayerResult]:
    def watch() -> None:
        if not processes.is_running(run.emulator):
            raise OperatorError("the emulator ended while Terraform was at work")

    with around.display.step("synthesis") as step:
        tools = find_tools(around.user_environment)
        stacks = synthesize(
            around.paths,
            output=around.paths.output,
            port=run.ports.emulator,
            user_environment=around.user_environment,
        )
        safety.check(stacks, port=run.ports.emulator, state_root=around.paths.state)
        step.result = ", ".join(stack.name for stack in stacks)
    source = provider_source(around, tools, stacks)
    terraform = around.terraform(tools.terraform, run.ports, source)
    filled = [stack for stack in stacks if read_state(stack.state_file).resources]
    return layers.destroy(filled, terraform, around.display, watch)


def _grace(plan: DownPlan, process: ProcessIdentity) -> float:
    is_emulator = plan.run is not None and process == plan.run.emulator
    return emulator.STOP_SECONDS if is_emulator else stand_in.STOP_SECONDS


def _delete(paths: LocalPaths, files: list[Path]) -> None:
    for file in (*files, paths.lock):
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
    for folder in (paths.state.parent, paths.home):
        with contextlib.suppress(OSError):  # it is not empty, or was never there
            folder.rmdir()
