"""The commands ``cache ...``."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.cache import clearing, importing, jsonlines, namespace, questions, recent, report, stats
from ops.cache.items import KEY, Item
from ops.cache.pace import Pace
from ops.cache.segments import read_all
from ops.cache.warming import warm
from ops.common import times
from ops.common.aws_errors import MissingError
from ops.common.confirmation import Consent
from ops.common.errors import BadInputError, OperatorError
from ops.common.options import Confirm, Debug, DryRun, Env, Json, Yes, epilog
from ops.common.session import Session, session

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The cached answers.",
)

Key = Annotated[str, typer.Argument(help="The item's cache_key, as `recent` prints it.")]
Parallel = Annotated[int, typer.Option(min=1, max=32, help="Requests at a time.")]
Last = Annotated[str | None, typer.Option(help="How far back: 90m, 1h, 7d.")]
Begin = Annotated[str | None, typer.Option("--from", help="From this time on (UTC).")]
End = Annotated[str | None, typer.Option("--to", help="Up to this time (UTC). Default: now.")]


@app.command("stats", epilog=epilog("cache stats --env dev", "cache stats --env prod --json"))
def stats_command(env: Env = None, *, json: Json = False, debug: Debug = False) -> None:
    """Show how full the cache is, how old its answers are, and how often they are used.

    Items and size are AWS's own figures, some six hours old. The ages are counted now, which
    reads the whole index once.
    """
    with session(env, json=json, debug=debug) as ops:
        days = ops.target.settings.cache.ttl_days
        with ops.out.counting("days counted", days + 1) as counter:
            found = stats.measure(
                ops.aws.client("dynamodb"),
                ops.aws.client("cloudwatch"),
                table=ops.table,
                function=ops.target.naming.function,
                ttl_days=days,
                now=times.now(),
                counter=counter,
            )
        ops.out.result(found.document(), report.stats_lines(found))


@app.command(
    "recent",
    epilog=epilog("cache recent --env dev --last 1h", "cache recent --env dev --from 2026-05-14"),
)
def recent_command(
    env: Env = None,
    *,
    last: Last = None,
    begin: Begin = None,
    end: End = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Items on a page.")] = 50,
    page: Annotated[str | None, typer.Option(help="The page after the one printed.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List what was cached lately, the latest first. Default: the last hour.

    It reads the items that it shows, not the table.
    """
    with session(env, json=json, debug=debug) as ops:
        span = _span(last, begin, end) or _last("1h")
        found = recent.page(ops.aws.client("dynamodb"), ops.table, span, limit=limit, token=page)
        ops.out.result(report.recent_document(found, span), report.recent_lines(found, span))


@app.command("get", epilog=epilog("cache get --env dev 3b0c...e1"))
def get_command(key: Key, env: Env = None, *, json: Json = False, debug: Debug = False) -> None:
    """Show one cached answer with its question."""
    with session(env, json=json, debug=debug) as ops:
        item = _get(ops, key)
        ops.out.result(report.item_document(item), report.item_lines(item))


