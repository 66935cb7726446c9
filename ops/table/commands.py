"""The command ``table size``."""

from __future__ import annotations

from ops.common.command import command
from ops.common.options import command_group
from ops.common.output import format_bytes
from ops.common.session import Session
from ops.table.table_status import TableStatus, differences, read

app = command_group()


# With a single command typer would drop its name.
@app.callback()
def _group() -> None:
    pass


@command(app, "size", "table size --env prod", "table size --env prod --json")
def size(ops: Session) -> None:
    """Show the size and configuration of the cache table.

    DynamoDB updates items and size about every six hours.
    """
    found = read(ops.aws.client("dynamodb"), ops.table)
    wrong = list(differences(found, ops.target))
    ops.out.result(
        {**found.document(), "differences": wrong},
        [*_lines(found), *(f"differs from the settings: {one}" for one in wrong)],
    )


def _lines(found: TableStatus) -> list[str]:
    billing = found.billing
    if billing == "provisioned":
        billing += f", {found.read_capacity} read and {found.write_capacity} write units"
    recovery = "off"
    if found.point_in_time_recovery:
        recovery = f"from {found.restorable_from} to {found.restorable_to}"
    facts = {
        "table": f"{found.name}, {found.status.lower()}",
        "items": f"{found.items:,} of {found.average_bytes:,} bytes on average",
        "size": f"{format_bytes(found.bytes)}, and {format_bytes(found.index_bytes)} in the index",
        "billing": billing,
        "TTL": f"by the attribute {found.ttl_attribute}" if found.ttl_attribute else "off",
        "stream": found.stream or "off",
        "recovery": recovery,
        "protection": "on" if found.deletion_protection else "off",
    }
    return [f"{name:<11} {text}" for name, text in facts.items()]
