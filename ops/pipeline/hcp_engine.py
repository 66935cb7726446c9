"""HCP Terraform as what plans and applies: in runs of the workspaces.

A plan for a bundle is a saved-plan run. So is that of an apply, which is confirmed once it was
compared; the run of a pull request never is. Whatever else is planned is a speculative run.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pytfe.models import ConfigurationVersion, Run, StateVersion, Workspace

from ops.common.errors import BadInputError, BusyError, OperatorError
from ops.common.output import Output, printable
from ops.hcp import downloads
from ops.hcp.client import Client
from ops.hcp.context import HcpContext
from ops.hcp.workspace_runs import (
    APPLYING,
    AbandonedError,
    WorkspaceRuns,
    find_workspace,
    own_workspace,
    require_remote,
    status_of,
)
from ops.pipeline import hcp_message
from ops.pipeline.deferral import deferrals
from ops.pipeline.engine import HeldError, Made, Say
from ops.pipeline.hcp_message import Message
from ops.pipeline.prediction import does_anything
from ops.pipeline.work import Work
from ops.terraform.runner import LOCK_FILE, Changes
from ops.terraform.stacks import Stack
from ops.terraform.states import State, parse

TIME = "%Y%m%dT%H%M%S%fZ"

_SAVED = "planned_and_saved"
_MOST_LINES = 15
# What Terraform says of a workspace that does not share its state with the one of the run.
_NOT_SHARED = "error loading the remote state"


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """A configuration whose run is not of use yet, or not any more if the command ends now."""

    stack: Stack
    version: ConfigurationVersion
    client: Client


class HcpEngine:
    """Runs of the workspaces of one environment.

    ``id`` is shared by the runs of this command.
    """

    # Each run is compared with that of the review instead: a workspace may have a range.
    terraform_version = "of the workspaces"

    def __init__(self, hcp: HcpContext, work: Work) -> None:
        self.id = f"{datetime.now(tz=UTC):{TIME}}-{secrets.token_hex(8)}"
        self._hcp = hcp
        self._work = work
        self._workspaces: dict[str, Workspace] = {}
        # By identity: a state in HCP Terraform is never changed.
        self._states: dict[str, State | None] = {}
        self._current: dict[str, str | None] = {}
        self._reviewed: Mapping[str, str] | None = None
        # What the threads share, and whether they may begin anything.
        self._lock = threading.Lock()
        self._stopped = False
        self._begun: dict[str, _Begun] = {}
        self._made: dict[str, tuple[HcpContext, Run]] = {}

    def workspace(self, stack: Stack) -> Workspace:
        """Return the workspace of a stack.

        Raises:
            MissingError: It does not exist.
            BadInputError: It does not run what is uploaded.

        """
        if stack.name not in self._workspaces:
            found = find_workspace(self._hcp, own_workspace(stack))
            require_remote(found)
            if found.vcs_repo:
                raise BadInputError(
                    f"{found.name} is connected to {found.vcs_repo.identifier}, which is all it "
                    "applies",
                    remedy="disconnect it in HCP Terraform; or push the stacks there, instead of "
                    "`ops pipeline`",
                )
            self._workspaces[stack.name] = found
        return self._workspaces[stack.name]

    def state(self, stack: Stack) -> State | None:
        """Read the state of the workspace."""
        version = self.current(stack)
        id_ = version.id if version else None
        self._current[stack.name] = id_
        return self.revision(stack, id_)

    def current(self, stack: Stack) -> StateVersion | None:
        """Return the state that the workspace has now."""
        return downloads.current_state(self._hcp.client, self.workspace(stack).id, stack.name)

    def revision(self, stack: Stack, id_: str | None) -> State | None:
        """Return a state of a stack, be it the current one or not."""
        if id_ is None:
            return None
        if id_ not in self._states:
            content = downloads.state(self._hcp.client, id_, stack.name)
            self._states[id_] = parse(content, f"the state {id_} of {stack.name}")
        return self._states[id_]

    def prepare(self, stack: Stack, lock: str | None) -> str:
        """Lay the lock file beside the stack, with which it is uploaded."""
        if lock:
            (stack.folder / LOCK_FILE).write_text(lock, encoding="utf-8")
        return lock or ""

    def plan(self, stack: Stack, say: Say, *, keep: bool = False) -> Made:
        """Plan in a run: saved for a bundle or an apply, else speculative.

        Raises:
            BusyError: The workspace is locked, and this is an apply.
            HeldError: Somebody discarded the run, or it used another version of Terraform.
            OperatorError: The plan failed.

        """
        saves = keep or self._reviewed is not None
        out = _Quiet(stack.name, say)
        hcp = replace(self._hcp, out=out)
        runs = WorkspaceRuns(hcp, stack)
        if self._reviewed is not None:
            runs.make_way(_is_apply)
        # Otherwise what a pull request plans would become what run triggers apply.
        version = runs.upload(provisional=saves, speculative=not saves)
        options = {"save_plan": True, "auto_apply": False} if saves else {"plan_only": True}
        with self._lock:
            if self._stopped:
                raise OperatorError("stopped")
            self._begun[version.id] = _Begun(stack=stack, version=version, client=hcp.client)
            run = runs.start(version, message=self._message(stack, keep=keep), **options)
        run, plan = runs.follow_plan(run)
        self._require_success(runs, run, "plan", out)
        self._require_same_version(stack, run)
        if status_of(run) != _SAVED:
            # There is nothing to discard.
            self._begun.pop(version.id, None)
        self._made[run.id] = hcp, run
        made = Made(json=downloads.plan(hcp.client, plan.id, stack.name), handle=run.id)
        if plan.has_changes and not does_anything(made.plan):
            raise OperatorError(
                f"{stack.name}: {runs.url(run)} has changes, and its plan as JSON has none",
                remedy="review it in HCP Terraform; its format is one that this command knows not",
            )
        return made

    def apply(self, stack: Stack, made: Made, *, changes: int, say: Say) -> Changes:
        """Confirm the run, and follow it.

        Raises:
            BusyError: The workspace is locked.
            HeldError: Somebody discarded the run, or the state has changed.
            OperatorError: The apply failed.

        """
        context, run = self._made.pop(made.handle)
        out = _Quiet(stack.name, say)
        hcp = replace(context, out=out)
        runs = WorkspaceRuns(hcp, stack)
        run = runs.read(run)
        if status_of(run) == _SAVED:
            # A run that has the lock would have to be confirmed before this one begins.
            runs.make_way(_is_apply)
            say(f"applying {changes} changes: {runs.url(run)}")
            try:
                runs.apply(run)
            except BusyError:
                run = runs.read(run)
                self._require_success(runs, run, "plan", out)
                # The answer to the confirmation was lost, and it was repeated.
                if status_of(run) not in {*APPLYING, "applied"}:
                    raise
        if status_of(run) == "planned_and_finished":
            raise OperatorError(
                f"{stack.name}: HCP Terraform applies nothing of {runs.url(run)}, whose plan has "
                f"{changes} changes",
                remedy="run it again; if it stays so, apply that run in HCP Terraform",
            )
        run = runs.follow_apply(run)
        self._require_success(runs, run, "apply", out)
        if run.configuration_version:
            self._begun.pop(run.configuration_version.id, None)
        assert run.apply  # noqa: S101 - each run has one
        id_ = run.apply.id
        done = hcp.client.read(
            f"read the apply of {stack.name}", lambda: hcp.client.tfe.applies.read(id_)
        )
        return Changes(
            added=done.resource_additions or 0,
            changed=done.resource_changes or 0,
            destroyed=done.resource_destructions or 0,
        )

    def stop(self) -> None:
        """Discard or cancel what is planned, and leave an apply to HCP Terraform."""
        self._stopped = True
        # Whoever has the lock is starting a run; another one may have waited for it.
        self._stop_clients()
        with self._lock:
            self._stop_clients()
        self._abandon(self._hcp.out.note)

    def close(self) -> None:
        """Discard the plans that nobody will ask for, and name the runs that go on."""
        self._abandon(lambda line: self._hcp.out.note(line) if "goes on" in line else None)

    def keep(self) -> None:
        """Leave the plans for whoever finds them by their message."""
        self._begun.clear()

    def compare_with(self, id_: str, versions: Mapping[str, str]) -> None:
        """Plan for an apply from now on; ``versions`` are those of the reviewed runs, by stack."""
        self.id = id_.partition(".")[0]
        self._reviewed = versions

    def _stop_clients(self) -> None:
        for one in list(self._begun.values()):
            one.client.stop()

    def _abandon(self, note: Say) -> None:
        for one in list(self._begun.values()):
            try:
                done = WorkspaceRuns(self._hcp, one.stack).abandon(one.version)
            except OperatorError as error:
                # Who may only plan can neither discard nor cancel.
                done = f"its run goes on: {error}"
            note(f"{one.stack.name}: {done}")
        self._begun.clear()

    def _message(self, stack: Stack, *, keep: bool) -> str:
        if not keep and self._reviewed is None:
            return f"ops pipeline, a plan of {self._work.target.name} that nobody can apply"
        states = {
            one.name: self.revision(one, self._current.get(one.name)) for one in self._work.stacks
        }
        return Message(
            verb="plan" if keep else "apply",
            digest=self._work.digest,
            id=self.id,
            count=len(states) - len(deferrals(self._work.stacks, states)),
            state=self._current.get(stack.name),
        ).text

    def _require_success(self, runs: WorkspaceRuns, run: Run, what: str, out: _Quiet) -> None:
        try:
            runs.require_success(run, what)
        except AbandonedError as error:
            raise HeldError(
                str(error), remedy="run it again; if somebody discarded it, ask them why"
            ) from error
        except OperatorError as error:
            reason = out.reason()
            if _NOT_SHARED in reason:
                sync = f"python -m ops hcp sync --env {self._work.target.name}"
                reason += f"\n{sync} lets it read that state"
            raise OperatorError(
                f"{error}\n{reason}", remedy="correct it, and run it again"
            ) from error

    def _require_same_version(self, stack: Stack, run: Run) -> None:
        before = (self._reviewed or {}).get(stack.name)
        if before and run.terraform_version and before != run.terraform_version:
            raise HeldError(
                f"{stack.name}: reviewed was a plan of Terraform {before}, and this run used "
                f"{run.terraform_version}",
                remedy="set the reviewed version in the workspaces; or plan and review again",
            )


class _Quiet(Output):
    """Says the status of the runs of one stack, and keeps their logs for errors."""

    def __init__(self, stack: str, say: Say) -> None:
        super().__init__(as_json=False)
        self._prefix = f"{stack}: "
        self._say = say
        self._log: list[str] = []

    def note(self, line: str) -> None:
        self._say(line.removeprefix(self._prefix))

    def lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.startswith(self._prefix):
                self.note(line)
            else:
                self._log.append(printable(line))

    def reason(self) -> str:
        """Return what the log says about a failure."""
        errors = (number for number, line in enumerate(self._log) if "Error: " in line)
        first = next(errors, max(0, len(self._log) - _MOST_LINES))
        shown = [line for line in self._log[first:] if line.strip(" │╷╵")]
        return "\n".join(shown[:_MOST_LINES])


def _is_apply(run: Run) -> bool:
    message = hcp_message.read(run.message)
    return message is not None and message.verb == "apply"
