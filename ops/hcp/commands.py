"""The commands ``hcp sync``, ``hcp run`` and ``hcp status``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ops.common.command import command
from ops.common.confirmation import Consent, require_confirmation
from ops.common.errors import BadInputError, OperatorError
from ops.common.options import Confirm, DryRun, Yes, command_group
from ops.common.output import table
from ops.hcp.context import EXIT_CODES, HcpContext, hcp_context
from ops.hcp.wanted import driven_layers, wanted
from ops.terraform.stacks import Stack

app = command_group()

Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="Confirm with the environment's name, or delete the workspace of that name although "
        "it has a state.",
    ),
]

ListOnly = Annotated[
    bool, typer.Option("--dry-run", help="List the layers in their order; start no run.")
]
Layers = Annotated[
    list[str] | None,
    typer.Option("--layer", help="Only this layer; can be repeated. By default all."),
]
Apply = Annotated[bool, typer.Option("--apply/--plan", help="Apply, or make a speculative plan.")]
Destroy = Annotated[
    bool, typer.Option("--destroy", help="Destroy everything, in reverse order; plans it first.")
]
SYNC_EXIT_CODES = {
    **EXIT_CODES,
    4: "a workspace is locked, or changed at the same time",
    5: "not confirmed; nothing was changed",
}
RUN_EXIT_CODES = {
    **SYNC_EXIT_CODES,
    1: "a plan failed; its message names the layer",
    5: "not confirmed; the run, if one was planned, is discarded",
    8: "an apply failed; its message names the layer",
    9: "a run was discarded or cancelled in HCP Terraform",
    143: "stopped with SIGTERM",
}
STATUS_EXIT_CODES = {**EXIT_CODES, 1: "failure, or a workspace is missing or differs"}


@command(
    app,
    "sync",
    "hcp sync --env dev --dry-run",
    "hcp sync --env dev --yes",
    "hcp sync --env dev --confirm co2-analysis-dev-monitoring",
    context=hcp_context,
    exit_codes=dict(sorted(SYNC_EXIT_CODES.items())),
)
def sync(
    hcp: HcpContext, *, dry_run: DryRun = False, yes: Yes = False, confirm: Confirmed = None
) -> None:
    """Synchronize the workspaces with the settings.

    Who may read whose state comes from the stacks. It shows the changes first. A workspace of a
    layer that no longer exists is deleted, but not if it has a state. Workspaces of others are
    never changed.
    """
    from ops.hcp import differences, reading  # noqa: PLC0415 - the client takes a second
    from ops.hcp.writing import Writer  # noqa: PLC0415

    names = set(confirm or ())
    wants = wanted(hcp.environment, hcp.settings, hcp.stacks, os.environ)
    _require_url(hcp, dry_run=dry_run)
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


@command(
    app,
    "run",
    "hcp run --env dev",
    "hcp run --env dev --apply",
    "hcp run --env dev --layer compute --apply --yes",
    "hcp run --env dev --apply --destroy",
    context=hcp_context,
    exit_codes=dict(sorted(RUN_EXIT_CODES.items())),
)
def run(
    hcp: HcpContext,
    *,
    layer: Layers = None,
    apply: Apply = False,
    destroy: Destroy = False,
    dry_run: ListOnly = False,
    yes: Yes = False,
    confirm: Confirm = None,
) -> None:
    """Plan or apply the layers in HCP Terraform.

    It starts a run of each, in the order of their dependencies. A layer whose dependencies are not
    applied yet cannot be planned; it is deferred. An apply asks for approval of each plan here, or
    waits for it in HCP Terraform where there is no terminal. It stops at the first failure. To
    resume, run it again.
    """
    from ops.hcp import runs  # noqa: PLC0415

    stacks = _chosen(hcp, layer)
    if destroy:
        stacks.reverse()
    if dry_run:
        hcp.out.result(
            {"layers": [stack.name for stack in stacks]},
            [f"{number}. {stack.name}" for number, stack in enumerate(stacks, start=1)],
        )
        return
    consent = Consent(yes=yes, confirm=confirm)
    request = runs.Request(stacks=stacks, apply=apply, destroy=destroy, consent=consent)
    results: list[dict[str, object]] = []
    runs.require_possible(hcp, request)
    try:
        results.extend(one.document() for one in runs.drive(hcp, request))
    except OperatorError as error:
        failed = {"layer": stacks[len(results)].name, "error": str(error)}
        hcp.out.result({"layers": results, "failed": failed}, [])
        raise
    hcp.out.result({"layers": results, "failed": None}, [])


@command(
    app,
    "status",
    "hcp status --env dev",
    "hcp status --env dev --json",
    context=hcp_context,
    exit_codes=STATUS_EXIT_CODES,
)
def status(hcp: HcpContext) -> None:
    """Show workspaces, runs, locks and differences.

    The exit code is 1 if a workspace is missing or differs.
    """
    from ops.hcp import differences, reading  # noqa: PLC0415
    from ops.hcp import status as status_  # noqa: PLC0415

    wants = wanted(hcp.environment, hcp.settings, hcp.stacks, os.environ)
    found, directory = reading.read(hcp.client, hcp.settings, hcp.target.naming, wants)
    plan = differences.plan(found, wants)
    statuses = list(status_.read(hcp.client, wants, directory, plan))
    hcp.out.result(
        {
            "workspaces": [one.document() for one in statuses],
            "changes": [one.document() for one in plan.changes],
        },
        table(status_.HEADER, [one.row for one in statuses]),
    )
    if plan.changes:
        raise OperatorError(
            f"{_counted(len(plan.changes))} would make {hcp.target.name} as its settings say",
            remedy=f"python -m ops hcp sync --env {hcp.target.name}",
        )


def _require_url(hcp: HcpContext, *, dry_run: bool) -> None:
    notification = hcp.settings.notification
    if not notification or os.environ.get(notification.url_variable):
        return
    unset = f"the environment variable {notification.url_variable} is not set"
    if dry_run:
        hcp.out.note(f"warning: {unset}; a change of the webhook's URL is not shown")
        return
    raise BadInputError(
        unset, remedy="set it to the URL of the webhook, or remove [state.hcp.notification]"
    )


def _chosen(hcp: HcpContext, layers: list[str] | None) -> list[Stack]:
    """Return the stacks of the chosen layers, or of all, in dependency order."""
    names = {layer.key: hcp.target.naming.stack(layer) for layer in driven_layers(hcp.environment)}
    if unknown := sorted(set(layers or ()) - names.keys()):
        raise BadInputError(
            f"--layer {unknown[0]} is not a layer that runs in HCP Terraform",
            remedy=f"choose from {', '.join(names)}",
        )
    chosen = {names[key] for key in layers or names}
    return [stack for stack in hcp.stacks if stack.name in chosen]


def _counted(count: int, done: str = "") -> str:
    return f"{count} change{'' if count == 1 else 's'} {done}".rstrip()
