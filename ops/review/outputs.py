"""The options that choose the outputs of a review, and the outputs."""

from __future__ import annotations

import json as json_
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperCommand

from ops.common.errors import OperatorError
from ops.common.options import Debug, Json
from ops.common.output import Output
from ops.common.session import output
from ops.review import acceptance, json_report, markdown, sarif, terminal
from ops.review.acceptance import Acceptance
from ops.review.report import Review

if TYPE_CHECKING:
    from typer._click import Context

EXIT_CODES: Mapping[int | str, str] = {
    0: "nothing to do",
    1: "failure: a file or an option is invalid, or a plan has failed",
    2: "changes",
    3: "dangerous changes that nobody has accepted",
}

AcceptanceFile = Annotated[
    Path | None,
    typer.Option("--acceptances", metavar="FILE", help="Dangers that are accepted (TOML)."),
]


class ReviewCommand(TyperCommand):
    """Ends with 1 if an option is invalid: elsewhere that is 2, which here means changes."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the options."""
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            error.exit_code = 1
            raise


@contextmanager
def review_output(*, json: Json = False, debug: Debug = False) -> Iterator[Output]:
    """Yield the output of a command that ends with 1 whatever fails: 2 and 3 are reviews."""
    with output(json=json, debug=debug) as out:
        try:
            yield out
        except OperatorError as error:
            error.exit_code = 1
            raise


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The options."""

    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write a comment, cut to --limit."),
    ] = None
    limit: Annotated[
        int,
        typer.Option(
            help="Characters of the comment.",
            min=markdown.SMALLEST_LIMIT,
            max=markdown.GITHUB_LIMIT,
        ),
    ] = markdown.DEFAULT_LIMIT
    pointer: Annotated[
        str, typer.Option(metavar="TEXT", help="Where the full report is, for the comment.")
    ] = ""
    full: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole report as Markdown.")
    ] = None
    sarif_file: Annotated[
        Path | None, typer.Option("--sarif", metavar="FILE", help="Write the dangers as SARIF.")
    ] = None

    def comment(self, review: Review) -> str:
        """Return the review as a comment."""
        where = self.pointer or (self.full.name if self.full else "")
        return markdown.comment(review, limit=self.limit, pointer=where)

    def write(self, review: Review, out: Output) -> None:
        """Write the files, and print the review.

        Raises:
            OperatorError: A file cannot be written.
            typer.Exit: The review asks for attention.

        """
        if self.markdown_file:
            write(self.markdown_file, self.comment(review))
        if self.full:
            write(self.full, markdown.full(review))
        if self.sarif_file:
            write(self.sarif_file, json_.dumps(sarif.document(review), indent=2))
        if out.as_json:
            out.result(json_report.document(review), ())
        else:
            show(review)
        if review.exit_code:
            raise typer.Exit(review.exit_code)


def show(review: Review) -> None:
    """Print a review for people."""
    # https://no-color.org
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    # The texts are printable already; the colours are not.
    sys.stdout.write("".join(f"{line}\n" for line in terminal.lines(review, colour=colour)))


def read_acceptances(file: Path | None) -> list[Acceptance]:
    """Return the entries of an acceptance file.

    Raises:
        OperatorError: It cannot be read.

    """
    if file is None:
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} cannot be read: {error}", remedy="name a TOML file") from error
    return acceptance.read(text, where=str(file))


def write(file: Path, text: str) -> None:
    """Write a report.

    Raises:
        OperatorError: It cannot be written.

    """
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            f"{file} cannot be written: {error.strerror}",
            remedy="name a file in a folder that exists",
        ) from error
