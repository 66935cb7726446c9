"""The commands ``restore ...``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from modules.catalogue import ADOPTABLE, DATA_BUCKETS, GEOJSON, STATIC_WEBSITE, Layer
from ops.cache.backoff import Backoff
from ops.cache.importing import ImportResult, unexpired, write
from ops.cache.items import Item
from ops.cache.reading import scan_all
from ops.common import times
from ops.common.command import command
from ops.common.confirmation import Consent
from ops.common.errors import BadInputError, OperatorError
from ops.common.options import command_group
from ops.common.session import Session
from ops.common.target import Target
from ops.doctor import alarms
from ops.restore import objects, tables
from ops.restore.versions import RestoreMode, Step
from ops.table import table_status

app = command_group()

_MOST_SHOWN = 50
# "website" is what this command has always called that bucket.
_BUCKETS = {bucket.key: bucket for bucket in DATA_BUCKETS} | {"website": STATIC_WEBSITE}

At = Annotated[
    str | None, typer.Option(help="Time to restore (UTC): 2025-11-01T12:00:00Z, 2025-11-01, 2h.")
]


@command(
    app,
    "object",
    "restore object --env prod observations/2025/11/a.geojson --undelete --dry-run",
    "restore object --env prod observations/2025/ --prefix --at 2025-11-01T12:00:00Z",
)
def restore_object(
    ops: Session,
    consent: Consent,
    path: Annotated[str, typer.Argument(help="Key of the object; with --prefix its beginning.")],
    *,
    undelete: Annotated[bool, typer.Option("--undelete", help="Restore what was deleted.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", help="Restore the previous version.")
    ] = False,
    at: At = None,
    prefix: Annotated[
        bool, typer.Option("--prefix", help="All objects whose keys begin with the path.")
    ] = False,
    bucket: Annotated[str, typer.Option(help=f"Bucket: {', '.join(_BUCKETS)}.")] = GEOJSON.key,
) -> None:
    """Restore objects of a versioned bucket. The plan is printed first.

    No data is lost: what is replaced or deleted stays as a version. With --at, objects that did
    not exist then are deleted. CloudFront may serve the old objects for up to an hour.
    """
    if bucket not in _BUCKETS:
        raise BadInputError(
            f"there is no bucket {bucket!r}", remedy=f"choose from {', '.join(_BUCKETS)}"
        )
    mode = _mode(undelete=undelete, previous=previous, at=at)
    now = times.now()
    time = times.parse_time(at, now) if at else None
    if time:
        objects.require_retained(ops.target, time, now)
    s3, name = ops.aws.client("s3"), ops.bucket(_BUCKETS[bucket])
    objects.require_versioning(s3, name)
    steps = list(objects.plan(s3, name, path, whole_prefix=prefix, mode=mode, at=time))
    needed = [one for one in steps if one.action != "keep"]
    ops.out.lines(_plan_lines(steps))
    if needed and ops.confirmed(consent, f"restore {len(needed):,} objects in {name}"):
        with ops.out.progress("objects restored", len(needed)) as progress:
            for one in needed:
                objects.apply_step(s3, name, one)
                progress.add(1)
    verb = "would restore" if consent.dry_run else "restored"
    ops.out.result(
        {
            "dry_run": consent.dry_run,
            "bucket": name,
            "restored": 0 if consent.dry_run else len(needed),
            "steps": [one.document() for one in steps],
        },
        [f"{verb} {len(needed):,} of {len(steps):,} objects in {name}"],
    )


@command(
    app,
    "table",
    "restore table --env prod --at 2025-11-01T12:00:00Z --dry-run",
    "restore table --env prod --deleted --confirm prod",
)
def restore_table(
    ops: Session,
    consent: Consent,
    *,
    at: At = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Restore the deleted table from its backup.")
    ] = False,
) -> None:
    """Restore the cache table, and configure what a restore omits.

    With --at it creates a second table with the content of that time; the live table is not
    changed, and `restore copy` copies the items over. With --deleted the table is restored under
    its own name. Either way the next steps are printed. A restore has no time limit; stopped and
    run again with the same options, it resumes.
    """
    if bool(at) == deleted:
        raise BadInputError(
            "choose what to restore", remedy="add either --at 2025-11-01T12:00:00Z or --deleted"
        )
    dynamodb, table = ops.aws.client("dynamodb"), ops.table
    plan = (
        tables.plan_to_time(dynamodb, ops.target, table, times.parse_time(at, times.now()))
        if at
        else tables.plan_deleted(dynamodb, ops.target)
    )
    steps = _next_steps(ops.target, plan)
    ops.out.lines(["plan:", *(f"  {line}" for line in plan.lines())])
    differences: list[str] = []
    if ops.confirmed(consent, f"restore into {plan.into}"):
        tables.begin(dynamodb, ops.target, plan, table)
        with ops.out.progress("seconds waited") as progress:

            def pause() -> None:
                tables.wait(dynamodb, plan.into, waited=progress.add)

            pause()
            found = tables.configure(
                dynamodb, ops.aws.client("application-autoscaling"), ops.target, plan.into, pause
            )
        differences = tables.remaining(ops.aws.client("application-autoscaling"), found, ops.target)
        # Alarms watch a table by its name, so a table of another name needs none.
        if plan.into == ops.target.naming.cache_table:
            differences += alarms.missing(
                ops.aws.client("cloudwatch"), ops.target, resource="table"
            )
    ops.out.result(
        {
            "dry_run": consent.dry_run,
            "source": plan.source,
            "table": plan.into,
            "differences": differences,
            "next": steps,
        },
        [
            f"{'would restore' if consent.dry_run else 'restored'} into {plan.into}",
            *(f"WRONG: {one}" for one in differences),
            "next:",
            *(f"  {number}. {step}" for number, step in enumerate(steps, start=1)),
        ],
    )
    if differences:
        raise OperatorError(f"{plan.into} differs from the settings", remedy="run this again")


@command(app, "copy", "restore copy --env prod TABLE --dry-run")
def copy(
    ops: Session,
    consent: Consent,
    table: Annotated[str, typer.Argument(help="The table that `restore table --at` created.")],
) -> None:
    """Copy the items of a restored table into the live one, and replace those that exist.

    Items that only the live table has are kept; expired ones are skipped. Idempotent: stopped and
    run again, it copies everything once more.
    """
    dynamodb, live = ops.aws.client("dynamodb"), ops.table
    beginning = ops.target.naming.restored_cache_table_beginning
    if not table.startswith(beginning):
        raise BadInputError(
            f"{table!r} is not a restored table of {ops.target.name}",
            remedy=f"its name begins with {beginning}",
        )
    items = table_status.read(dynamodb, table).items
    result = ImportResult()
    message = f"would copy about {items:,} items"
    if ops.confirmed(consent, f"copy the items of {table} over those of {live}"):
        with ops.out.progress("items copied") as progress:

            def write_page(page: Sequence[Item]) -> None:
                kept = unexpired(page, result)
                write(dynamodb, live, kept, result, overwrite=True, progress=progress)

            scan_all(dynamodb, {"TableName": table}, write_page, parallel=1, backoff=Backoff())
        message = f"{result.written:,} items copied, {result.expired:,} expired ones skipped"
    ops.out.result(
        {
            "dry_run": consent.dry_run,
            "from": table,
            "to": live,
            "written": result.written,
            "expired": result.expired,
        },
        [f"{message}, from {table} to {live}"],
    )


def _mode(*, undelete: bool, previous: bool, at: str | None) -> RestoreMode:
    given = {
        RestoreMode.UNDELETE: undelete, RestoreMode.PREVIOUS: previous, RestoreMode.AT: at
    }  # fmt: skip
    chosen = [mode for mode, is_given in given.items() if is_given]
    if len(chosen) != 1:
        raise BadInputError(
            "choose what to restore", remedy="add one of --undelete, --previous and --at TIME"
        )
    return chosen[0]


def _plan_lines(steps: list[Step]) -> list[str]:
    lines = [f"  {one}" for one in steps[:_MOST_SHOWN]]
    more = len(steps) - _MOST_SHOWN
    return ["plan:", *lines, *([f"  and {more:,} more (--json lists all)"] if more > 0 else [])]


def _next_steps(target: Target, plan: tables.TablePlan) -> list[str]:
    """Return the steps after the restore, for a person to review one by one."""
    name, stack = target.name, target.naming.stack(Layer.STORAGE)
    address = next(row.address for row in ADOPTABLE if row.setting == "cache_table")
    review = (
        f"cd cdktf.out/stacks/{stack} && terraform plan: it must not replace or destroy {address}"
    )
    if plan.at is None:
        return [
            review,
            f"if the state has lost it: terraform import {address} {plan.into}",
            "terraform apply: it updates the parameter with the ARN of the new stream",
            f"python -m ops doctor --env {name}",
        ]
    return [
        f"python -m ops cache stats --env {name}: look at the live table",
        f"python -m ops restore copy --env {name} {plan.into}",
        f"{review}, because the live table kept its name and its settings",
        f"python -m ops doctor --env {name}",
        f"delete {plan.into} in the console; it is charged until then",
    ]
