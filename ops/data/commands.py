"""The commands ``data ...``."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from modules.catalogue import GEOJSON
from ops.common.command import command
from ops.common.confirmation import Consent
from ops.common.errors import BadInputError
from ops.common.options import DryRun, command_group
from ops.common.output import Output, format_bytes, table
from ops.common.session import Session, output
from ops.common.times import format_time
from ops.data import layout, sample, uploading
from ops.data.validation import Verdict, validate

app = command_group()

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="GeoJSON files.")]
Month = Annotated[str | None, typer.Option(help="Month of the observations: 2025-11.")]


@command(app, "validate", "data validate 2025-11/*.geojson", context=output)
def validate_files(out: Output, files: Files) -> None:
    """Validate files against RFC 7946: structure, coordinates, closed rings, size.

    It needs no environment. The exit code is 2 if a file is invalid.
    """
    verdicts = _validated(out, files)
    out.result([one.document() for one in verdicts], _lines(verdicts))
    if any(not one.valid for one in verdicts):
        raise BadInputError(_count_invalid(verdicts), remedy="fix the files")


@command(
    app,
    "upload",
    "data upload --env dev 2025-11/*.geojson --dry-run",
    "data upload --env dev map.geojson --month 2025-11 --yes",
)
def upload(ops: Session, consent: Consent, files: Files, month: Month = None) -> None:
    """Upload observations to observations/YYYY/MM/ in the GeoJSON bucket.

    All files are validated first; if one is invalid, none is uploaded. A file that is already
    there, byte for byte, is skipped. Without --month it is taken from the `date` of the features.
    Stopped and run again, it resumes.
    """
    verdicts = _validated(ops.out, files)
    if wrong := [one for one in verdicts if not one.valid]:
        raise BadInputError(
            f"{_count_invalid(verdicts)}: {wrong[0].path}, {wrong[0].faults[0]}",
            remedy=f"list every fault: python -m ops data validate {wrong[0].path}",
        )
    keys = [layout.key(verdict, month) for verdict in verdicts]
    if len(set(keys)) < len(keys):
        raise BadInputError(
            "two files would get the same key", remedy="rename one of them, or use --month"
        )
    s3, bucket = ops.aws.client("s3"), ops.bucket(GEOJSON)
    plans = [
        uploading.plan(s3, bucket, verdict.path, key)
        for verdict, key in zip(verdicts, keys, strict=True)
    ]
    needed = [plan for plan in plans if plan.needed]
    replaced = sum(plan.action == "replace" for plan in needed)
    what = f"upload {len(needed):,} files to {bucket}, {replaced:,} of them over existing ones"
    if needed and ops.confirmed(consent, what):
        with ops.out.progress("files uploaded", len(needed)) as progress:
            for plan in needed:
                uploading.send(s3, bucket, plan)
                progress.add(1)
    dry_run = consent.dry_run
    rows = [(plan.action, plan.key, format_bytes(plan.bytes)) for plan in plans]
    ops.out.result(
        {
            "dry_run": dry_run,
            "bucket": bucket,
            "uploaded": 0 if dry_run else len(needed),
            "files": [plan.document() for plan in plans],
        },
        [
            *table(("action", "key", "size"), rows),
            f"{'would upload' if dry_run else 'uploaded'} {len(needed):,} of {len(plans):,}",
        ],
    )


@command(app, "list", "data list --env dev", "data list --env dev --month 2025-11")
def list_objects(
    ops: Session,
    month: Month = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Objects to list.")] = 1000,
) -> None:
    """List the observations in the bucket."""
    bucket, prefix = ops.bucket(GEOJSON), layout.prefix(month)
    pages = (
        ops.aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    )
    found = (one for page in pages for one in page.get("Contents", []))
    listed = list(islice(found, limit))
    more = next(found, None) is not None
    rows = [(one["Key"], one["Size"], format_time(one["LastModified"])) for one in listed]
    ops.out.result(
        {
            "bucket": bucket,
            "prefix": prefix,
            "more": more,
            "objects": [
                {"key": key, "bytes": bytes_, "modified": modified}
                for key, bytes_, modified in rows
            ],
        },
        [
            *table(
                ("key", "size", "modified"),
                [(key, format_bytes(bytes_), modified) for key, bytes_, modified in rows],
            ),
            f"{len(rows):,} objects below {bucket}/{prefix}",
            *(["there are more: raise --limit"] if more else []),
        ],
    )


@command(app, "sample", "data sample observations-sample", context=output)
def write_sample(
    out: Output,
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Folder to write to.")],
    *,
    dry_run: DryRun = False,
) -> None:
    """Write a small real data set as GeoJSON: monthly CO2 at Mauna Loa, 2023 and 2024.

    One file for each month, with its source, ready for `data upload`. It needs no environment.
    """
    files = {folder / f"mauna-loa-{one.month}.geojson": one for one in sample.months()}
    if existing := next((path for path in files if path.exists()), None):
        raise BadInputError(f"{existing} already exists", remedy="choose another folder")
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        for path, one in files.items():
            path.write_text(json.dumps(one.document, indent=2) + "\n", encoding="utf-8")
    verb = "would write" if dry_run else "wrote"
    out.result(
        {"dry_run": dry_run, "files": [str(path) for path in files]},
        [f"{verb} {len(files)} files to {folder}; each names its source"],
    )


def _validated(out: Output, files: list[Path]) -> list[Verdict]:
    verdicts = []
    with out.progress("files validated", len(files)) as progress:
        for path in files:
            verdicts.append(validate(path))
            progress.add(1)
    return verdicts


def _lines(verdicts: list[Verdict]) -> list[str]:
    lines = []
    for one in verdicts:
        state = "valid" if one.valid else "WRONG"
        lines.append(f"{state}  {one.path}: {one.features:,} features, {format_bytes(one.bytes)}")
        lines += [f"       {fault}" for fault in one.faults]
        lines += [f"       note: {note}" for note in one.notes]
    return lines


def _count_invalid(verdicts: list[Verdict]) -> str:
    wrong = sum(not one.valid for one in verdicts)
    return f"{wrong:,} of {len(verdicts):,} files {'is' if wrong == 1 else 'are'} not valid GeoJSON"
