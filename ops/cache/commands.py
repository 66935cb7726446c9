"""The commands ``cache ...``."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from modules.catalogue import (
    ANSWER_MEMORY_SECONDS,
    CACHE_NAMESPACE,
    PARAMETER_MEMORY_SECONDS,
    Layer,
)
from ops.cache import clearing, edge, importing, jsonlines, questions, recent, report, stats
from ops.cache.backoff import Backoff
from ops.cache.items import KEY, Item
from ops.cache.namespace import next_namespace
from ops.cache.reading import answers_scan, scan_all
from ops.cache.warming import warm
from ops.common import times
from ops.common.command import command
from ops.common.confirmation import Consent
from ops.common.errors import BadInputError, MissingError, OperatorError
from ops.common.options import command_group
from ops.common.session import Session

app = command_group()

Key = Annotated[str, typer.Argument(help="The item's cache_key, as `recent` prints it.")]
Parallel = Annotated[int, typer.Option(min=1, max=32, help="Concurrent requests.")]
Last = Annotated[str | None, typer.Option(help="The last 90m, 1h, 7d.")]
Invalidate = Annotated[
    bool,
    typer.Option("--invalidate", help="Also invalidate all answers in CloudFront; takes minutes."),
]
Begin = Annotated[str | None, typer.Option("--from", help="Start of the time span (UTC).")]
End = Annotated[str | None, typer.Option("--to", help="End of the time span (UTC). Default: now.")]


@command(app, "stats", "cache stats --env dev", "cache stats --env prod --json")
def show_stats(ops: Session) -> None:
    """Show the size of the cache, the age of its answers, and its hit ratio.

    DynamoDB updates items and size about every six hours. The ages are counted now, which reads
    the whole index once.
    """
    days = ops.target.settings.cache.ttl_days
    with ops.out.progress("days counted", days + 1) as progress:
        found = stats.measure(
            ops.aws.client("dynamodb"),
            ops.aws.client("cloudwatch"),
            table=ops.table,
            function=ops.target.naming.function,
            ttl_days=days,
            now=times.now(),
            progress=progress,
        )
    ops.out.result(found.document(), report.stats_lines(found))


@command(app, "recent", "cache recent --env dev --last 1h", "cache recent --from 2026-05-14")
def list_recent(
    ops: Session,
    *,
    last: Last = None,
    begin: Begin = None,
    end: End = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Items per page.")] = 50,
    page: Annotated[str | None, typer.Option(help="Token of the page to show.")] = None,
) -> None:
    """List what was cached recently, the latest first. Default: the last hour.

    It reads the items that it shows, not the table.
    """
    span = _span(last, begin, end) or _last("1h")
    found = recent.page(ops.aws.client("dynamodb"), ops.table, span, limit=limit, token=page)
    ops.out.result(report.recent_document(found, span), report.recent_lines(found, span))


@command(app, "get", "cache get --env dev 3b0c...e1")
def get(ops: Session, key: Key) -> None:
    """Show a cached answer and its question."""
    document = report.item_document(_get(ops, key))
    ops.out.result(document, json.dumps(document, indent=2).splitlines())


@command(
    app,
    "delete",
    "cache delete --env dev 3b0c...e1 --yes",
    "cache delete --env prod 3b0c...e1 --invalidate --confirm prod",
)
def delete(ops: Session, consent: Consent, key: Key, *, invalidate: Invalidate = False) -> None:
    """Delete a cached answer; the next request for it gets a new one.

    CloudFront and browsers may serve it for as long as [cache] allows. With --invalidate
    CloudFront stops serving it, also if it is no longer in the table: stopped, the command can be
    run again.
    """
    distribution = edge.find_distribution(ops) if invalidate else None
    # Missing is an error only if there is nothing else to do.
    item = _find(ops, key) if invalidate else _get(ops, key)
    if ops.confirmed(consent, edge.and_invalidate(f"delete {key} from {ops.table}", distribution)):
        ops.aws.client("dynamodb").delete_item(TableName=ops.table, Key={KEY: {"S": key}})
    dry_run = consent.dry_run
    invalidation, lines = edge.invalidate(ops, consent, distribution, ANSWER_MEMORY_SECONDS)
    ops.out.result(
        {
            "dry_run": dry_run,
            "deleted": not dry_run,
            "item": report.item_document(item) if item else None,
            "invalidation": invalidation,
        },
        [f"{'would delete' if dry_run else 'deleted'} {key}", *lines],
    )


@command(
    app,
    "clear",
    "cache clear --env dev --dry-run",
    "cache clear --env dev --before 7d --yes",
    "cache clear --env prod --logical --invalidate --confirm prod",
)
def clear(
    ops: Session,
    consent: Consent,
    *,
    before: Annotated[
        str | None,
        typer.Option(help="Only what was cached before: 2026-05-14T12:00:00Z, 2026-05-14, 7d."),
    ] = None,
    logical: Annotated[
        bool,
        typer.Option("--logical", help="Clear at once by a new namespace; items expire by TTL."),
    ] = False,
    invalidate: Invalidate = False,
    parallel: Parallel = 4,
) -> None:
    """Delete the cached answers.

    Answers that are written while it runs are kept, even under a key that was about to be
    deleted. It backs off where the table throttles. Stopped and run again with the same --before,
    it resumes.

    With --logical nothing is deleted: the cache Lambda no longer finds the answers once it has
    read the new namespace, within five minutes.

    CloudFront and browsers may serve the answers for as long as [cache] allows. With --invalidate
    CloudFront stops serving them.
    """
    if logical and before:
        raise BadInputError("--logical clears everything", remedy="omit --before or --logical")
    distribution = edge.find_distribution(ops) if invalidate else None
    if logical:
        _clear_logically(ops, consent, distribution)
    else:
        _clear(ops, consent, distribution, before, parallel)


@command(
    app,
    "export",
    "cache export --env prod cache.jsonl.gz --all",
    "cache export --env prod - --last 1d | jq .Item.query_params.S",
)
def export(
    ops: Session,
    file: Annotated[str, typer.Argument(help="File; .gz compresses it; - is stdout.")],
    *,
    last: Last = None,
    begin: Begin = None,
    end: End = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All items; this reads the whole table.")
    ] = False,
    parallel: Parallel = 4,
) -> None:
    """Write cached answers to a file, one JSON object per line, in DynamoDB's export format.

    With --last or --from it reads the items of that time, not the table.
    """
    span = _span(last, begin, end)
    if everything == bool(span):
        raise BadInputError(
            "choose what to export", remedy="add either --all, or --last, or --from"
        )
    if file != "-" and Path(file).exists():
        raise BadInputError(f"{file} already exists", remedy="choose another name, or remove it")
    if file == "-" and ops.out.as_json:
        raise BadInputError("stdout is the export", remedy="omit --json, or name a file")
    dynamodb, table = ops.aws.client("dynamodb"), ops.table
    written = 0
    lock = threading.Lock()
    with ops.out.progress("items written") as progress, jsonlines.writer(file) as write:

        def add(items: Sequence[Item]) -> None:
            nonlocal written
            with lock:
                for item in items:
                    write(item)
                written += len(items)
            progress.add(len(items))

        if span:
            for item in recent.every(dynamodb, table, span):
                add([item])
        else:
            scan_all(dynamodb, answers_scan(table), add, parallel=parallel, backoff=Backoff())
    if file == "-":
        ops.out.note(f"{written:,} items written")
    else:
        ops.out.result({"file": file, "items": written}, [f"{written:,} items written to {file}"])


@command(app, "import", "cache import --env dev cache.jsonl.gz --dry-run")
def import_(
    ops: Session,
    consent: Consent,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An export.")],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace items that exist under the same keys.")
    ] = False,
) -> None:
    """Write an export into the cache; expired answers are skipped.

    The whole file is validated before anything is written.
    """
    result = importing.ImportResult()
    valid = sum(1 for _ in importing.unexpired(jsonlines.read(file), result))
    message = f"would write {valid:,} items"
    if ops.confirmed(consent, f"write {valid:,} items into {ops.table}"):
        result = importing.ImportResult()
        with ops.out.progress("items read", valid) as progress:
            importing.write(
                ops.aws.client("dynamodb"),
                ops.table,
                importing.unexpired(jsonlines.read(file), result),
                result,
                overwrite=overwrite,
                progress=progress,
            )
        message = f"{result.written:,} items written, {result.kept:,} existing ones kept"
    ops.out.result(
        {"dry_run": consent.dry_run, "valid": valid, **asdict(result)},
        [f"{message}, {result.expired:,} expired ones skipped"],
    )


@command(app, "warm", "cache warm --env dev questions.jsonl --dry-run")
def warm_up(
    ops: Session,
    consent: Consent,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON Lines.")],
    *,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Concurrent questions.")] = 2,
) -> None:
    """Ask the cache Lambda every question of a file, so that the answers are cached.

    Each question that is not cached yet costs a Gemini call. The exit code is 1 if a question
    failed.
    """
    asked = questions.read(file)
    function = ops.target.naming.function
    what = f"ask {function} {len(asked):,} questions"
    if not ops.confirmed(consent, f"{what}, with up to as many Gemini calls"):
        ops.out.result({"dry_run": True, "questions": len(asked)}, [f"would {what}"])
        return
    with ops.out.progress("questions asked", len(asked)) as progress:
        result = warm(
            ops.aws.client("lambda"), function, asked, parallel=parallel, progress=progress
        )
    ops.out.result(
        {"dry_run": False, "questions": len(asked), **asdict(result)}, report.warm_lines(result)
    )
    if result.failures:
        raise OperatorError(
            f"{len(result.failures):,} of {len(asked):,} questions failed",
            remedy="run it again: the answered ones are cached",
        )


def _clear(
    ops: Session,
    consent: Consent,
    distribution: str | None,
    before: str | None,
    parallel: int,
) -> None:
    start = times.now()
    # Times are whole seconds, so the default includes what was cached in this very second.
    limit = times.parse_time(before, start) if before else start + dt.timedelta(seconds=1)
    older = clearing.OlderThan(before=limit, undated=before is None)
    dynamodb, table = ops.aws.client("dynamodb"), ops.table
    cached = f"cached before {times.format_time(limit)}"
    document = {
        "dry_run": consent.dry_run, "table": table, "before": times.format_time(limit)
    }  # fmt: skip
    if consent.dry_run:
        with ops.out.progress("items found") as progress:
            count = clearing.count(dynamodb, table, older, parallel=parallel, progress=progress)
        invalidation, lines = edge.invalidate(ops, consent, distribution, ANSWER_MEMORY_SECONDS)
        ops.out.result(
            {**document, "items": count, "invalidation": invalidation},
            [f"would delete {count:,} items {cached} from {table}", *lines],
        )
        return
    total = dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]
    what = f"delete the items {cached} from {table} (about {total:,} in total)"
    ops.confirmed(consent, edge.and_invalidate(what, distribution))
    with ops.out.progress("items cleared") as progress:
        result = clearing.clear(dynamodb, table, older, parallel=parallel, progress=progress)
    invalidation, lines = edge.invalidate(ops, consent, distribution, ANSWER_MEMORY_SECONDS)
    ops.out.result(
        {**document, **asdict(result), "invalidation": invalidation},
        [
            f"{result.deleted:,} items deleted from {table}, {cached}",
            f"{result.changed:,} kept, because they were replaced meanwhile",
            f"{result.throttled_requests:,} requests were throttled",
            *lines,
        ],
    )


def _clear_logically(ops: Session, consent: Consent, distribution: str | None) -> None:
    naming = ops.target.naming
    path = naming.parameter(CACHE_NAMESPACE)
    before = ops.parameter(path)
    if before is None:
        raise MissingError(
            f"the parameter {path} does not exist",
            remedy=f"deploy {naming.stack(Layer.BASE)}, or clear without --logical",
        )
    after = next_namespace(before)
    verb = "would set"
    what = f"make {naming.function} ignore every cached answer"
    if ops.confirmed(consent, edge.and_invalidate(what, distribution)):
        ops.aws.client("ssm").put_parameter(Name=path, Value=after, Overwrite=True)
        verb = "set"
    invalidation, lines = edge.invalidate(ops, consent, distribution, PARAMETER_MEMORY_SECONDS)
    ops.out.result(
        {
            "dry_run": consent.dry_run,
            "parameter": path,
            "before": before,
            "after": after,
            "invalidation": invalidation,
        },
        [
            f"{verb} {path}: {before} -> {after}",
            "the cache Lambda reads it within five minutes; the old answers expire by their TTL",
            *lines,
        ],
    )


def _find(ops: Session, key: str) -> Item | None:
    answer = ops.aws.client("dynamodb").get_item(TableName=ops.table, Key={KEY: {"S": key}})
    return answer.get("Item")


def _get(ops: Session, key: str) -> Item:
    item = _find(ops, key)
    if item is None:
        raise MissingError(
            f"nothing is cached under {key!r}",
            remedy=f"list the keys: python -m ops cache recent --env {ops.target.name}",
        )
    return item


def _span(last: str | None, begin: str | None, end: str | None) -> recent.Span | None:
    if last and (begin or end):
        raise BadInputError("--last excludes --from and --to", remedy="omit one of them")
    if last:
        return _last(last)
    if not begin:
        if end:
            raise BadInputError("--to needs --from", remedy="add --from, or use --last")
        return None
    now = times.now()
    span = recent.Span(
        begin=times.parse_time(begin, now), end=times.parse_time(end, now) if end else now
    )
    if span.begin > span.end:
        raise BadInputError("--from is after --to", remedy="swap them; both are UTC")
    return span


def _last(text: str) -> recent.Span:
    now = times.now()
    return recent.Span(begin=times.parse_time(text, now), end=now)
