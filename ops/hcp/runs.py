"""Runs of the workspaces through the API, one after another in the order of the graph."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pytfe.models import Run
from pytfe.models.plan import Plan

from ops.common.confirmation import Consent, is_confirmed, require_confirmation
from ops.common.errors import BadInputError, OperatorError, RefusedError
from ops.hcp.context import HcpContext
from ops.hcp.reading import has_state
from ops.hcp.wanted import read_workspaces
from ops.hcp.workspace_runs import (
    WorkspaceRuns,
    find_workspace,
    find_workspace_if_any,
    is_confirmable,
    own_workspace,
    require_remote,
    status_of,
)
from ops.terraform.stacks import Stack


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a layer: planned, applied, unchanged, or deferred, with the reason."""

    layer: str
    outcome: str
    add: int = 0
    change: int = 0
    destroy: int = 0
    run: str = ""
    reason: str = ""

    @property
    def line(self) -> str:
        """The result in a line."""
        counts = f"{self.add} to add, {self.change} to change, {self.destroy} to destroy"
        if self.outcome == "applied":
            counts = f"{self.add} added, {self.change} changed, {self.destroy} destroyed"
        if self.outcome == "unchanged":
            return f"{self.layer}: no changes"
        return f"{self.layer}: {self.outcome}: {self.reason or counts}"

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be run: ``stacks`` in their order."""

    stacks: Sequence[Stack]
    apply: bool
    destroy: bool
    consent: Consent


def require_possible(hcp: HcpContext, request: Request) -> None:
    """Raise if the request can be refused before a run has the lock of a workspace.

    Raises:
        BadInputError: The confirmation is wrong, or a layer that stays reads one to be destroyed.
        RefusedError: The confirmation is not enough.

    """
    target, consent = hcp.target, request.consent
    confirmed = is_confirmed(target, consent)
    if request.apply and consent.yes and not confirmed and not sys.stdin.isatty():
        raise RefusedError(
            f"--yes is not enough for {target.name}, which retains its data",
            remedy=f"add --confirm {target.name}; or leave out --yes to approve in HCP Terraform",
        )
    if request.apply and request.destroy:
        _require_no_readers(hcp, request)


def drive(hcp: HcpContext, request: Request) -> Iterator[Result]:
    """Run the stacks one after another and yield what became of each.

    Raises:
        OperatorError: A run failed or was abandoned; those after it were not started.

    """
    results: dict[str, Result] = {}
    for stack in request.stacks:
        reason = None if request.destroy else _not_yet(hcp, stack)
        if reason and request.apply:
            raise BadInputError(
                f"{stack.name} cannot be applied: {reason}",
                remedy="apply that layer first: leave out --layer",
            )
        if reason:
            result = Result(layer=stack.name, outcome="deferred", reason=reason)
        else:
            result = _Driver(hcp, stack, request).run(
                {name: one for name, one in results.items() if name in stack.needs}
            )
        results[stack.name] = result
        hcp.out.lines([result.line])
        yield result


def _require_no_readers(hcp: HcpContext, request: Request) -> None:
    """Raise if a layer that stays reads the state of one that is to be destroyed."""
    destroyed = {own_workspace(stack): stack.name for stack in request.stacks}
    for stack in hcp.stacks:
        name = own_workspace(stack)
        read = sorted(read_workspaces(stack) & destroyed.keys())
        if name in destroyed or not read:
            continue
        reader = find_workspace_if_any(hcp, name)
        if reader is not None and reader.resource_count:
            raise BadInputError(
                f"{destroyed[read[0]]} cannot be destroyed: {name} reads its state, and has "
                f"{reader.resource_count} resources",
                remedy=f"destroy {stack.name} first: add its --layer, or leave out --layer",
            )


def _not_yet(hcp: HcpContext, stack: Stack) -> str | None:
    """Return why a stack cannot be planned yet: a state that it reads is empty."""
    for name in sorted(read_workspaces(stack)):
        workspace = find_workspace(hcp, name)
        if not has_state(workspace) or workspace.resource_count == 0:
            return f"it reads the state of {name}, which is not applied yet"
    return None


class _Driver:
    """One run of one stack."""

    def __init__(self, hcp: HcpContext, stack: Stack, request: Request) -> None:
        self._hcp = hcp
        self._stack = stack
        self._request = request
        self._runs = WorkspaceRuns(hcp, stack)
        self._message = f"ops hcp run --env {hcp.target.name}"

    def run(self, before: Mapping[str, Result]) -> Result:
        """Run it to its end; ``before`` has the results of the layers that it needs."""
        self._require_runs()
        version = self._runs.upload(speculative=not self._request.apply)
        with self._runs.stopped_by_signals(version):
            run = self._runs.start(version, **self._options())
            run, plan = self._runs.follow_plan(run)
            if (
                status_of(run) == "errored"
                and not self._request.apply
                and self._runs.has_missing_output
            ):
                unapplied = sorted(
                    name for name, one in before.items() if one.outcome in {"planned", "deferred"}
                )
                if unapplied:
                    return self._result(
                        run,
                        "deferred",
                        plan,
                        reason=f"it needs outputs of {', '.join(unapplied)}, which is not applied",
                    )
            self._runs.require_success(run, "plan")
            if not self._request.apply or status_of(run) == "planned_and_finished":
                return self._result(run, "planned" if _has_changes(plan) else "unchanged", plan)
            run = self._approved(run)
            run = self._runs.follow_apply(run)
        self._runs.require_success(run, "apply")
        return self._result(run, "applied", plan)

    def _options(self) -> dict[str, bool | str]:
        applies, destroys = self._request.apply, self._request.destroy
        return {
            "plan_only": not applies,
            "is_destroy": destroys,
            # Otherwise a workspace that was changed by hand could apply without an approval.
            "auto_apply": self._hcp.settings.auto_apply and applies and not destroys,
            "message": self._message,
        }

    def _require_runs(self) -> None:
        workspace, name = self._runs.workspace, self._runs.workspace.name
        require_remote(workspace)
        if workspace.vcs_repo and self._request.apply:
            raise BadInputError(
                f"{name} is connected to {workspace.vcs_repo.identifier}, which is all it applies",
                remedy="push the stacks there; `ops hcp run` can plan them before",
            )
        # A speculative plan waits for nobody.
        if self._request.apply:
            self._runs.make_way(lambda run: run.message == self._message)

    def _approved(self, run: Run) -> Run:
        """Return the run after its approval: here, or in HCP Terraform."""
        if not is_confirmable(run):
            return run
        consent, target = self._request.consent, self._hcp.target
        if not is_confirmed(target, consent) and not sys.stdin.isatty():
            self._hcp.out.note(f"{self._stack.name}: waits for an approval: {self._runs.url(run)}")
            return self._runs.wait(run, until=lambda one: not is_confirmable(one))
        verb = "destroy" if self._request.destroy else "apply"
        try:
            require_confirmation(target, consent, what=f"{verb} {self._stack.name} as planned")
        except OperatorError:
            self._runs.discard(run)
            raise
        # A run that was approved in HCP Terraform meanwhile cannot be approved again.
        if is_confirmable(self._runs.read(run)):
            self._runs.apply(run)
        return run

    def _result(self, run: Run, outcome: str, plan: Plan, *, reason: str = "") -> Result:
        return Result(
            layer=self._stack.name,
            outcome=outcome,
            add=plan.resource_additions or 0,
            change=plan.resource_changes or 0,
            destroy=plan.resource_destructions or 0,
            run=self._runs.url(run),
            reason=reason,
        )


def _has_changes(plan: Plan) -> bool:
    return bool(plan.has_changes)
