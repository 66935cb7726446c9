"""The results of the commands, as lines for people and as documents for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from modules.settings.local_aws import LocalAws
from ops.common.local_address import REGION
from ops.common.output import table
from ops.common.paths import LocalPaths
from ops.local import demonstration
from ops.local.down import DownPlan, DownReport
from ops.local.status import ServiceStatus, Status
from ops.local.up import Plan, UpReport


def up_document(report: UpReport) -> dict[str, object]:
    """Return the JSON document of ``up``."""
    shown = report.demonstration
    return {
        "endpoint": report.ports.endpoint,
        "port": report.ports.emulator,
        "gemini_stand_in_port": report.ports.stand_in,
        "function_url": shown.function_url,
        "layers": [dataclasses.asdict(layer) for layer in report.layers],
        "question": shown.question,
        "answers": [dataclasses.asdict(answer) for answer in shown.answers],
        "seconds": report.seconds,
    }


def up_lines(report: UpReport, paths: LocalPaths) -> Iterator[str]:
    """Yield what ``up`` did, and what to do next."""
    shown = report.demonstration
    config = f" TF_CLI_CONFIG_FILE={report.cli_config}" if report.cli_config else ""
    yield ""
    yield from table(
        ("layer", "resources", "seconds", "changes"),
        [(one.name, one.resources, one.seconds, one.changes) for one in report.layers],
    )
    yield ""
    yield from table(
        ("request", "cache", "ms", "answer"),
        [
            (request, answer.cache, answer.milliseconds, answer.text)
            for request, answer in zip(("first", "second"), shown.answers, strict=True)
        ],
    )
    yield ""
    asked = demonstration.curl(
        report.ports, paths.shown(paths.curl), shown.function_url, shown.question
    )
    yield f"ready in  {report.seconds:.1f} s"
    yield f"ask it    {asked}"
    yield f"aws       export AWS_SHARED_CREDENTIALS_FILE={paths.credentials}"
    yield (
        f"          export AWS_PROFILE={LocalAws.profile} AWS_DEFAULT_REGION={REGION}"
        f" AWS_ENDPOINT_URL={report.ports.endpoint}"
    )
    yield f"cdktf     export CO2_ENVIRONMENTS=local CO2_LOCAL_PORT={report.ports.emulator}{config}"
    yield "          npx cdktf deploy 'local-*' --skip-provider-lock"
    yield f"logs      {paths.shown(paths.logs)}"
    yield "next      make status, make down"


def plan_document(plan: Plan) -> dict[str, object]:
    """Return the JSON document of ``up --dry-run``."""
    return {
        "dry_run": True,
        "terraform": plan.tools.terraform_version,
        "port": plan.ports.emulator,
        "gemini_stand_in_port": plan.ports.stand_in,
        "emulator": "keep" if plan.run else "start",
        "provider": plan.source.text if plan.source else None,
        "apply": [stack.name for stack in plan.stacks] if plan.source else [],
    }


def plan_lines(plan: Plan) -> list[str]:
    """Return what ``up`` would do."""
    names = ", ".join(stack.name for stack in plan.stacks)
    keep = "keep" if plan.run else "start"
    return _titled(
        "dry run; up would:",
        [
            f"{keep} the emulator on {plan.ports.endpoint}",
            f"{keep} the Gemini stand-in on port {plan.ports.stand_in}",
            f"apply {names}; provider: {plan.source.text}"
            if plan.source
            else f"apply nothing: {names} have not changed since the last up",
            "put a demonstration value into the Gemini secret, if it has no value",
            "ask the function a question twice",
        ],
    )


def status_lines(status: Status) -> Iterator[str]:
    """Yield what is running."""
    held = "" if status.emulator and status.emulator.running else ", lost with the emulator"
    yield from table(
        ("what", "state", "where"),
        [
            ("emulator", *_state(status.emulator)),
            ("gemini", *_state(status.gemini_stand_in)),
            *((layer.name, f"{layer.resources} resources{held}", "") for layer in status.layers),
        ],
    )
    if not status.running:
        yield "start it: make up"
    elif status.function_url:
        yield f"function: {status.function_url}"


def down_plan_lines(plan: DownPlan, paths: LocalPaths) -> list[str]:
    """Return what ``down`` would do."""
    counts = ", ".join(f"{count} of {name}" for name, count in plan.layers.items() if count)
    verb = "destroy" if plan.alive else "forget (the emulator is not running)"
    lines = [
        *([f"{verb} the resources: {counts}"] if counts else []),
        *(f"stop process {process.pid} (python {process.command})" for process in plan.processes),
        *(f"delete {paths.shown(file)}" for file in plan.files),
        *(f"keep {paths.shown(file)}" for file in plan.kept),
    ]
    return _titled("dry run; down would:", lines or ["do nothing: nothing is running"])


def down_lines(report: DownReport, paths: LocalPaths) -> list[str]:
    """Return what ``down`` did."""
    plan = report.plan
    if not (plan.processes or plan.files):
        return ["Nothing is running."]
    destroyed = sum(layer.changes.destroyed for layer in report.layers)
    dropped = sum(plan.layers.values()) - destroyed
    return _titled(
        f"down in {report.seconds:.1f} s",
        [
            *([f"{destroyed} resources destroyed by Terraform"] if destroyed else []),
            *([f"{dropped} resources deleted with the emulator"] if dropped else []),
            f"{len(plan.processes)} processes stopped"
            if plan.processes
            else "nothing was running; the files of an earlier run are deleted",
            *(f"kept for the next up: {paths.shown(file)}" for file in plan.kept),
        ],
    )


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)]


def _state(service: ServiceStatus | None) -> tuple[str, str]:
    if service is None or not service.running:
        return "not running", ""
    state = "running" if service.healthy else "does not answer"
    return state, f"{service.url}, process {service.pid}"
