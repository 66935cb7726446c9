"""The commands ``hcp sync``, ``hcp run`` and ``hcp status``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ops.common.command import command
from ops.common.confirmation import Consent, require_confirmation
from ops.common.errors import BadInputError
from ops.common.options import DryRun, Yes, command_group
from ops.hcp.context import EXIT_CODES, HcpContext, hcp_context

app = command_group()


@app.callback()
def _group() -> None:
    pass


Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="Confirm with the environment's name, or delete the workspace of that name although "
        "it has a state.",
    ),
]


@command(
    app,
    "sync",
    "hcp sync --env dev --dry-run",
    "hcp sync --env dev --yes",
    "hcp sync --env dev --confirm co2-analysis-dev-monitoring",
    context=hcp_context,
    exit_codes=EXIT_CODES,
)
def sync(
    hcp: HcpContext, *, dry_run: DryRun = False, yes: Yes = False, confirm: Confirmed = None
) -> None:
    """Create or change the workspaces so that they are as the settings and the stacks say.

    It shows the changes first. A workspace of a layer that no longer exists is deleted, but not if
    it has a state. Workspaces of others are never changed.
    """
    from ops.hcp import differences, reading  # noqa: PLC0415 - the client takes a second
    from ops.hcp.wanted import wanted  # noqa: PLC0415
    from ops.hcp.writing import Writer  # noqa: PLC0415

    names = set(confirm or ())
    wants = wanted(hcp.environment, hcp.settings, hcp.stacks, os.environ)
    found, directory = reading.read(hcp.client, hcp.settings, hcp.target.naming, wants)
    unwanted = found.workspaces.keys() - {one.name for one in wants.workspaces}
    if unknown := names - unwanted - {hcp.target.name}:
        raise BadInputError(
            f"--confirm {min(unknown)} is neither this environment, {hcp.target.name}, nor a "
            "workspace to delete",
            remedy="check --env; nothing was changed",
        )
    planned = differences.plan(found, wants, deletable=names)
    reading.require_entitlements(hcp.client, hcp.settings)
    for name in planned.kept:
        hcp.out.note(
            f"kept: {name} has a state but no layer any more; destroy what is in it, or add "
            f"--confirm {name}"
        )
    document = {
        "changes": [one.document() for one in planned.changes],
        "kept": list(planned.kept),
        "changed": False,
    }
    lines = [line for one in planned.changes for line in one.lines()]
    if not planned.changes:
        hcp.out.result(document, [f"{len(wants.workspaces)} workspaces are as they should be"])
        return
    if dry_run:
        hcp.out.result(document, [*lines, _counted(len(planned.changes), "to make")])
        return
    hcp.out.lines(lines)
    consent = Consent(yes=yes, confirm=hcp.target.name if hcp.target.name in names else None)
    where = f"{hcp.settings.organization} on {hcp.settings.hostname}"
    require_confirmation(
        hcp.target, consent, what=f"make {_counted(len(planned.changes))} in {where}"
    )
    writer = Writer(hcp.client, hcp.settings, directory)
    with hcp.out.progress("changes", len(planned.changes)) as progress:
        for change in planned.changes:
            writer.perform(change)
            progress.add(1)
    hcp.out.result({**document, "changed": True}, [_counted(len(planned.changes), "made")])


def _counted(count: int, done: str = "") -> str:
    return f"{count} change{'' if count == 1 else 's'} {done}".rstrip()
