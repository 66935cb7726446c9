"""The commands ``pipeline plan``, ``review``, ``apply`` and ``drift``."""

from __future__ import annotations

import dataclasses
import json as json_
import os
import re
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ops.common.command import command
from ops.common.confirmation import Consent, require_answerable, require_confirmation
from ops.common.errors import BadInputError, OperatorError
from ops.common.local_address import CHECKOUT
from ops.common.options import command_group
from ops.common.output import Output, table
from ops.pipeline import github
from ops.pipeline.applying import Applied, apply_all, require_accepted
from ops.pipeline.bundle import Bundle
from ops.pipeline.context import PIPELINE_EXIT_CODES, Pipeline, pipeline
from ops.pipeline.engine import HeldError
from ops.pipeline.planning import plan_all
from ops.review import acceptance, json_report, markdown, text
from ops.review.acceptance import Acceptances
from ops.review.outputs import (
    EXIT_CODES,
    AcceptanceFile,
    Outputs,
    ReviewCommand,
    read_acceptances,
    review_output,
    show,
    write,
)
from ops.review.plan import Json
from ops.review.report import Review, Stack
from ops.review.reviewing import judge
from ops.review.reviewing import review as reviewed

_DRIFT = 11
_REVIEW = "review.json"
_VERSION = re.compile(r'^ *version *= *"([^"]+)"', re.MULTILINE)
_FOLDER = Path("build") / "pipeline"
_ACCEPTED = CHECKOUT / "accepted-dangers.toml"

app = command_group()

Repository = Annotated[
    str | None,
    typer.Option(
        envvar="GITHUB_REPOSITORY", metavar="OWNER/NAME", help="The repository in GitHub."
    ),
]


@command(
    app,
    "plan",
    "pipeline plan --env dev",
    "pipeline plan --env dev --dry-run",
    context=pipeline,
    exit_codes=PIPELINE_EXIT_CODES
    | {1: "failure, or a plan failed; the others are planned", 5: "wrong account or Region"},
)
def plan(
    run: Pipeline,
    *,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help=f"Write ENV/{_REVIEW} there.")
    ] = _FOLDER,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan and review; store nothing.")
    ] = False,
) -> None:
    """Plan every layer of an environment for a review, and store the plans.

    The rights of the plan role suffice. A layer that needs outputs which do not exist yet is
    deferred until the layer that has them is applied. The review has no secrets; the plans do, and
    are stored encrypted beside the states. `pipeline apply` finds them by what they would apply.
    """
    run.synthesize()
    with run.display.live():
        bundle = plan_all(run.work, run.engine, run.display, keep=not dry_run)
    review = _review_of(bundle, Acceptances())
    file = folder / run.target.name / _REVIEW
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, json_.dumps(json_report.document(review), indent=2))
    failed = [one for one in bundle.planned if one.error]
    id_ = None if failed or dry_run else run.store.store(bundle)
    run.out.result(
        {"environment": run.target.name, "digest": bundle.digest, "id": id_, "review": str(file)},
        [*_summary(review), "", f"review: {file}", f"stored: {id_ or 'nothing'}"],
    )
    if failed:
        raise OperatorError(
            "\n".join(one.error for one in failed),
            remedy="correct it, and plan again; nothing was stored",
        )


@command(
    app,
    "review",
    "pipeline review",
    "pipeline review --markdown comment.md --full report.md",
    "pipeline review --comment 12 --repository our-company/co2-analysis",
    context=review_output,
    exit_codes=EXIT_CODES,
    cls=ReviewCommand,
)
def review(
    out: Output,
    outputs: Outputs,
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help=f"What `plan` wrote: ENV/{_REVIEW}.")
    ] = _FOLDER,
    acceptances: AcceptanceFile = None,
    comment: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", min=1, help="Write it as the one comment on this pull request."
        ),
    ] = None,
    repository: Repository = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="ENV", help="It must have been planned, too. Repeatable."),
    ] = None,
    commit: Annotated[str, typer.Option(metavar="TEXT", help="What was planned.")] = "",
) -> None:
    """Review the plans of all environments in one report.

    Dangers are accepted by the file accepted-dangers.toml in the checkout, or by another one. The
    comment is found again by a hidden marker, and edited; it needs the program gh, and its token.
    """
    into = None if comment is None else _named(repository)
    stacks = _read(folder, frozenset(expect or ()))
    found = dataclasses.replace(judge(stacks, _accepted(acceptances)), commit=commit)
    if comment is not None and into is not None:
        url = github.put_comment(into, comment, outputs.comment(found), user_environment=os.environ)
        out.note(f"commented: {url}")
    outputs.write(found, out)