@app.command("delete", epilog=epilog("cache delete --env dev 3b0c...e1 --yes"))
def delete_command(
    key: Key,
    env: Env = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Delete one cached answer; the next to ask gets a new one."""
    with session(env, json=json, debug=debug) as ops:
        item = _get(ops, key)
        if not dry_run:
            ops.agree(Consent(yes=yes, confirm=confirm), f"delete {key} from {ops.table}")
            ops.aws.client("dynamodb").delete_item(TableName=ops.table, Key={KEY: {"S": key}})
        ops.out.result(
            {"dry_run": dry_run, "deleted": not dry_run, "item": report.item_document(item)},
            [f"{'would delete' if dry_run else 'deleted'} {key}"],
        )


@app.command(
    "clear",
    epilog=epilog(
        "cache clear --env dev --dry-run",
        "cache clear --env dev --before 7d --yes",
        "cache clear --env prod --logical --confirm prod",
    ),
)
def clear_command(
    env: Env = None,
    *,
    before: Annotated[
        str | None,
        typer.Option(help="Only what was cached before: 2026-05-14T12:00:00Z, 2026-05-14, 7d."),
    ] = None,
    logical: Annotated[
        bool,
        typer.Option("--logical", help="At once, by a new namespace; the TTL deletes the items."),
    ] = False,
    parallel: Parallel = 4,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Delete the cached answers.

    What is written while it runs is kept, even under a key that it was about to delete. It slows
    down where the table throttles. Stopped and run again it deletes what is left; give the same
    --before then.

    With --logical nothing is deleted: the answers are not found any more, from the moment at
    which the functions have read the new namespace, which takes up to five minutes.
    """
    consent = Consent(dry_run=dry_run, yes=yes, confirm=confirm)
    with session(env, json=json, debug=debug) as ops:
        if logical:
            if before:
                raise BadInputError(
                    "--logical clears everything", remedy="leave out --before or --logical"
                )
            _clear_logically(ops, consent)
        else:
            _clear(ops, consent, before, parallel)


@app.command(
    "export",
    epilog=epilog(
        "cache export --env prod cache.jsonl.gz --all",
        "cache export --env prod - --last 1d | jq .Item.query_params.S",
    ),
)
def export_command(
    file: Annotated[str, typer.Argument(help="File; .gz compresses it; - is stdout.")],
    env: Env = None,
    *,
    last: Last = None,
    begin: Begin = None,
    end: End = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All items; this reads the whole table.")
    ] = False,
    parallel: Parallel = 4,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write cached answers to a file, one JSON object a line, in DynamoDB's export format.

    With --last or --from it reads the items of that time, not the table.
    """
    with session(env, json=json, debug=debug) as ops:
        span = _span(last, begin, end)
        if everything == bool(span):
            raise BadInputError(
                "say what to export", remedy="add --all, or one of --last and --from"
            )
        if file != "-" and Path(file).exists():
            raise BadInputError(f"{file} is there already", remedy="name another, or remove it")
        if file == "-" and json:
            raise BadInputError("stdout is the export", remedy="leave out --json, or name a file")
        dynamodb, table = ops.aws.client("dynamodb"), ops.table
        written = 0
        with ops.out.counting("items written") as counter, jsonlines.writer(file) as write:
            lock = threading.Lock()

            def add(items: Sequence[Item]) -> None:
                nonlocal written
                with lock:
                    for item in items:
                        write(item)
                    written += len(items)
                counter.add(len(items))

            if span:
                for item in recent.every(dynamodb, table, span):
                    add([item])
            else:
                read_all(dynamodb, table, add, parallel=parallel, pace=Pace())
        if file == "-":
            ops.out.note(f"{written:,} items written")
        else:
            ops.out.result(
                {"file": file, "items": written}, [f"{written:,} items written to {file}"]
            )


@app.command("import", epilog=epilog("cache import --env dev cache.jsonl.gz --dry-run"))
def import_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An export.")],
    env: Env = None,
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is cached under the same keys.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write an export into the cache; expired answers are left out.

    The file is checked to its last line before anything is written.
    """
    with session(env, json=json, debug=debug) as ops:
        done = importing.Imported()
        count = sum(1 for _ in importing.live(jsonlines.read(file), done))
        if not dry_run:
            what = f"write {count:,} items into {ops.table}"
            ops.agree(Consent(yes=yes, confirm=confirm), what)
            done = importing.Imported()
            with ops.out.counting("items read", count) as counter:
                importing.write(
                    ops.aws.client("dynamodb"),
                    ops.table,
                    importing.live(jsonlines.read(file), done),
                    done,
                    overwrite=overwrite,
                    counter=counter,
                )
        told = (
            f"would write {count:,} items"
            if dry_run
            else f"{done.written:,} items written, {done.kept:,} kept as they were"
        )
        ops.out.result(
            {"dry_run": dry_run, "valid": count, **asdict(done)},
            [f"{told}, {done.expired:,} expired ones left out"],
        )


@app.command("warm", epilog=epilog("cache warm --env dev questions.jsonl --dry-run"))
def warm_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON Lines.")],
    env: Env = None,
    *,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Questions at a time.")] = 2,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask the function every question of a file, so that its answers are cached.

    Each question that is not cached yet costs a call of Gemini. The exit code is 1 where a
    question got no answer.
    """
    with session(env, json=json, debug=debug) as ops:
        asked = questions.read(file)
        function = ops.target.naming.function
        if dry_run:
            ops.out.result(
                {"dry_run": True, "questions": len(asked)},
                [f"would ask {function} {len(asked):,} questions"],
            )
            return
        ops.agree(
            Consent(yes=yes, confirm=confirm),
            f"ask {function} {len(asked):,} questions, with up to as many calls of Gemini",
        )
        with ops.out.counting("questions asked", len(asked)) as counter:
            done = warm(
                ops.aws.client("lambda"), function, asked, parallel=parallel, counter=counter
            )
        ops.out.result(
            {"dry_run": False, "questions": len(asked), **asdict(done)}, report.warm_lines(done)
        )
        if done.failures:
            raise OperatorError(
                f"{len(done.failures):,} of {len(asked):,} questions got no answer",
                remedy="run it again: what was answered is cached",
            )


def _clear(ops: Session, consent: Consent, before: str | None, parallel: int) -> None:
    start = times.now()
    # Times are whole seconds; what was cached in this very second is to go, too.
    limit = times.moment(before, start) if before else start + dt.timedelta(seconds=1)
    older = clearing.Older(before=limit, undated=before is None)
    dynamodb, table = ops.aws.client("dynamodb"), ops.table
    said = f"cached before {times.text(limit)}"
    if consent.dry_run:
        with ops.out.counting("items found") as counter:
            count = clearing.count(dynamodb, table, older, parallel=parallel, counter=counter)
        ops.out.result(
            {"dry_run": True, "table": table, "before": times.text(limit), "items": count},
            [f"would delete {count:,} items of {table}, {said}"],
        )
        return
    described = stats.describe(dynamodb, table)
    about = f"about {described.get('ItemCount', 0):,} in the table"
    ops.agree(consent, f"delete what {table} has {said} ({about})")
    with ops.out.counting("items cleared") as counter:
        done = clearing.clear(dynamodb, table, older, parallel=parallel, counter=counter)
    ops.out.result(
        {"dry_run": False, "table": table, "before": times.text(limit), **asdict(done)},
        [
            f"{done.deleted:,} items deleted from {table}, {said}",
            f"{done.changed:,} kept, because they were written anew meanwhile",
            f"{done.throttled_requests:,} requests were throttled",
        ],
    )


def _clear_logically(ops: Session, consent: Consent) -> None:
    naming = ops.target.naming
    found = namespace.found(naming, ops.parameter(namespace.path(naming)))
    if not consent.dry_run:
        ops.agree(consent, f"let {naming.function} forget every cached answer")
        namespace.advance(ops.aws.client("ssm"), found)
    verb = "would set" if consent.dry_run else "set"
    ops.out.result(
        {
            "dry_run": consent.dry_run,
            "parameter": found.path,
            "before": found.value,
            "after": found.next,
        },
        [
            f"{verb} {found.path}: {found.value} -> {found.next}",
            "functions that run read it within five minutes; the old answers expire by their TTL",
        ],
    )


def _get(ops: Session, key: str) -> Item:
    answer = ops.aws.client("dynamodb").get_item(TableName=ops.table, Key={KEY: {"S": key}})
    if "Item" not in answer:
        raise MissingError(
            f"nothing is cached under {key!r}",
            remedy=f"python -m ops cache recent --env {ops.target.name} lists keys",
        )
    item: Item = answer["Item"]
    return item


def _span(last: str | None, begin: str | None, end: str | None) -> recent.Span | None:
    if last and (begin or end):
        raise BadInputError(
            "--last and --from/--to exclude each other", remedy="leave one of them out"
        )
    if last:
        return _last(last)
    if not begin:
        if end:
            raise BadInputError("--to needs --from", remedy="add --from, or use --last")
        return None
    now = times.now()
    span = recent.Span(begin=times.moment(begin, now), end=times.moment(end, now) if end else now)
    if span.begin > span.end:
        raise BadInputError("--from is after --to", remedy="swap them; both are UTC")
    return span


def _last(text: str) -> recent.Span:
    now = times.now()
    return recent.Span(begin=times.moment(text, now), end=now)
