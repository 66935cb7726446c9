"""Options that commands share, and the end of their help pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

Env = Annotated[
    str | None,
    typer.Option("--env", envvar="CO2_ENV", help="Environment: the name of its settings file."),
]
Json = Annotated[bool, typer.Option("--json", help="Print only JSON to stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Skip the prompt. Not enough where data is retained (prod)."),
]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="ENV", help="Confirm with the environment's name."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Print a traceback for an error.")]

EXIT_CODES: Mapping[int | str, str] = {
    0: "success",
    1: "failure",
    2: "invalid option, setting or file; nothing was changed",
    5: "refused: wrong account or Region, or not confirmed; nothing was changed",
    6: "access denied or AWS unreachable",
    7: "the resource does not exist",
    130: "stopped with Ctrl-C",
}


def epilog(*examples: str, exit_codes: Mapping[int | str, str] = EXIT_CODES) -> str:
    """Return the end of a help page: examples without ``python -m ops``, then the exit codes."""
    width = max(len(str(code)) for code in exit_codes)
    return "\n".join(
        (
            "\b",
            "examples:",
            *(f"  python -m ops {example}" for example in examples),
            "",
            "\b",
            "exit codes:",
            *(
                f"  {code:<{width}}  {meaning}"
                for code, meaning in sorted(exit_codes.items(), key=_first_number)
            ),
        )
    )


def _first_number(row: tuple[int | str, str]) -> int:
    # A range is a text, as in "129..143".
    return int(str(row[0]).partition(".")[0])


def command_group() -> typer.Typer:
    """Return the application of a group, or of its only command."""
    return typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
