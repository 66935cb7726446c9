"""The commands ``local up``, ``local down`` and ``local status``."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.common.children import Children
from ops.common.command import command
from ops.common.display import Display
from ops.common.errors import OperatorError
from ops.common.exclusive import exclusive
from ops.common.options import DryRun, command_group
from ops.common.output import Output
from ops.common.paths import LocalPaths
from ops.common.session import output, text_output
from ops.local import report
from ops.local.context import LocalContext
from ops.local.down import down, plan_down
from ops.local.status import status
from ops.local.up import plan_up, up

app = command_group()

Port = Annotated[
    int | None,
    typer.Option(
        help="Port of the AWS emulator; the Gemini stand-in uses the next one."
        " Default: 4566, or the first free pair after it."
    ),
]

_STOPPED = "stopped by a signal (130: Ctrl-C)"


@command(
    app,
    "up",
    "local up --port 4600",
    context=output,
    exit_codes={
        0: "it runs, and the function answered",
        1: "something failed",
        2: "an option or a setting is wrong",
        3: "a tool or the AWS provider is missing or too old",
        4: "a port is in use, or another command is running",
        5: "refused, because something is not provably local",
        "129..143": _STOPPED,
    },
)
def up_command(out: Output, port: Port = None, *, dry_run: DryRun = False) -> None:
    """Start a local AWS and apply every layer to it.

    Terraform applies the layers with the real AWS provider. Then the deployed function is asked
    the same question twice: the first answer comes from the Gemini stand-in (MISS), the second
    from the cache (HIT). Run again, it keeps what is running and applies what has changed.

    No AWS account is used: your profiles and keys are not passed to any program it starts.
    """
    paths = LocalPaths()
    if dry_run:
        with _context(paths) as context, tempfile.TemporaryDirectory() as folder:
            plan = plan_up(context, wanted_port=port, output=Path(folder))
        out.result(report.plan_document(plan), report.plan_lines(plan))
    else:
        with _context(paths) as context, exclusive(paths.lock, "uses the local AWS"):
            done = up(context, wanted_port=port)
        out.result(report.up_document(done), report.up_lines(done, paths))


@command(
    app,
    "down",
    "local down --dry-run",
    context=text_output,
    exit_codes={
        0: "everything is removed, or nothing was running",
        1: "Terraform failed; everything was stopped and deleted all the same",
        4: "another command is running",
        "129..143": f"{_STOPPED}; run it again",
    },
)
def down_command(out: Output, *, dry_run: DryRun = False) -> None:
    """Destroy the layers and stop everything.

    Terraform destroys the layers; then the processes are stopped and their files are deleted.

    If the emulator is not running any more, the resources are already gone, and only their state
    is deleted. Only processes that up started are stopped, not later ones with the same id.
    """
    paths = LocalPaths()
    if dry_run:
        out.lines(report.down_plan_lines(plan_down(paths), paths))
        return
    with _context(paths) as context, exclusive(paths.lock, "uses the local AWS"):
        done = down(context)
    out.lines(report.down_lines(done, paths))
    if done.problem:
        raise OperatorError(
            f"the layers were not destroyed, but deleted with the emulator: {done.problem}",
            remedy=done.problem.remedy,
        )


@command(
    app,
    "status",
    "local status --json",
    context=output,
    exit_codes={
        0: "the emulator and the stand-in are running and answer",
        1: "one of them is not, or does not",
    },
)
def status_command(out: Output) -> None:
    """Show what is running, and where."""
    found = status(LocalPaths())
    out.result(dataclasses.asdict(found), report.status_lines(found))
    raise typer.Exit(0 if found.running else 1)


@contextmanager
def _context(paths: LocalPaths) -> Iterator[LocalContext]:
    display, children = Display(Console(stderr=True)), Children()
    with children.handling_signals(), display.live():
        yield LocalContext(paths=paths, display=display, children=children)
