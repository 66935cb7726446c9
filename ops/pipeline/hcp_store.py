"""Bundles in HCP Terraform: the saved-plan runs of one `plan`, found again by their message.

Nothing else is stored. Everybody who may plan in a workspace can write such a message; the plan of
the run is HCP Terraform's own, and an apply only compares with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from pytfe.models import CommentCreateOptions, Run, RunListOptions

from ops.common.errors import MissingError, OperatorError
from ops.hcp import downloads
from ops.hcp.context import HcpContext
from ops.hcp.workspace_runs import APPLYING, is_discardable, status_of
from ops.pipeline import hcp_message
from ops.pipeline.bundle import Bundle, Planned
from ops.pipeline.deferral import Deferral, deferrals, read_outputs
from ops.pipeline.engine import HeldError
from ops.pipeline.hcp_engine import TIME, HcpEngine
from ops.pipeline.hcp_message import Message
from ops.pipeline.work import Work
from ops.terraform.stacks import Stack

# Of a workspace: so many saved plans are looked at.
_MOST_RUNS = 200
_PAGE = 100
_DISCARDED = "discarded"
_PLANNED = {"planned_and_saved", "planned_and_finished", "applied", *APPLYING}
# A comment on the first run of a bundle. Those that are applied cannot be discarded.
_DONE = "ops pipeline: all layers are applied as they were planned here"

_Found = tuple[Message, Run]


class HcpStore:
    """The saved-plan runs of an environment."""

    def __init__(self, hcp: HcpContext, work: Work, engine: HcpEngine) -> None:
        self._hcp = hcp
        self._client = hcp.client
        self._work = work
        self._engine = engine

    def store(self, one: Bundle) -> str:  # noqa: ARG002 - the runs have it
        """Leave the runs, and return their id."""
        self._engine.keep()
        return self._engine.id

    def find(self, digest: str) -> list[str]:
        """Return the ids of the bundles of a digest, the newest first."""
        return sorted(self._bundles(digest), reverse=True)

    def load(self, digest: str, id_: str) -> Bundle | None:
        """Return a bundle, None if there is none; what is planned now is for its apply."""
        runs = self._bundles(digest).get(id_)
        if runs is None:
            return None
        stacks = self._work.stacks
        waits = deferrals(stacks, {one.name: self._engine.state(one) for one in stacks})
        self._engine.compare_with(
            id_, {name: run.terraform_version or "" for name, (_, run) in runs.items()}
        )
        return Bundle(
            environment=self._work.target.name,
            digest=digest,
            created=datetime.strptime(id_.partition("-")[0], TIME).replace(tzinfo=UTC),
            terraform_version=self._engine.terraform_version,
            lock=self._work.lock_file or "",
            planned=[
                self._planned(one, *runs[one.name])
                if one.name in runs
                else Planned(stack=one.name, deferral=waits.get(one.name) or _waited(one))
                for one in stacks
            ],
            files=self._work.files,
        )

    def delete(self, digest: str) -> None:
        """Discard the plans of a digest, and mark them as used."""
        bundles = self._bundles(digest)
        try:
            for runs in bundles.values():
                _, first = next(iter(runs.values()))
                self._client.create(
                    "comment on the run",
                    partial(
                        self._client.tfe.comments.create,
                        first.id,
                        CommentCreateOptions(body=_DONE),
                    ),
                )
            for stack in self._work.stacks:
                for message, run in self._saved(stack):
                    if message.digest == digest and is_discardable(run):
                        self._client.read(
                            "discard the run", partial(self._client.tfe.runs.discard, run.id)
                        )
        except OperatorError as error:
            # All is applied, and an apply of the same once more would find nothing to do.
            self._hcp.out.note(f"the reviewed plans stay in HCP Terraform: {error}")

    def _planned(self, stack: Stack, message: Message, run: Run) -> Planned:
        assert run.plan  # noqa: S101 - each run has one
        try:
            state = self._engine.revision(stack, message.state)
        except MissingError as error:
            raise HeldError(
                f"{stack.name} was planned against a state that HCP Terraform keeps no longer",
                remedy="plan and review it again",
            ) from error
        document = downloads.plan(self._client, run.plan.id, stack.name)
        return Planned(stack=stack.name, json=document, state=state)

    def _bundles(self, digest: str) -> dict[str, dict[str, _Found]]:
        """Return the runs of the complete bundles of a digest, by id and stack."""
        found: dict[str, dict[str, _Found]] = defaultdict(dict)
        for stack in self._work.stacks:
            current = self._engine.current(stack)
            for message, run in self._saved(stack):
                is_reviewed = message.verb == "plan" and message.digest == digest
                if is_reviewed and _is_there(message, run, current):
                    found[message.id].setdefault(stack.name, (message, run))
        # A plan that failed or was stopped has fewer runs than it meant to start.
        return {
            id_: runs
            for id_, runs in found.items()
            if all(message.count == len(runs) for message, _ in runs.values())
            and not self._is_done(next(iter(runs.values()))[1])
        }

    def _saved(self, stack: Stack) -> Iterator[_Found]:
        """Yield the saved-plan runs of the pipeline in a workspace, the newest first."""
        workspace = self._engine.workspace(stack)
        options = RunListOptions.model_validate({"operation": "save_plan", "page_size": _PAGE})
        listed = self._client.read(
            f"list the runs of {workspace.name}",
            lambda: list(islice(self._client.tfe.runs.list(workspace.id, options), _MOST_RUNS)),
        )
        for run in listed:
            message = hcp_message.read(run.message)
            if message is not None:
                yield message, run

    def _is_done(self, run: Run) -> bool:
        comments = self._client.read(
            "read the comments on the run", lambda: list(self._client.tfe.comments.list(run.id))
        )
        return any(one.body == _DONE for one in comments)


def _waited(stack: Stack) -> Deferral:
    """Return for what a stack probably had to wait; now it has everything."""
    reason = "it could not be planned when the others were"
    return Deferral(until=tuple(sorted(read_outputs(stack))), reason=reason)


def _is_there(message: Message, run: Run, current: str | None) -> bool:
    """Return whether a run has a plan that nobody has rejected.

    HCP Terraform discards a saved plan as soon as the state is another one. If the state is still
    the same, somebody discarded the plan, or it is too old.
    """
    status = status_of(run)
    return status in _PLANNED or (status == _DISCARDED and message.state != current)
