"""The commands ``local up``, ``local down`` and ``local status``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.common.errors import OperatorError, reported
from ops.local import report, runfile
from ops.local.children import Children
from ops.local.display import Display
from ops.local.down import down, plan_down
from ops.local.paths import LocalPaths
from ops.local.plan import plan_up
from ops.local.signals import Stopping
from ops.local.status import status
from ops.local.surroundings import Surroundings
from ops.local.up import up

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The whole system on this machine, without an AWS account.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")]
Port = Annotated[
    int | None,
    typer.Option(
        help="Port of the AWS emulator; the next one is the Gemini stand-in's."
        " Default: 4566, or the first free pair after it."
    ),
]

_UP_EPILOG = """\
\b
example:
  python -m ops local up --port 4600

\b
exit codes:
  0         it runs, and the function answered
  1         something failed
  2         an option or a setting is wrong
  3         a tool or the AWS provider is missing or too old
  4         a port is in use, or another command is at work
  5         refused, because something is not provably local
  129..143  stopped by a signal (130: Ctrl-C)
"""

_DOWN_EPILOG = """\
\b
example:
  python -m ops local down --dry-run

\b
exit codes:
  0         nothing is left, or nothing was running
  1         Terraform failed; everything was stopped and deleted all the same
  4         another command is at work
  129..143  stopped by a signal (130: Ctrl-C); run it again
"""

_STATUS_EPILOG = """\
\b
example:
  python -m ops local status --json

\b
exit codes:
  0  emulator and stand-in run and answer
  1  they do not, or only one of them
"""


@app.command("up", epilog=_UP_EPILOG)
def up_command(
    port: Port = None, *, json: Json = False, dry_run: DryRun = False, debug: Debug = False
) -> None:
    """Start a local AWS and apply every layer to it.

    Terraform applies them with the real AWS provider. Then the deployed function is asked one
    question twice: the first answer comes from the stand-in for Gemini (MISS), the second from
    the cache (HIT). Run again, it keeps what runs and applies what has changed.

    No AWS account is touched: your profiles and keys reach none of the programs it starts.
    """
    paths = LocalPaths()
    with reported(debug=debug):
        if dry_run:
            with _surroundings(paths) as around, tempfile.TemporaryDirectory() as folder:
                plan = plan_up(around, wanted_port=port, output=Path(folder))
            if json:
                report.print_json(_stdout(), report.plan_json(plan))
            else:
                report.print_plan(_stdout(), plan)
            return
        with _surroundings(paths) as around, runfile.exclusive(paths.lock):
            done = up(around, wanted_port=port)
        if json:
            report.print_json(_stdout(), report.up_json(done))
        else:
            report.print_up(_stdout(), done, paths)


@app.command("down", epilog=_DOWN_EPILOG)
def down_command(*, dry_run: DryRun = False, debug: Debug = False) -> None:
    """Destroy the layers and stop everything.

    Terraform destroys them; then the processes are stopped and their files are deleted.

    Where the emulator does not run any more, the resources are gone already, and only their
    state is dropped. Only processes that up started are stopped: a later one that happens to
    have the same number is left alone.
    """
    paths = LocalPaths()
    with reported(debug=debug):
        if dry_run:
            report.print_down_plan(_stdout(), plan_down(paths), paths)
            return
        with _surroundings(paths) as around, runfile.exclusive(paths.lock):
            done = down(around)
        report.print_down(_stdout(), done, paths)
        if done.problem:
            raise OperatorError(
                f"the layers were not destroyed, but deleted with the emulator: {done.problem}",
                remedy=done.problem.remedy,
            )


@app.command("status", epilog=_STATUS_EPILOG)
def status_command(*, json: Json = False, debug: Debug = False) -> None:
    """Say what runs, and where."""
    with reported(debug=debug):
        found = status(LocalPaths())
        if json:
            report.print_json(_stdout(), report.status_json(found))
        else:
            report.print_status(_stdout(), found)
    raise typer.Exit(0 if found.running else 1)


@contextmanager
def _surroundings(paths: LocalPaths) -> Iterator[Surroundings]:
    display = Display(Console(stderr=True))
    children = Children()
    stopping = Stopping(children)
    with stopping.listening(), display.live():
        yield Surroundings(paths=paths, display=display, children=children, stopping=stopping)


def _stdout() -> Console:
    return Console()
