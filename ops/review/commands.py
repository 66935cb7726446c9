"""The command ``review``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ops.common.command import command
from ops.common.errors import OperatorError
from ops.common.options import command_group
from ops.common.output import Output
from ops.review import acceptance, sources
from ops.review.acceptance import Acceptance
from ops.review.outputs import (
    EXIT_CODES,
    AcceptanceFile,
    Outputs,
    ReviewCommand,
    read_acceptances,
    review_output,
)
from ops.review.report import Review
from ops.review.reviewing import review as reviewed

app = command_group()


@command(
    app,
    "review",
    "review build/plans",
    "review dev-storage.tfplan --accept dev-storage/aws_s3_bucket.geojson:destroy",
    "review build/plans --markdown comment.md --full report.md --sarif review.sarif",
    context=review_output,
    exit_codes=EXIT_CODES,
    cls=ReviewCommand,
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
    outputs: Outputs,
    *,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="[STACK/]ADDRESS:KIND", help="Accept a danger. Repeatable."),
    ] = None,
    acceptances: AcceptanceFile = None,
) -> None:
    """Review Terraform plans: what changes, what of it is dangerous, who may do what.

    Stacks are named like their files or folders. Secrets are masked, also where a provider does not
    mark them. The format of an acceptance file is in docs/plan-review.md.
    """
    options = acceptance.parse(accept or ())
    entries = [*options, *read_acceptances(acceptances)]
    today = datetime.now(tz=UTC).date()
    result = reviewed(sources.load(plans), acceptance.sort_out(entries, today))
    for option in options:
        _require_one_stack(option, result)
    outputs.write(result, out)


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
