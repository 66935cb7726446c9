"""The options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Env = Annotated[
    str | None,
    typer.Option("--env", envvar="CO2_ENV", help="Environment: the name of its settings file."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask. Not enough where data is retained (prod)."),
]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="ENV", help="The environment's name, for scripts."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")]

EXIT_CODES = """\
exit codes:
  0    done
  1    it failed
  2    an option, a setting or a file is wrong; nothing was changed
  5    refused: wrong account or Region, or not confirmed; nothing was changed
  6    no access: credentials, rights or network
  7    what it works on does not exist
  130  stopped with Ctrl-C
"""


def epilog(*examples: str) -> str:
    """Return the end of a help page: examples, then the exit codes."""
    lines = "\n".join(f"  python -m ops {example}" for example in examples)
    return f"\b\nexamples:\n{lines}\n\n\b\n{EXIT_CODES}"
