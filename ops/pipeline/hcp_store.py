"""Bundles in HCP Terraform: the saved-plan runs of one `plan`, found again by their message.

Nothing else is stored. Everybody who may plan in a workspace can write such a message; the plan of
the run is HCP Terraform's own, and an apply only compares with it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TypeAlias

from pytfe.models import CommentCreateOptions, Run, RunListOptions, StateVersion

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
# Comments on the first run of a bundle: a plan that failed or was stopped may leave runs that no
# token of a pull request can discard, and those that are applied cannot be discarded.
_COMPLETE = "ops pipeline: all layers are planned, for a review"
_DONE = "ops pipeline: all layers are applied as they were planned here"

_Found: TypeAlias = tuple[Message, Run]
# By stack, in the order of the layers.
_Runs: TypeAlias = Mapping[str, _Found]


class HcpStore:
    """The saved-plan runs of an environment."""

    def __init__(self, hcp: HcpContext, work: Work, engine: HcpEngine) -> None:
        self._hcp = hcp
        self._client = hcp.client
        self._work = work
        self._engine = engine

    def store(self, one: Bundle) -> str:
        """Leave the runs, and return their id."""
        begun = self._engine.id
        (id_, runs), *_ = [
            (id_, runs)
            for id_, runs in self._candidates(one.digest).items()
            if id_.partition(".")[0] == begun
        ]
        self._comment(runs, _COMPLETE)
        self._engine.keep()
        return id_

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
        try:
            for runs in self._bundles(digest).values():
                self._comment(runs, _DONE)
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

    def _bundles(self, digest: str) -> dict[str, _Runs]:
        """Return the runs of the complete bundles of a digest, by id and stack."""
        found = {}
        for id_, runs in self._candidates(digest).items():
            comments = self._comments(runs)
            if _COMPLETE in comments and _DONE not in comments:
                found[id_] = runs
        return found

    def _candidates(self, digest: str) -> dict[str, _Runs]:
        """Return the runs that may be bundles of a digest.

        An id ends with a digest of the runs: whoever approves it approves no run that somebody
        starts later with the same message.
        """
        found: dict[str, dict[str, list[_Found]]] = defaultdict(lambda: defaultdict(list))
        for stack in self._work.stacks:
            current = self._engine.current(stack)
            for message, run in self._saved(stack):
                is_reviewed = message.verb == "plan" and message.digest == digest
                if is_reviewed and _is_there(message, run, current):
                    found[message.id][stack.name].append((message, run))
        return dict(
            _identified(id_, {name: one for name, (one,) in runs.items()})
            for id_, runs in found.items()
            # Two runs of a stack: somebody else started one of them.
            if all(len(same) == 1 for same in runs.values())
            # A plan that failed or was stopped has fewer runs than it meant to start.
            and all(one.count == len(runs) for same in runs.values() for one, _ in same)
        )

    def _comment(self, runs: _Runs, text: str) -> None:
        self._client.create(
            "comment on the run",
            partial(
                self._client.tfe.comments.create,
                _first(runs).id,
                CommentCreateOptions(body=text),
            ),
        )

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

    def _comments(self, runs: _Runs) -> set[str]:
        first = _first(runs).id
        found = self._client.read(
            "read the comments on the run", lambda: list(self._client.tfe.comments.list(first))
        )
        return {str(one.body) for one in found}


def _waited(stack: Stack) -> Deferral:
    """Return for what a stack probably had to wait; now it has everything."""
    reason = "it could not be planned when the others were"
    return Deferral(until=tuple(sorted(read_outputs(stack))), reason=reason)


def _first(runs: _Runs) -> Run:
    """Return the run of the first layer, which has the comments."""
    return next(iter(runs.values()))[1]


def _identified(id_: str, runs: _Runs) -> tuple[str, _Runs]:
    known = hashlib.sha256("".join(sorted(run.id for _, run in runs.values())).encode())
    return f"{id_}.{known.hexdigest()[:16]}", runs


def _is_there(message: Message, run: Run, current: StateVersion | None) -> bool:
    """Return whether a run has a plan that nobody has rejected.

    HCP Terraform discards a saved plan as soon as there is another state. If it was discarded
    before that, somebody did it, or it was too old.
    """
    if status_of(run) != _DISCARDED:
        return status_of(run) in _PLANNED
    times = run.status_timestamps
    return bool(
        current
        and current.id != message.state
        and current.created_at
        and times
        and times.discarded_at
        and times.discarded_at >= current.created_at
    )
