"""The commands ``table ...``."""

from __future__ import annotations

import typer

from ops.common.options import Debug, Env, Json, epilog
from ops.common.output import size
from ops.common.session import session
from ops.table.condition import Condition, differences, read

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The cache table itself.",
)


@app.callback()
def root() -> None:
    """Look at the cache table itself."""


@app.command("size", epilog=epilog("table size --env prod", "table size --env prod --json"))
def size_command(env: Env = None, *, json: Json = False, debug: Debug = False) -> None:
    """Show the table's size, and how it is set up.

    Items and bytes are what AWS counted last, some six hours ago at most.
    """
    with session(env, json=json, debug=debug) as ops:
        found = read(ops.aws.client("dynamodb"), ops.table)
        wrong = list(differences(found, ops.target))
        ops.out.result(
            {**found.document(), "differences": wrong},
            [*_lines(found), *(f"not as the settings say: {one}" for one in wrong)],
        )


def _lines(found: Condition) -> list[str]:
    billing = found.billing
    if billing == "provisioned":
        billing += f", {found.read_capacity} read and {found.write_capacity} write units"
    recovery = "off"
    if found.point_in_time_recovery:
        recovery = f"from {found.restorable_from} to {found.restorable_to}"
    facts = {
        "table": f"{found.name}, {found.status.lower()}",
        "items": f"{found.items:,} of {found.average_bytes:,} bytes on average",
        "size": f"{size(found.bytes)}, and {size(found.index_bytes)} in the index",
        "billing": billing,
        "expiry": f"by the attribute {found.ttl_attribute}" if found.ttl_attribute else "off",
        "stream": found.stream or "off",
        "recovery": recovery,
        "protection": "on" if found.deletion_protection else "off",
    }
    return [f"{name:<11} {text}" for name, text in facts.items()]
