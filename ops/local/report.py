"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ops.local import demonstration
from ops.local.down import DownPlan, DownReport
from ops.local.paths import LocalPaths
from ops.local.plan import Plan
from ops.local.status import ServiceStatus, Status
from ops.local.up import UpReport


def print_json(console: Console, document: Any) -> None:
    """Print a document as JSON, nothing else."""
    console.out(json.dumps(document, indent=2), highlight=False)


def up_json(report: UpReport) -> dict[str, Any]:
    """Return the report of ``up`` as JSON."""
    return {
        "endpoint": report.ports.endpoint,
        "port": report.ports.emulator,
        "gemini_stand_in_port": report.ports.stand_in,
        "function_url": report.function_url,
        "layers": [dataclasses.asdict(layer) for layer in report.layers],
        "question": report.asked,
        "answers": [dataclasses.asdict(answer) for answer in report.answers],
        "seconds": report.seconds,
    }


def print_up(console: Console, report: UpReport, paths: LocalPaths) -> None:
    """Print what ``up`` did, what it saw, and what to do with it."""
    layers = Table("layer", _right("resources"), _right("seconds"), "changes", box=None)
    for layer in report.layers:
        layers.add_row(layer.name, str(layer.resources), f"{layer.seconds:.1f}", str(layer.changes))
    says = Column("answer", no_wrap=True, overflow="ellipsis")
    answers = Table("asked", "cache", _right("ms"), says, box=None)
    for when, answer in zip(("first", "again"), report.answers, strict=True):
        taken = f"{answer.milliseconds:.1f}"
        answers.add_row(when, _coloured(answer.cache), taken, answer.text)
    console.print()
    console.print(layers)
    console.print()
    console.print(answers)
    console.print()
    config = f" TF_CLI_CONFIG_FILE={report.cli_config}" if report.cli_config else ""
    lines = {
        "ready in": f"{report.seconds:.1f} s",
        "ask it": demonstration.curl(report.ports, report.function_url, report.asked),
        "cdktf": f"export CO2_ENVIRONMENTS=local CO2_LOCAL_PORT={report.ports.emulator}{config}",
        "": "npx cdktf deploy 'local-*' --skip-provider-lock",
        "logs": paths.shown(paths.logs),
        "next": "make status, make down",
    }
    for name, text in lines.items():
        console.print(f"{name:<9} {text}", soft_wrap=True, highlight=False, markup=False)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan of ``up`` as JSON."""
    return {
        "dry_run": True,
        "terraform": plan.tools.terraform_version,
        "port": plan.ports.emulator,
        "gemini_stand_in_port": plan.ports.stand_in,
        "emulator": "keep" if plan.run else "start",
        "provider": plan.source.text if plan.source else None,
        "apply": [stack.name for stack in plan.stacks] if plan.source else [],
    }


def print_plan(console: Console, plan: Plan) -> None:
    """Print what ``up`` would do."""
    names = ", ".join(stack.name for stack in plan.stacks)
    running = plan.run is not None
    lines = [
        f"{'keep' if running else 'start'} the emulator on {plan.ports.endpoint}",
        f"{'keep' if running else 'start'} the Gemini stand-in on port {plan.ports.stand_in}",
        f"apply {names}, with the provider {plan.source.text}"
        if plan.source
        else f"apply nothing: {names} are as the last up left them",
        "give the Gemini secret a demonstration value, if it has none",
        "ask the function one question twice",
    ]
    _print_lines(console, "dry run; up would:", lines)


def status_json(status: Status) -> dict[str, Any]:
    """Return the status as JSON."""
    return dataclasses.asdict(status)


def print_status(console: Console, status: Status) -> None:
    """Print what runs."""
    table = Table("what", "state", "where", box=None)
    table.add_row("emulator", _state(status.emulator), _where(status.emulator))
    table.add_row("gemini", _state(status.gemini_stand_in), _where(status.gemini_stand_in))
    held = "" if status.emulator and status.emulator.running else ", gone with the emulator"
    for layer in status.layers:
        table.add_row(layer.name, f"{layer.resources} resources{held}", "")
    console.print(table)
    if status.running and status.function_url:
        console.print(f"function: {status.function_url}", soft_wrap=True, highlight=False)
    if not status.running:
        console.print("start it: make up")


def print_down_plan(console: Console, plan: DownPlan, paths: LocalPaths) -> None:
    """Print what ``down`` would do."""
    counts = ", ".join(f"{count} of {name}" for name, count in plan.layers.items() if count)
    how = "destroy with Terraform" if plan.alive else "forget, as the emulator does not run,"
    lines = [
        *([f"{how} the resources: {counts}"] if counts else []),
        *(f"stop process {process.pid} (python {process.command})" for process in plan.processes),
        *(f"delete {paths.shown(file)}" for file in plan.files),
        *(f"keep {paths.shown(file)}" for file in plan.kept),
    ]
    _print_lines(console, "dry run; down would:", lines or ["do nothing: nothing runs"])


def print_down(console: Console, report: DownReport, paths: LocalPaths) -> None:
    """Print what ``down`` did."""
    if report.plan.empty:
        console.print("Nothing is running.")
        return
    destroyed = sum(layer.changes.destroyed for layer in report.layers)
    dropped = sum(report.plan.layers.values()) - destroyed
    lines = [
        *([f"{destroyed} resources destroyed by Terraform"] if destroyed else []),
        *([f"{dropped} resources gone with the emulator"] if dropped else []),
        f"{len(report.plan.processes)} processes stopped"
        if report.plan.processes
        else "nothing was running; what an earlier run had left is deleted",
        *(f"kept for the next up: {paths.shown(file)}" for file in report.plan.kept),
    ]
    _print_lines(console, f"down in {report.seconds:.1f} s", lines)


def _print_lines(console: Console, title: str, lines: list[str]) -> None:
    for line in (title, *(f"  {line}" for line in lines)):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _right(header: str) -> Column:
    return Column(header, justify="right")


def _coloured(cache: str) -> str:
    colour = {"HIT": "green", "MISS": "yellow"}.get(cache, "red")
    return f"[{colour}]{cache}[/]"


def _state(service: ServiceStatus | None) -> str:
    if service is None or not service.running:
        return "[red]not running[/]"
    return "[green]running[/]" if service.healthy else "[red]does not answer[/]"


def _where(service: ServiceStatus | None) -> str:
    return f"{service.url}, process {service.pid}" if service and service.running else ""