@command(
    app,
    "apply",
    "pipeline apply --env dev --dry-run",
    "pipeline apply --env dev --yes",
    "pipeline apply --env prod --plan 20270131T120000Z-0123456789abcdef0123456789abcdef"
    " --confirm prod",
    context=pipeline,
    exit_codes=PIPELINE_EXIT_CODES
    | {10: "held: not reviewed, not as it was reviewed, or a danger is not accepted"},
)
def apply(
    run: Pipeline,
    consent: Consent,
    *,
    plan: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The stored plans to compare with; by default the newest."),
    ] = None,
    acceptances: AcceptanceFile = None,
    full: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole review as Markdown.")
    ] = None,
) -> None:
    """Apply what was reviewed of this checkout, and nothing else.

    What this checkout would apply must have been planned before. Each layer is planned anew, and
    its plan is applied only if it does what was reviewed; values that were not known at the review
    may be known now. Otherwise it holds and says what differs. Run again after an interruption, it
    makes the rest. The stored plans are deleted when all layers are applied.
    """
    if not consent.dry_run:
        require_answerable(run.target, consent)
    run.synthesize()
    id_, bundle = _stored(run, plan)
    accepted = _accepted(acceptances)
    result = _review_of(bundle, accepted)
    if full:
        write(full, markdown.full(result))
    if not run.out.as_json:
        show(result)
    run.out.lines(["", f"stored: {id_}"])
    require_accepted(result)
    applied: list[Applied] = []
    document = {
        "environment": run.target.name,
        "digest": bundle.digest,
        "id": None if consent.dry_run and _is_nothing(result) else id_,
    }
    try:
        if not consent.dry_run:
            what = f"apply these plans to {run.target.name}"
            require_confirmation(run.target, consent, what=what)
            with run.display.live():
                # What is applied before an error stays in the list.
                applied.extend(
                    apply_all(
                        run.work.stacks,
                        bundle,
                        run.engine,
                        run.display,
                        lock=_lock(run, bundle),
                        acceptances=accepted,
                    )
                )
            run.store.delete(bundle.digest)
    except HeldError as error:
        error.remedy = error.remedy or f"plan it anew for a review: {run.again()}"
        document["held"] = str(error)
        raise
    finally:
        if applied or consent.dry_run or "held" in document:
            run.out.result(
                {**document, "applied": [dataclasses.asdict(one) for one in applied]},
                [f"{one.stack}: {one.text}" for one in applied] or ["nothing was changed"],
            )


@command(
    app,
    "drift",
    "pipeline drift --env prod",
    "pipeline drift --env prod --markdown drift.md",
    "pipeline drift --env prod --issue --repository our-company/co2-analysis",
    context=pipeline,
    exit_codes=PIPELINE_EXIT_CODES | {11: "drift"},
)
def drift(
    run: Pipeline,
    *,
    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write the report as Markdown."),
    ] = None,
    issue: Annotated[
        bool,
        typer.Option("--issue", help="Keep one issue open in GitHub while there is drift."),
    ] = False,
    repository: Repository = None,
) -> None:
    """Report what was changed outside Terraform; change nothing.

    Drift is what an apply would undo. What Terraform does not set, such as a parameter of
    operators, is listed, too. The rights of the plan role suffice.
    """
    into = _named(repository) if issue else None
    run.synthesize()
    with run.display.live():
        bundle = plan_all(run.work, run.engine, run.display)
    failed = [one.error for one in bundle.planned if one.error]
    if failed:
        raise OperatorError("\n".join(failed), remedy="correct it, and run it again")
    found = _review_of(bundle, Acceptances())
    page = markdown.drift(found, run.target.name)
    drifted = _drift_of(found)
    if markdown_file:
        write(markdown_file, page)
    if into:
        _keep_issue(run, into, page if drifted else None)
    run.out.result({"environment": run.target.name, "drift": drifted}, page.splitlines())
    if drifted:
        raise typer.Exit(_DRIFT)


def _drift_of(review: Review) -> dict[str, list[Json]]:
    """Return what was changed outside Terraform and would be undone, by stack."""
    return {
        stack.name: [json_report.resource(one) for one in stack.undone]
        for stack in review.stacks
        if stack.undone
    }


def _is_nothing(review: Review) -> bool:
    return not any(stack.has_changes or stack.is_deferred for stack in review.stacks)


def _review_of(bundle: Bundle, acceptances: Acceptances) -> Review:
    return reviewed([one.source() for one in bundle.planned], acceptances)


