"""The command ``review``."""

from __future__ import annotations

import json as json_
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperCommand

from ops.common.command import command
from ops.common.errors import OperatorError
from ops.common.options import command_group
from ops.common.output import Output
from ops.common.session import output
from ops.review import acceptance, json_report, markdown, sarif, sources, terminal
from ops.review.acceptance import Acceptance
from ops.review.report import Review
from ops.review.reviewing import review as reviewed

if TYPE_CHECKING:
    from typer._click import Context

app = command_group()


class _Usage(TyperCommand):
    """Ends with 1 if an option is invalid: elsewhere that is 2, which here means changes."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            error.exit_code = 1
            raise


@command(
    app,
    "review",
    "review build/plans",
    "review dev-storage.tfplan --accept dev-storage/aws_s3_bucket.geojson:destroy",
    "review build/plans --markdown comment.md --full report.md --sarif review.sarif",
    context=output,
    exit_codes={
        0: "nothing to do",
        1: "failure: a file or an option is invalid, or a plan has failed",
        2: "changes",
        3: "dangerous changes that nobody has accepted",
    },
)
def review(
    out: Output,
    plans: Annotated[
        list[Path],
        typer.Argument(
            metavar="PLAN",
            help="Saved plans, files of `terraform show -json`, or folders with them.",
            show_default=False,
        ),
    ],
    *,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="[STACK/]ADDRESS:KIND", help="Accept a danger. Repeatable."),
    ] = None,
    acceptances: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Dangers that are accepted (TOML).")
    ] = None,
    markdown_: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write a comment, cut to --limit."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            help="Characters of the comment.",
            min=markdown.SMALLEST_LIMIT,
            max=markdown.GITHUB_LIMIT,
        ),
    ] = markdown.DEFAULT_LIMIT,
    pointer: Annotated[
        str, typer.Option(metavar="TEXT", help="Where the full report is, for the comment.")
    ] = "",
    full: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole report as Markdown.")
    ] = None,
    sarif_: Annotated[
        Path | None, typer.Option("--sarif", metavar="FILE", help="Write the dangers as SARIF.")
    ] = None,
) -> None:
    """Review Terraform plans: what changes, what of it is dangerous, who may do what.

    Stacks are named like their files or folders. Secrets are masked, also where a provider does not
    mark them. The format of an acceptance file is in docs/plan-review.md.
    """
    today = datetime.now(tz=UTC).date()
    options = acceptance.parse(accept or ())
    entries = list(options)
    if acceptances:
        entries += acceptance.read(_text(acceptances), where=str(acceptances))
    result = reviewed(sources.load(plans), acceptance.sort_out(entries, today))
    for option in options:
        _require_one_stack(option, result)
    if markdown_:
        where = pointer or (full.name if full else "")
        _write(markdown_, markdown.comment(result, limit=limit, pointer=where))
    if full:
        _write(full, markdown.full(result))
    if sarif_:
        _write(sarif_, json_.dumps(sarif.document(result), indent=2))
    if out.as_json:
        out.result(json_report.document(result), ())
    else:
        # The texts are printable already; the colours are not.
        lines = terminal.lines(result, colour=sys.stdout.isatty())
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _require_one_stack(option: Acceptance, result: Review) -> None:
    """Refuse to accept a danger everywhere that was perhaps looked at in one stack."""
    stacks = {
        stack.name
        for stack, item, judged in result.dangers()
        if option.accepts(stack.name, item.address, judged.danger.kind)
    }
    if len(stacks) > 1:
        raise OperatorError(
            f"--accept {option} is a danger in {', '.join(sorted(stacks))}",
            remedy=f"name the stack: --accept '{min(stacks)}/{option}'",
        )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} cannot be read: {error}", remedy="name a TOML file") from error


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            f"{file} cannot be written: {error.strerror}",
            remedy="name a file in a folder that exists",
        ) from error


app.registered_commands[0].cls = _Usage
