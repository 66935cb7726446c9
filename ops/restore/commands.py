"""The commands ``restore ...``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import islice
from typing import Annotated

import typer

from modules.catalogue import Layer
from ops.cache import importing
from ops.cache.items import Item
from ops.cache.pace import Pace
from ops.cache.segments import read_all
from ops.common import times
from ops.common.confirmation import Consent
from ops.common.errors import BadInputError, OperatorError
from ops.common.options import Confirm, Debug, DryRun, Env, Json, Yes, epilog
from ops.common.session import Session, session
from ops.common.target import Target
from ops.restore import alarms, objects, tables
from ops.restore.versions import Step, Wish
from ops.table import condition

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Bring back the table or objects.",
)

_MOST_SHOWN = 50


class Bucket(Enum):
    """Which bucket."""

    GEOJSON = "geojson"
    WEBSITE = "website"


At = Annotated[
    str | None, typer.Option(help="As it was then (UTC): 2025-11-01T12:00:00Z, 2025-11-01, 2h.")
]


@app.command(
    "object",
    epilog=epilog(
        "restore object --env prod observations/2025/11/a.geojson --undelete --dry-run",
        "restore object --env prod observations/2025/ --prefix --at 2025-11-01T12:00:00Z",
    ),
)
def object_command(
    path: Annotated[str, typer.Argument(help="Key of the object; with --prefix its beginning.")],
    env: Env = None,
    *,
    undelete: Annotated[
        bool, typer.Option("--undelete", help="Bring back what was deleted.")
    ] = False,
    previous: Annotated[
        bool, typer.Option("--previous", help="Bring back the version before this one.")
    ] = False,
    at: At = None,
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Everything whose key begins like this.")
    ] = False,
    bucket: Annotated[Bucket, typer.Option(help="Which bucket.")] = Bucket.GEOJSON,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Bring back objects of a versioned bucket. The plan is printed first.

    Nothing is lost by it: what is replaced or deleted stays as a version. With --at, objects that
    were not there then are deleted. CloudFront may serve the old ones for up to an hour.
    """
    with session(env, json=json, debug=debug) as ops:
        wish = _wish(undelete=undelete, previous=previous, at=at)
        now = times.now()
        time = times.moment(at, now) if at else None
        if time:
            objects.require_reachable(ops.target, time, now)
        s3, name = ops.aws.client("s3"), _bucket(ops, bucket)
        objects.require_versions(s3, name)
        steps = list(objects.plan(s3, name, path, whole_prefix=prefix, wish=wish, at=time))
        needed = [one for one in steps if one.needed]
        ops.out.lines(_plan_lines(steps))
        if needed and not dry_run:
            ops.agree(
                Consent(yes=yes, confirm=confirm), f"restore {len(needed):,} objects in {name}"
            )
            with ops.out.counting("objects restored", len(needed)) as counter:
                for one in needed:
                    objects.carry_out(s3, name, one)
                    counter.add(1)
        verb = "would restore" if dry_run else "restored"
        said = f"{verb} {len(needed):,} of {len(steps):,} objects in {name}"
        ops.out.result(
            {
                "dry_run": dry_run,
                "bucket": name,
                "restored": 0 if dry_run else len(needed),
                "steps": [one.document() for one in steps],
            },
            [said],
        )


