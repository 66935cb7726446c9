"""The commands ``data ...``."""

from __future__ import annotations

import json as json_
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from ops.common.confirmation import Consent
from ops.common.errors import BadInputError, reported
from ops.common.options import Confirm, Debug, DryRun, Env, Json, Yes, epilog
from ops.common.output import Output, size, table
from ops.common.session import Session, explaining, session
from ops.common.times import text
from ops.data import layout, listing, sample, uploading
from ops.data.validation import Verdict, judge

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The observations in the GeoJSON bucket.",
)

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Files of GeoJSON.")]
Month = Annotated[str | None, typer.Option(help="Month of the observations: 2025-11.")]


@app.command("validate", epilog=epilog("data validate 2025-11/*.geojson"))
def validate_command(files: Files, *, json: Json = False, debug: Debug = False) -> None:
    """Judge files by RFC 7946: structure, coordinates, closed rings, size.

    It needs no environment. The exit code is 2 where a file is wrong.
    """
    with reported(debug=debug), explaining():
        out = Output(as_json=json)
        verdicts = _judged(out, files)
        out.result([one.document() for one in verdicts], _lines(verdicts))
        _refuse_invalid(verdicts, told=True)


@app.command(
    "upload",
    epilog=epilog(
        "data upload --env dev 2025-11/*.geojson --dry-run",
        "data upload --env dev map.geojson --month 2025-11 --yes",
    ),
)
def upload_command(
    files: Files,
    env: Env = None,
    *,
    month: Month = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: Confirm = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Upload observations to observations/YYYY/MM/ in the GeoJSON bucket.

    Every file is judged first; if one is wrong, none is uploaded. What is there already, byte for
    byte, is skipped. Without --month the features' `date` tells it. Stopped and run again it
    uploads what is left.
    """
    with session(env, json=json, debug=debug) as ops:
        verdicts = _judged(ops.out, files)
        _refuse_invalid(verdicts)
        keys = [layout.key(verdict, month) for verdict in verdicts]
        if len(set(keys)) < len(keys):
            raise BadInputError(
                "two files would get the same key", remedy="rename one of them, or use --month"
            )
        s3, bucket = ops.aws.client("s3"), _bucket(ops)
        plans = [
            uploading.plan(s3, bucket, verdict.path, key)
            for verdict, key in zip(verdicts, keys, strict=True)
        ]
        needed = [plan for plan in plans if plan.needed]
        if needed and not dry_run:
            replaced = sum(plan.action == "replace" for plan in needed)
            what = f"upload {len(needed):,} files to {bucket}, {replaced:,} of them over others"
            ops.agree(Consent(yes=yes, confirm=confirm), what)
            with ops.out.counting("files uploaded", len(needed)) as counter:
                for plan in needed:
                    uploading.send(s3, bucket, plan)
                    counter.add(1)
        rows = [(plan.action, plan.key, size(plan.bytes)) for plan in plans]
        ops.out.result(
            {
                "dry_run": dry_run,
                "bucket": bucket,
                "uploaded": 0 if dry_run else len(needed),
                "files": [plan.document() for plan in plans],
            },
            [
                *table(("would be" if dry_run else "", "key", "size"), rows),
                f"{'would upload' if dry_run else 'uploaded'} {len(needed):,} of {len(plans):,}",
            ],
        )


@app.command("list", epilog=epilog("data list --env dev", "data list --env dev --month 2025-11"))
def list_command(
    env: Env = None,
    *,
    month: Month = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Objects to list.")] = 1000,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the observations in the bucket."""
    with session(env, json=json, debug=debug) as ops:
        bucket, prefix = _bucket(ops), layout.prefix(month)
        found = list(islice(listing.objects(ops.aws.client("s3"), bucket, prefix), limit + 1))
        more = len(found) > limit
        shown = found[:limit]
        rows = [(one.key, size(one.bytes), text(one.modified)) for one in shown]
        ops.out.result(
            {
                "bucket": bucket,
                "prefix": prefix,
                "more": more,
                "objects": [
                    {"key": one.key, "bytes": one.bytes, "modified": text(one.modified)}
                    for one in shown
                ],
            },
            [
                *(table(("key", "size", "modified"), rows) if rows else []),
                f"{len(shown):,} objects below {bucket}/{prefix}",
                *(["there are more: raise --limit"] if more else []),
            ],
        )


@app.command("sample", epilog=epilog("data sample observations-sample"))
def sample_command(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Folder to write to.")],
    *,
    dry_run: DryRun = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a small real data set as GeoJSON: monthly CO2 at Mauna Loa, 2023 and 2024.

    One file for each month, with its source, ready for `data upload`. It needs no environment.
    """
    with reported(debug=debug), explaining():
        files = {folder / f"mauna-loa-{one.month}.geojson": one for one in sample.months()}
        there = [path for path in files if path.exists()]
        if there:
            raise BadInputError(f"{there[0]} is there already", remedy="name another folder")
        if not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            for path, one in files.items():
                path.write_text(json_.dumps(one.document, indent=2) + "\n", encoding="utf-8")
        verb = "would write" if dry_run else "wrote"
        Output(as_json=json).result(
            {"dry_run": dry_run, "files": [str(path) for path in files]},
            [f"{verb} {len(files)} files to {folder}; their source is in each of them"],
        )


def _judged(out: Output, files: list[Path]) -> list[Verdict]:
    verdicts = []
    with out.counting("files judged", len(files)) as counter:
        for path in files:
            verdicts.append(judge(path))
            counter.add(1)
    return verdicts


def _lines(verdicts: list[Verdict]) -> list[str]:
    lines = []
    for one in verdicts:
        state = "valid" if one.valid else "WRONG"
        lines.append(f"{state}  {one.path}: {one.features:,} features, {size(one.bytes)}")
        lines += [f"       {fault}" for fault in one.faults]
        lines += [f"       note: {note}" for note in one.notes]
    return lines


def _refuse_invalid(verdicts: list[Verdict], *, told: bool = False) -> None:
    wrong = [one for one in verdicts if not one.valid]
    if wrong:
        first = "" if told else f": {wrong[0].path}, {wrong[0].faults[0]}"
        count = f"{len(wrong):,} of {len(verdicts):,} files {'is' if len(wrong) == 1 else 'are'}"
        raise BadInputError(
            f"{count} no valid GeoJSON{first}",
            remedy="mend the file"
            if told
            else f"python -m ops data validate {wrong[0].path} lists every fault",
        )


def _bucket(ops: Session) -> str:
    naming = ops.target.naming
    path = naming.storage_parameter("s3", "geojson-bucket-name")
    return ops.parameter(path) or naming.geojson_bucket
