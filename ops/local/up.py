"""``up``: start the local AWS, apply every layer, and show that the function answers."""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ops.common import processes
from ops.common.errors import BusyError, OperatorError, StoppedError
from ops.common.local_address import Key
from ops.common.paths import NAMING
from ops.local import layers, runfile
from ops.local.context import LocalContext
from ops.local.demonstration import Demonstration, demonstrate
from ops.local.layers import LayerResult
from ops.local.runfile import Run
from ops.local.services import emulator, gemini
from ops.local.services.ports import DEFAULT_PORT, Ports, choose, is_free
from ops.terraform.provider import ProviderSource
from ops.terraform.runner import Changes, Terraform
from ops.terraform.stacks import Stack, digest, function_url, read_state, read_states
from ops.terraform.tools import Tools, find_emulator, find_tools


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ``up`` will do.

    ``run`` is the running local AWS, None if one has to be started. ``source`` is None if nothing
    has changed since the last ``up``, so that Terraform is not needed.
    """

    tools: Tools
    ports: Ports
    run: Run | None
    stacks: list[Stack]
    source: ProviderSource | None


@dataclass(frozen=True, kw_only=True)
class UpReport:
    """What ``up`` did. ``cli_config`` is Terraform's CLI configuration, if one was generated."""

    ports: Ports
    layers: list[LayerResult]
    demonstration: Demonstration
    cli_config: Path | None
    seconds: float


def plan_up(context: LocalContext, *, wanted_port: int | None, output: Path) -> Plan:
    """Synthesize the stacks to ``output`` and return the plan, without starting anything.

    Raises:
        BadInputError: An option or a setting is wrong.
        MissingToolError: A program is missing or too old.
        BusyError: The wanted port is in use.
        RefusedError: The stacks are not provably local.
        OperatorError: The stacks could not be synthesized.

    """
    with context.display.step("tools") as step:
        find_emulator()
        tools = find_tools(context.user_environment)
        step.result = f"Terraform {tools.terraform_version}, Node {tools.node_version}"
    with context.display.step("ports") as step:
        recorded = runfile.load(context.paths.run)
        run = recorded if recorded and processes.is_running(recorded.emulator) else None
        preferred = recorded.ports.emulator if recorded else DEFAULT_PORT
        ports = run.ports if run else _free_ports(recorded, preferred, wanted_port)
        if run and wanted_port not in {None, run.ports.emulator}:
            raise BusyError(
                f"the local AWS of this checkout already runs, on port {run.ports.emulator}",
                remedy="omit --port to use it, or stop it first: python -m ops local down",
            )
        step.result = f"{ports.emulator} (AWS), {ports.stand_in} (Gemini)"
        if ports.emulator not in {preferred, wanted_port}:
            step.result += f", because {preferred} or {preferred + 1} is in use"
    stacks = context.synthesize(output, ports)
    with context.display.step("provider") as step:
        unchanged = run and run.applied == digest(stacks, emulator=run.emulator.started)
        source = None if unchanged else context.provider_source()
        step.result = source.text if source else "not needed: nothing has changed since the last up"
    return Plan(tools=tools, ports=ports, run=run, stacks=stacks, source=source)


def up(
    context: LocalContext,
    *,
    wanted_port: int | None,
) -> UpReport:
    """Start what is not running, apply what has changed, and ask the function a question twice.

    If a signal interrupts it, what it started is stopped; the next call continues from there.

    Raises:
        MissingToolError: A program or the provider is missing; nothing was started.
        StoppedError: A signal arrived.
        OperatorError: As ``plan_up``; or the emulator, Terraform or the function failed.

    """
    begin = time.monotonic()
    plan = plan_up(context, wanted_port=wanted_port, output=context.paths.output)
    terraform = _initialized(context, plan, plan.source) if plan.source else None
    try:
        run = _started(context, plan)
        results, shown = _applied(context, plan, run, terraform)
    except StoppedError as error:
        if plan.run is None:
            _stop(context)
            error.remedy = "what it started is stopped; the next up continues from here"
        raise
    config = context.paths.terraform_config
    return UpReport(
        ports=plan.ports,
        layers=results,
        demonstration=shown,
        cli_config=config if config.exists() else None,
        seconds=round(time.monotonic() - begin, 1),
    )