@app.command(
    "table",
    epilog=epilog(
        "restore table --env prod --at 2025-11-01T12:00:00Z --dry-run",
        "restore table --env prod --deleted --confirm prod",
    ),
)
def table_command(
    env: Env = None,
    *,
    at: At = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Bring the deleted table back from its backup.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Restore the cache table, and set on it what a restore leaves out.

    With --at a second table is made as the first was then; the live one is not touched, and
    `restore copy` brings the items over. With --deleted the table comes back under its own name.
    Either way the next steps are printed. AWS promises no time for a restore; stopped and run
    again with the same options it goes on.
    """
    with session(env, json=json, debug=debug) as ops:
        if bool(at) == deleted:
            raise BadInputError(
                "say what to restore", remedy="add one of --at 2025-11-01T12:00:00Z and --deleted"
            )
        dynamodb = ops.aws.client("dynamodb")
        plan = (
            tables.plan_to_time(dynamodb, ops.target, ops.table, times.moment(at, times.now()))
            if at
            else tables.plan_deleted(dynamodb, ops.target)
        )
        steps = _after(ops.target, plan)
        ops.out.lines(["plan:", *(f"  {line}" for line in plan.lines())])
        left: list[str] = []
        if not dry_run:
            ops.agree(Consent(yes=yes, confirm=confirm), f"restore into {plan.into}")
            tables.begin(dynamodb, plan, ops.table)
            with ops.out.counting("seconds waited") as counter:

                def pause() -> None:
                    tables.wait(dynamodb, plan.into, waited=counter.add)

                pause()
                scaling = ops.aws.client("application-autoscaling")
                found = tables.complete(dynamodb, scaling, ops.target, plan.into, pause)
            left = [
                *tables.remaining(scaling, found, ops.target),
                *alarms.missing(ops.aws.client("cloudwatch"), ops.target, plan.into),
            ]
        ops.out.result(
            {
                "dry_run": dry_run,
                "source": plan.source,
                "table": plan.into,
                "differences": left,
                "next": steps,
            },
            [
                f"{'would be' if dry_run else 'it is'} in {plan.into}",
                *(f"WRONG: {one}" for one in left),
                "then:",
                *(f"  {number}. {step}" for number, step in enumerate(steps, start=1)),
            ],
        )
        if left:
            raise OperatorError(
                f"{plan.into} is not as the settings want it", remedy="run this again"
            )


@app.command("copy", epilog=epilog("restore copy --env prod TABLE --dry-run"))
def copy_command(
    table: Annotated[str, typer.Argument(help="The table that `restore table --at` has made.")],
    env: Env = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Copy the items of a restored table over those of the live one.

    What only the live table has, stays. Expired answers are left out. Stopped and run again it
    copies all of it once more.
    """
    with session(env, json=json, debug=debug) as ops:
        dynamodb, live = ops.aws.client("dynamodb"), ops.table
        beginning = ops.target.naming.restored_cache_table_beginning
        if not table.startswith(beginning):
            raise BadInputError(
                f"{table!r} is no table that was restored for {ops.target.name}",
                remedy=f"its name begins with {beginning}",
            )
        described = condition.read(dynamodb, table)
        done = importing.Imported()
        if not dry_run:
            ops.agree(
                Consent(yes=yes, confirm=confirm), f"copy the items of {table} over those of {live}"
            )
            with ops.out.counting("items copied") as counter:

                def write(items: Sequence[Item]) -> None:
                    importing.write(
                        dynamodb,
                        live,
                        importing.live(items, done),
                        done,
                        overwrite=True,
                        counter=counter,
                    )

                read_all(dynamodb, table, write, parallel=1, pace=Pace())
        said = (
            f"would copy about {described.items:,} items"
            if dry_run
            else f"{done.written:,} items copied, {done.expired:,} expired ones left out"
        )
        ops.out.result(
            {
                "dry_run": dry_run,
                "from": table,
                "to": live,
                "written": done.written,
                "expired": done.expired,
            },
            [f"{said}, from {table} to {live}"],
        )


def _wish(*, undelete: bool, previous: bool, at: str | None) -> Wish:
    chosen = [
        wish
        for wish, said in ((Wish.UNDELETE, undelete), (Wish.PREVIOUS, previous), (Wish.AT, at))
        if said
    ]
    if len(chosen) != 1:
        raise BadInputError(
            "say what to bring back", remedy="add one of --undelete, --previous and --at TIME"
        )
    return chosen[0]


def _plan_lines(steps: list[Step]) -> list[str]:
    lines = [f"  {one}" for one in islice(steps, _MOST_SHOWN)]
    more = len(steps) - _MOST_SHOWN
    return ["plan:", *lines, *([f"  and {more:,} more (--json lists all)"] if more > 0 else [])]


def _bucket(ops: Session, bucket: Bucket) -> str:
    naming = ops.target.naming
    if bucket is Bucket.WEBSITE:
        path = naming.storage_parameter("s3", "static-website-bucket-name")
        return ops.parameter(path) or naming.static_website_bucket
    path = naming.storage_parameter("s3", "geojson-bucket-name")
    return ops.parameter(path) or naming.geojson_bucket


def _after(target: Target, plan: tables.TablePlan) -> list[str]:
    """Return the steps that follow, which a person reviews one by one."""
    name, stack = target.name, target.naming.stack(Layer.STORAGE)
    folder = f"cdktf.out/stacks/{stack}"
    review = f"cd {folder} && terraform plan: it must not replace or destroy aws_dynamodb_table"
    if plan.at is None:
        return [
            review,
            f"if the state has lost it: terraform import aws_dynamodb_table.cache {plan.into}",
            "terraform apply: the table has a new stream, and its parameter follows",
            f"python -m ops doctor --env {name}",
        ]
    return [
        f"python -m ops cache stats --env {name}: look at what is live now",
        f"python -m ops restore copy --env {name} {plan.into}",
        f"{review}, for the live table has kept its name and its settings",
        f"python -m ops doctor --env {name}",
        f"delete {plan.into} in the console; it costs until then",
    ]
