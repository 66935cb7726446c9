"""``up``: from whatever is there to a local AWS with every layer applied, shown to work."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modules.catalogue import Layer
from ops.common.errors import OperatorError, StoppedError
from ops.local import demonstration, emulator, layers, processes, runfile, stand_in
from ops.local.demonstration import Answer
from ops.local.layers import LayerResult
from ops.local.names import NAMING
from ops.local.plan import Plan, plan_up, provider_source
from ops.local.ports import Ports
from ops.local.provider import ProviderSource
from ops.local.runfile import Run
from ops.local.stacks import Stack, digest, read_state
from ops.local.surroundings import Surroundings
from ops.local.terraform import Changes


@dataclass(frozen=True, kw_only=True)
class UpReport:
    """What ``up`` did. ``asked`` is the question that both answers are to.

    ``cli_config`` is what Terraform needs to be told where the provider is, if it does.
    """

    ports: Ports
    layers: list[LayerResult]
    asked: dict[str, str]
    answers: list[Answer]
    function_url: str
    cli_config: Path | None
    seconds: float


def up(
    around: Surroundings,
    *,
    wanted_port: int | None,
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> UpReport:
    """Start what does not run, apply what changed, and ask the function one question twice.

    What this call started is stopped again if it is interrupted; the next one goes on from there.

    Raises:
        StoppedError: A signal came.
        OperatorError: As ``plan_up``; or the emulator, Terraform or the function failed.

    """
    begin = time.monotonic()
    plan = plan_up(around, wanted_port=wanted_port, output=around.paths.output)
    try:
        run = _with_stand_in(around, _with_emulator(around, plan))
        results, function_url, asked, answers = _work(around, plan, run, now)
    except StoppedError as error:
        if plan.run is None:
            _stop_again(around)
            error.remedy = "what it had started is stopped, too; the next up goes on from here"
        raise
    config = around.paths.terraform_config
    return UpReport(
        ports=plan.ports,
        layers=results,
        asked=asked,
        answers=answers,
        function_url=function_url,
        cli_config=config if config.exists() else None,
        seconds=round(time.monotonic() - begin, 1),
    )


def _with_emulator(around: Surroundings, plan: Plan) -> Run:
    with around.display.step("emulator") as step:
        run = plan.run
        if run is None:
            left = runfile.load(around.paths.run)
            if left and left.stand_in:
                processes.stop(left.stand_in, grace_seconds=stand_in.STOP_SECONDS)
            with around.stopping.shielded():
                process = emulator.start(around.paths, plan.ports, around.user_environment)
                run = Run(ports=plan.ports, emulator=process)
                runfile.save(around.paths.run, run)
        emulator.wait_until_ready(around.paths, run.ports, run.emulator)
        step.result = f"{run.ports.endpoint}, process {run.emulator.pid}"
    return run


def _with_stand_in(around: Surroundings, run: Run) -> Run:
    with around.display.step("gemini") as step:
        process = run.stand_in
        if process is None or not processes.is_running(process):
            with around.stopping.shielded():
                process = stand_in.start(around.paths, run.ports, around.user_environment)
                run = dataclasses.replace(run, stand_in=process)
                runfile.save(around.paths.run, run)
        stand_in.wait_until_ready(run.ports, process)
        step.result = f"stand-in on port {run.ports.stand_in}, process {process.pid}"
    return run


def _work(
    around: Surroundings, plan: Plan, run: Run, now: Callable[[], datetime.datetime]
) -> tuple[list[LayerResult], str, dict[str, str], list[Answer]]:
    if plan.source:
        results = _apply(around, plan, run, plan.source)
        return results, *_demonstrate(around, plan, now)
    results = [_unchanged(stack) for stack in plan.stacks]
    try:
        return results, *_demonstrate(around, plan, now)
    except StoppedError:
        raise
    except OperatorError:
        # Neither code nor states changed, so something was changed in the emulator itself.
        source = provider_source(around, plan.tools, plan.stacks)
        results = _apply(around, plan, run, source)
        return results, *_demonstrate(around, plan, now)


def _apply(around: Surroundings, plan: Plan, run: Run, source: ProviderSource) -> list[LayerResult]:
    def watch() -> None:
        if not processes.is_running(run.emulator):
            raise OperatorError(
                "the emulator ended while Terraform was at work",
                remedy=f"read {around.paths.shown(emulator.log(around.paths))}, then run up again",
            )

    runfile.save(around.paths.run, dataclasses.replace(run, applied=None))
    terraform = around.terraform(plan.tools.terraform, run.ports, source)
    results = layers.apply(plan.stacks, terraform, around.display, watch)
    applied = digest(plan.stacks, emulator=run.emulator.started)
    runfile.save(around.paths.run, dataclasses.replace(run, applied=applied))
    return results


def _unchanged(stack: Stack) -> LayerResult:
    resources = read_state(stack.state_file).resources
    return LayerResult(name=stack.name, resources=resources, changes=Changes(), seconds=0.0)


def _demonstrate(
    around: Surroundings, plan: Plan, now: Callable[[], datetime.datetime]
) -> tuple[str, dict[str, str], list[Answer]]:
    with around.display.step("question") as step:
        demonstration.ensure_key(plan.ports, NAMING.gemini_secret)
        url = function_url(plan.stacks)
        asked = demonstration.question(now())
        answers = [demonstration.ask(plan.ports, url, asked, NAMING.log_group) for _ in range(2)]
        step.result = ", then ".join(answer.cache for answer in answers)
    return url, asked, answers


def function_url(stacks: list[Stack]) -> str:
    """Return the URL of the deployed function.

    Raises:
        OperatorError: It is not deployed.

    """
    for stack in stacks:
        url = read_state(stack.state_file).outputs.get("function_url")
        if stack.name == NAMING.stack(Layer.COMPUTE) and url:
            return str(url)
    raise OperatorError("the state has no function_url", remedy="down, then up")


def _stop_again(around: Surroundings) -> None:
    with around.stopping.shielded():
        run = runfile.load(around.paths.run)
        if run and run.stand_in:
            processes.stop(run.stand_in, grace_seconds=stand_in.STOP_SECONDS)
        if run:
            processes.stop(run.emulator, grace_seconds=emulator.STOP_SECONDS)
        if around.children.killed:
            # Resources that a killed Terraform could not write down would be in its way.
            shutil.rmtree(around.paths.emulator, ignore_errors=True)