def _free_ports(recorded: Run | None, preferred: int, wanted: int | None) -> Ports:
    # The stand-in of a run whose emulator was killed will be stopped, so its port counts as free.
    left = recorded and recorded.stand_in and processes.is_running(recorded.stand_in)
    ours = recorded.ports.stand_in if recorded and left else None
    return choose(wanted, preferred=preferred, free=lambda port: port == ours or is_free(port))


def _initialized(context: LocalContext, plan: Plan, source: ProviderSource) -> Terraform:
    """Return Terraform, with the provider installed for the first stack."""
    terraform = context.terraform(plan.tools.terraform, plan.ports, source)
    with context.display.step("init"):
        try:
            terraform.initialize(plan.stacks[0])
        except StoppedError:
            context.children.kill()
            raise
    return terraform


def _started(context: LocalContext, plan: Plan) -> Run:
    """Start the emulator and the stand-in, unless they are running, and wait until they answer."""
    paths, run = context.paths, plan.run
    with context.display.step("emulator") as step:
        if run is None:
            left = runfile.load(paths.run)
            if left and left.stand_in:
                processes.stop(left.stand_in, grace_seconds=gemini.STOP_SECONDS)
            with context.children.shielded():
                process = emulator.start(paths, plan.ports, context.user_environment)
                run = Run(ports=plan.ports, emulator=process)
                runfile.save(paths.run, run)
        emulator.wait_until_ready(paths, run.ports, run.emulator)
        Key.read(paths.credentials)  # Terraform's message would not name the remedy
        step.result = f"{run.ports.endpoint}, process {run.emulator.pid}"
    with context.display.step("gemini") as step:
        stand_in = run.stand_in
        if stand_in is None or not processes.is_running(stand_in):
            with context.children.shielded():
                stand_in = gemini.start(paths, run.ports, context.user_environment)
                run = dataclasses.replace(run, stand_in=stand_in)
                runfile.save(paths.run, run)
        gemini.wait_until_ready(paths, run.ports, stand_in)
        step.result = f"stand-in on port {run.ports.stand_in}, process {stand_in.pid}"
    return run


def _applied(
    context: LocalContext,
    plan: Plan,
    run: Run,
    terraform: Terraform | None,
) -> tuple[list[LayerResult], Demonstration]:
    if terraform is None:
        try:
            shown = _demonstrated(context, plan)
        except StoppedError:
            raise
        except OperatorError:
            # Neither code nor state has changed, so resources were changed in the emulator itself.
            terraform = _initialized(context, plan, context.provider_source())
        else:
            return [_unchanged(stack) for stack in plan.stacks], shown

    def watch() -> None:
        if not processes.is_running(run.emulator):
            raise OperatorError(
                "the emulator ended while Terraform was running",
                remedy=f"read {emulator.log(context.paths)}, then run up again",
            )

    runfile.save(context.paths.run, dataclasses.replace(run, applied=None))
    results = layers.apply(plan.stacks, terraform, context.display, watch)
    applied = digest(plan.stacks, emulator=run.emulator.started)
    runfile.save(context.paths.run, dataclasses.replace(run, applied=applied))
    return results, _demonstrated(context, plan)


def _unchanged(stack: Stack) -> LayerResult:
    resources = len(read_state(stack.state_file).resources)
    return LayerResult(name=stack.name, resources=resources, changes=Changes(), seconds=0.0)


def _demonstrated(context: LocalContext, plan: Plan) -> Demonstration:
    with context.display.step("question") as step:
        url = function_url(read_states(context.paths))
        if url is None:
            raise OperatorError("the state has no function_url", remedy="run down, then up")
        key = Key.read(context.paths.credentials)
        shown = demonstrate(plan.ports, key, NAMING, url)
        step.result = ", then ".join(answer.cache for answer in shown.answers)
    return shown


def _stop(context: LocalContext) -> None:
    with context.children.shielded():
        run = runfile.load(context.paths.run)
        if run and run.stand_in:
            processes.stop(run.stand_in, grace_seconds=gemini.STOP_SECONDS)
        if run:
            processes.stop(run.emulator, grace_seconds=emulator.STOP_SECONDS)
        if context.children.killed:
            # A killed Terraform may have created resources that are in no state.
            shutil.rmtree(context.paths.emulator, ignore_errors=True)
