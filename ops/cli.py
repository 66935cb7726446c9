"""The root of the operators' command line; a group is imported when one of its commands runs."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click import Command, Context


@dataclass(frozen=True, kw_only=True)
class Group:
    """A command or a group of them: its help line, and the module that holds it as ``app``."""

    module: str
    help: str


GROUPS = {
    "cache": Group(
        module="ops.cache.commands",
        help="The cached answers: look, delete, clear, export, import, warm.",
    ),
    "data": Group(
        module="ops.data.commands",
        help="The observations: validate, upload, list, sample.",
    ),
    "doctor": Group(
        module="ops.doctor.commands",
        help="Say what is wrong with an environment, and what mends it.",
    ),
    "local": Group(
        module="ops.local.commands",
        help="The whole system on this machine, without AWS.",
    ),
    "reference": Group(
        module="ops.reference.commands",
        help="Write the settings reference, docs/settings.md.",
    ),
    "serve": Group(
        module="ops.serve.commands",
        help="The cache Lambda of this checkout over HTTP.",
    ),
    "metrics": Group(
        module="ops.metrics.commands",
        help="Draw the metrics that tell how the system does.",
    ),
    "restore": Group(
        module="ops.restore.commands",
        help="Bring back the table or objects.",
    ),
    "table": Group(
        module="ops.table.commands",
        help="The cache table itself: its size and how it is set up.",
    ),
}


class _LazyGroups(TyperGroup):
    """Lists the groups without importing them, so that ``--help`` stays fast."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, group in GROUPS.items():
            self.add_command(TyperCommand(name=name, help=group.help))

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in GROUPS:
            command = typer.main.get_command(importlib.import_module(GROUPS[name].module).app)
        return name, command, rest


app = typer.Typer(
    cls=_LazyGroups,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # Its pretty traces would print local variables, and those can hold secrets.
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Operate the CO2 anomaly analysis system."""
