"""What ``up`` is going to do, found out without starting or changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.common.errors import BusyError
from ops.local import processes, runfile, safety
from ops.local.ports import DEFAULT_PORT, Ports, choose, is_free
from ops.local.provider import ProviderSource, find_provider
from ops.local.runfile import Run
from ops.local.stacks import Stack, digest
from ops.local.surroundings import Surroundings
from ops.local.synthesis import synthesize
from ops.local.tools import Tools, find_tools


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ``up`` is going to do.

    ``run`` is the emulator that is going to be used, None if one has to be started. ``source`` is
    None if nothing changed since the last ``up``, so that Terraform is not needed.
    """

    tools: Tools
    ports: Ports
    run: Run | None
    stacks: list[Stack]
    source: ProviderSource | None


def plan_up(around: Surroundings, *, wanted_port: int | None, output: Path) -> Plan:
    """Return the plan, with the stacks synthesized to ``output``.

    Raises:
        BadInputError: An option or a setting is wrong.
        MissingToolError: A program or the provider is missing.
        BusyError: The wanted port is in use.
        RefusedError: The stacks are not provably local.
        OperatorError: They could not be synthesized.

    """
    with around.display.step("tools") as step:
        tools = find_tools(around.user_environment)
        step.result = f"Terraform {tools.terraform_version}, Node {tools.node_version}"
    with around.display.step("ports") as step:
        recorded = runfile.load(around.paths.run)
        run = recorded if recorded and processes.is_running(recorded.emulator) else None
        preferred = recorded.ports.emulator if recorded else DEFAULT_PORT
        ports = run.ports if run else _free_ports(recorded, preferred, wanted_port)
        if run and wanted_port not in {None, run.ports.emulator}:
            raise BusyError(
                f"the local AWS of this checkout already runs, on port {run.ports.emulator}",
                remedy="leave --port out to use it, or stop it first: python -m ops local down",
            )
        step.result = f"{ports.emulator} (AWS), {ports.stand_in} (Gemini)"
        if ports.emulator not in {preferred, wanted_port}:
            step.result += f", because {preferred} or {preferred + 1} is in use"
    with around.display.step("synthesis") as step:
        stacks = synthesize(
            around.paths,
            output=output,
            port=ports.emulator,
            user_environment=around.user_environment,
        )
        safety.check(stacks, port=ports.emulator, state_root=around.paths.state)
        step.result = ", ".join(stack.name for stack in stacks)
    with around.display.step("provider") as step:
        source = None
        if run and run.applied == digest(stacks, emulator=run.emulator.started):
            step.result = "not needed, nothing changed since the last up"
        else:
            source = provider_source(around, tools, stacks)
            step.result = source.text
    return Plan(tools=tools, ports=ports, run=run, stacks=stacks, source=source)


def provider_source(around: Surroundings, tools: Tools, stacks: list[Stack]) -> ProviderSource:
    """Return where Terraform gets the stacks' provider from.

    Raises:
        MissingToolError: There is none.

    """
    return find_provider(
        around.user_environment,
        platform=tools.platform,
        versions=stacks[0].provider_versions,
        folders=around.folders(),
        registry_answers=around.registry_answers,
    )


def _free_ports(recorded: Run | None, preferred: int, wanted: int | None) -> Ports:
    # A stand-in that is left of a run whose emulator was killed makes way for the next.
    left = recorded and recorded.stand_in and processes.is_running(recorded.stand_in)
    ours = recorded.ports.stand_in if recorded and left else None
    return choose(wanted, preferred=preferred, free=lambda port: port == ours or is_free(port))
