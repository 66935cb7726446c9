"""The root of the operators' command line; a group is imported when one of its commands runs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click import Command, Context

# Help line of each group; its commands are in ops.NAME.commands.
GROUPS = {
    "bootstrap": "Create the state bucket and the deploy roles of an environment.",
    "cache": "Inspect, clear, export, import and warm the cached answers.",
    "data": "Validate, upload and list the observations.",
    "doctor": "Diagnose an environment: what is wrong, and how to fix it.",
    "hcp": "Create HCP Terraform's workspaces, drive runs in them, show their status.",
    "local": "Run the whole system on this machine, without AWS.",
    "metrics": "Chart the metrics of an environment.",
    "pipeline": "Plan for a review, and apply what was reviewed.",
    "reference": "Generate the reference pages and the JSON Schema.",
    "restore": "Restore the cache table or objects.",
    "review": "Review Terraform plans: what changes, and what of it is dangerous.",
    "serve": "Serve the cache Lambda of this checkout over HTTP.",
    "table": "Show the size and configuration of the cache table.",
}


class _LazyGroups(TyperGroup):
    """Lists the groups without importing them, so that ``--help`` stays fast."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, help_ in GROUPS.items():
            self.add_command(TyperCommand(name=name, help=help_))

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in GROUPS:
            command = typer.main.get_command(importlib.import_module(f"ops.{name}.commands").app)
            command.help = command.help or GROUPS[name]
        return name, command, rest


app = typer.Typer(
    cls=_LazyGroups,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # Rich tracebacks print local variables, which can hold secrets.
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Operate the CO2 anomaly analysis system."""
