"""``down``: destroy the layers, stop the processes, delete their files."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ops.common import processes
from ops.common.errors import OperatorError, StoppedError
from ops.common.paths import LocalPaths
from ops.common.processes import ProcessIdentity
from ops.local import layers, runfile
from ops.local.context import LocalContext
from ops.local.layers import LayerResult
from ops.local.runfile import Run
from ops.local.services import emulator, gemini
from ops.terraform.stacks import read_state
from ops.terraform.tools import find_tools


@dataclass(frozen=True, kw_only=True)
class DownPlan:
    """What ``down`` will do. ``alive`` is whether Terraform can reach the resources.

    ``layers`` maps the stacks to their numbers of resources.
    """

    run: Run | None
    alive: bool
    layers: dict[str, int]
    processes: list[ProcessIdentity]
    files: list[Path]
    kept: list[Path]


@dataclass(frozen=True, kw_only=True)
class DownReport:
    """What ``down`` did. ``problem`` is why Terraform did not destroy the resources, if so."""

    plan: DownPlan
    layers: list[LayerResult]
    problem: OperatorError | None
    seconds: float


def plan_down(paths: LocalPaths) -> DownPlan:
    """Return the plan, without changing anything."""
    run = runfile.load(paths.run)
    recorded = [process for process in (run and run.stand_in, run and run.emulator) if process]
    files = (
        *(paths.run, paths.logs, paths.credentials, paths.curl, paths.emulator),
        *(paths.terraform_data, paths.state),
    )
    counts = {}
    for name, file in paths.state_files().items():
        with contextlib.suppress(OperatorError):  # an unreadable state is deleted too
            counts[name] = len(read_state(file).resources)
    return DownPlan(
        run=run,
        alive=bool(run and processes.is_running(run.emulator) and emulator.is_ready(run.ports)),
        layers=counts,
        processes=[process for process in recorded if processes.is_running(process)],
        files=[file for file in (*files, paths.terraform_config) if file.exists()],
        kept=[paths.plugin_cache] if paths.plugin_cache.exists() else [],
    )


def down(context: LocalContext) -> DownReport:
    """Destroy and stop everything. If Terraform fails, the rest is done all the same.

    Raises:
        StoppedError: A signal arrived; another ``down`` continues.

    """
    begin = time.monotonic()
    plan = plan_down(context.paths)
    results: list[LayerResult] = []
    problem = None
    if plan.run and plan.alive and any(plan.layers.values()):
        try:
            results = _destroy(context, plan.run)
        except StoppedError as error:
            error.remedy = "run down again; the emulator still holds the remaining resources"
            raise
        except OperatorError as error:
            problem = error
    for process in plan.processes:
        with context.display.step("stop") as step:
            is_emulator = plan.run is not None and process == plan.run.emulator
            grace_seconds = emulator.STOP_SECONDS if is_emulator else gemini.STOP_SECONDS
            processes.stop(process, grace_seconds=grace_seconds)
            step.result = f"process {process.pid}"
    # The logs say why Terraform failed.
    kept = {context.paths.logs} if problem else set()
    _delete(context.paths, [file for file in plan.files if file not in kept])
    return DownReport(
        plan=plan, layers=results, problem=problem, seconds=round(time.monotonic() - begin, 1)
    )


def _destroy(context: LocalContext, run: Run) -> list[LayerResult]:
    def watch() -> None:
        if not processes.is_running(run.emulator):
            raise OperatorError("the emulator ended while Terraform was running")

    tools = find_tools(context.user_environment)
    stacks = context.synthesize(context.paths.output, run.ports)
    terraform = context.terraform(tools.terraform, run.ports, context.provider_source())
    filled = [stack for stack in stacks if len(read_state(stack.state_file).resources)]
    return layers.destroy(filled, terraform, context.display, watch)


def _delete(paths: LocalPaths, files: list[Path]) -> None:
    for file in (*files, paths.lock):
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
    for folder in (paths.state.parent, paths.credentials.parent, paths.home):
        with contextlib.suppress(OSError):  # not empty or missing
            folder.rmdir()