def _summary(review: Review) -> Iterator[str]:
    yield from table(text.HEADER, text.matrix(review))
    yield ""
    yield review.verdict


def _accepted(file: Path | None) -> Acceptances:
    entries = read_acceptances(file or (_ACCEPTED if _ACCEPTED.exists() else None))
    return acceptance.sort_out(entries, datetime.now(tz=UTC).date())


def _read(folder: Path, expected: Set[str]) -> list[Stack]:
    """Return the stacks of all reviews in a folder; what is expected and missing has failed.

    Raises:
        OperatorError: There is none, one cannot be read, or two are about the same stack.

    """
    files = sorted(folder.glob(f"*/{_REVIEW}"))
    if not files and not expected:
        raise OperatorError(
            f"{folder} has no ENV/{_REVIEW}",
            remedy="plan first: python -m ops pipeline plan --env ENV",
        )
    found: list[Stack] = []
    for file in files:
        try:
            document = json_.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise OperatorError(
                f"{file} is not JSON: {error}", remedy="plan that environment again"
            ) from error
        found += json_report.read(document, str(file))
    names = [stack.name for stack in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OperatorError(
            f"there are several reviews of {', '.join(twice)}", remedy=f"clear {folder}"
        )
    missing = expected - {stack.environment for stack in found}
    return [*found, *map(_missing, sorted(missing))]


def _missing(environment: str) -> Stack:
    """Return what stands for an environment that was not planned."""
    problem = ("plan", "error", ("it was not planned: look at the log of its job",))
    return Stack(
        name=environment,
        environment=environment,
        layer="",
        source="",
        errored=True,
        failed_checks=(problem,),
    )


def _stored(run: Pipeline, wanted: str | None) -> tuple[str, Bundle]:
    """Return the stored plans to compare with, and their id.

    Raises:
        HeldError: This checkout was not reviewed, or not with this version of Terraform.

    """
    digest, again = run.work.digest, run.again()
    ids = run.store.find(digest)
    if not ids or wanted not in {None, *ids}:
        what = f"the plans {wanted} are not those" if wanted and ids else "no plans are stored"
        raise HeldError(
            f"{what} of what this checkout would apply to {run.target.name} (digest {digest[:12]})",
            remedy=f"plan and review it: {again}",
        )
    id_ = wanted or ids[0]
    bundle = run.store.load(digest, id_)
    if bundle is None:
        raise HeldError(f"the plans {id_} are gone", remedy=f"plan and review again: {again}")
    names = {one.stack for one in bundle.planned}
    if bundle.files != run.work.files or names != {stack.name for stack in run.work.stacks}:
        raise OperatorError(
            f"the plans {id_} are stored under a digest that is not theirs",
            remedy=f"look who wrote them; then plan and review again: {again}",
        )
    found = run.engine.terraform_version
    if bundle.terraform_version != found:
        raise HeldError(
            f"reviewed were plans of Terraform {bundle.terraform_version}, and this is {found}",
            remedy=f"use that version; or plan and review with this one: {again}",
        )
    return id_, bundle


def _lock(run: Pipeline, bundle: Bundle) -> str:
    """Return the lock file of the checkout, or else of what is chosen now: not what was stored.

    Raises:
        HeldError: Other providers were reviewed.

    """
    first = run.work.stacks[0]
    with run.display.step("init"):
        lock = run.engine.prepare(first, run.work.lock_file)
    chosen, reviewed = (sorted(_VERSION.findall(one)) for one in (lock, bundle.lock))
    if lock and bundle.lock and chosen != reviewed:
        raise HeldError(
            f"reviewed were plans of provider {', '.join(reviewed)}, and now {', '.join(chosen)} "
            "is chosen",
            remedy=f"commit a lock file (docs/pipelines.md), then plan and review: {run.again()}",
        )
    return lock


def _named(repository: str | None) -> str:
    if not repository or repository.count("/") != 1:
        raise BadInputError(
            "no repository was named",
            remedy="add --repository OWNER/NAME, or set GITHUB_REPOSITORY",
        )
    return repository


def _keep_issue(run: Pipeline, repository: str, page: str | None) -> None:
    """Open or edit the issue about drift, or close it if there is none any more."""
    key = f"drift:{run.target.name}"
    if page is None:
        url = github.close_issue(
            repository, key=key, comment="There is no drift any more.", user_environment=os.environ
        )
        if url:
            run.out.note(f"closed: {url}")
        return
    title = f"{run.target.name} was changed outside Terraform"
    url = github.put_issue(repository, title, page, key=key, user_environment=os.environ)
    run.out.note(f"reported: {url}")
