"""Runs of the workspaces through the API, one after another in the order of the graph."""

from __future__ import annotations

import gzip
import io
import signal
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from types import FrameType

from pytfe.models import (
    ConfigurationVersion,
    ConfigurationVersionCreateOptions,
    Run,
    RunCreateOptions,
    RunSource,
    Workspace,
    WorkspaceIncludeOpt,
    WorkspaceReadOptions,
)
from pytfe.models.plan import Plan

from ops.common.confirmation import Consent, is_confirmed, require_confirmation
from ops.common.errors import (
    BadInputError,
    BusyError,
    MissingError,
    OperatorError,
    RefusedError,
    StoppedError,
)
from ops.hcp import logs
from ops.hcp.context import HcpContext
from ops.hcp.reading import has_state
from ops.hcp.wanted import read_workspaces
from ops.terraform.stacks import Stack

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0
# Runs of a workspace that are looked at for those in its queue, and readings before it is said
# that a run waits in it.
_QUEUE = 20
_PATIENCE = 6
_FAILED = {"errored", "canceled", "discarded", "policy_soft_failed"}
_FINISHED = {"applied", "planned_and_finished", "planned_and_saved", *_FAILED}
_BEFORE_PLAN = {"pending", "fetching", "fetching_completed", "queuing", "pre_plan_running",
                "pre_plan_completed", "plan_queued"}  # fmt: skip
_APPLYING = {"confirmed", "queuing_apply", "apply_queued", "pre_apply_running",
             "pre_apply_completed", "applying"}  # fmt: skip
# What Terraform says where a state has no output of that name.
_MISSING_OUTPUT = "Unsupported attribute"


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the command like Ctrl-C."""


class ApplyFailedError(OperatorError):
    """An apply failed; a part of its changes may have been made."""

    exit_code = 8


class AbandonedError(OperatorError):
    """Somebody discarded or cancelled the run in HCP Terraform."""

    exit_code = 9


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
    destroyed = {_own_workspace(stack): stack.name for stack in request.stacks}
    for stack in hcp.stacks:
        name = _own_workspace(stack)
        read = sorted(read_workspaces(stack) & destroyed.keys())
        if name in destroyed or not read:
            continue
        reader = _workspace_if_exists(hcp, name)
        if reader is not None and reader.resource_count:
            raise BadInputError(
                f"{destroyed[read[0]]} cannot be destroyed: {name} reads its state, and has "
                f"{reader.resource_count} resources",
                remedy=f"destroy {stack.name} first: add its --layer, or leave out --layer",
            )


def _not_yet(hcp: HcpContext, stack: Stack) -> str | None:
    """Return why a stack cannot be planned yet: a state that it reads is empty."""
    for name in sorted(read_workspaces(stack)):
        workspace = _workspace(hcp, name)
        if not has_state(workspace) or workspace.resource_count == 0:
            return f"it reads the state of {name}, which is not applied yet"
    return None


def _workspace_if_exists(hcp: HcpContext, name: str) -> Workspace | None:
    options = WorkspaceReadOptions(include=[WorkspaceIncludeOpt.LOCKED_BY])
    return hcp.client.read_if_exists(
        f"read the workspace {name}",
        lambda: hcp.client.tfe.workspaces.read_with_options(
            name, options, organization=hcp.settings.organization
        ),
    )


def _workspace(hcp: HcpContext, name: str) -> Workspace:
    found = _workspace_if_exists(hcp, name)
    if found is None:
        raise MissingError(
            f"the workspace {name} does not exist in {hcp.settings.organization}",
            remedy=f"python -m ops hcp sync --env {hcp.target.name}",
        )
    return found


def holder(workspace: Workspace) -> str:
    """Return who locked a workspace, and why, as far as HCP Terraform says."""
    who = "somebody"
    for one in workspace.related("locked-by"):
        name = one.get("attributes", {}).get("username") or one.get("id")
        who = f"the {str(one.get('type', '')).removesuffix('s')} {name}"
    return f"{who} ({workspace.locked_reason})" if workspace.locked_reason else who


class _Driver:
    """One run of one stack."""

    def __init__(self, hcp: HcpContext, stack: Stack, request: Request) -> None:
        self._hcp = hcp
        self._client = hcp.client
        self._tfe = hcp.client.tfe
        self._stack = stack
        self._request = request
        self._workspace = _workspace(hcp, _own_workspace(stack))
        self._has_missing_output = False
        self._message = f"ops hcp run --env {hcp.target.name}"

    def run(self, before: Mapping[str, Result]) -> Result:
        """Run it to its end; ``before`` has the results of the layers that it needs."""
        self._require_runs()
        version = self._upload()
        with self._stopped_by_signals(version):
            run = self._start(version)
            run, plan = self._follow_plan(run)
            if _status(run) == "errored" and not self._request.apply and self._has_missing_output:
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
            self._require_success(run, "plan")
            if not self._request.apply or _status(run) == "planned_and_finished":
                return self._result(run, "planned" if _has_changes(plan) else "unchanged", plan)
            run = self._approved(run)
            run = self._follow_apply(run)
        self._require_success(run, "apply")
        return self._result(run, "applied", plan)

    def _require_runs(self) -> None:
        workspace, name = self._workspace, self._workspace.name
        if workspace.execution_mode and workspace.execution_mode.value == "local":
            raise BadInputError(
                f"{name} has local execution, so HCP Terraform runs nothing in it",
                remedy='set execution_mode = "remote" and run `ops hcp sync`, or use terraform',
            )
        if workspace.vcs_repo and self._request.apply:
            raise BadInputError(
                f"{name} is connected to {workspace.vcs_repo.identifier}, which is all it applies",
                remedy="push the stacks there; `ops hcp run` can plan them before",
            )
        # A speculative plan waits for nobody.
        if workspace.locked and self._request.apply and not self._discard_unattended():
            raise BusyError(
                f"{name} is locked by {holder(workspace)}",
                remedy="wait for it, or ask them to unlock the workspace in HCP Terraform",
            )

    def _discard_unattended(self) -> bool:
        """Discard the runs of run triggers, and those of this command that was killed.

        An apply that has begun is waited for. Return False if something else has the lock.
        """
        lock = self._workspace.locked_by
        if lock is None or lock.run is None:
            return False
        # The newest first: those that are pending would take the place of the one before.
        unfinished = [
            one for one in self._runs() if _status(one) not in _FINISHED and not one.plan_only
        ]
        if not all(self._is_triggered(one) or one.message == self._message for one in unfinished):
            return False
        for one in unfinished:
            run = self._wait(one, until=lambda run: _is_settled(run) or _is_discardable(run))
            if _is_discardable(run):
                self._client.read("discard a run", partial(self._tfe.runs.discard, run.id))
                starter = "a run trigger" if self._is_triggered(run) else "this command"
                self._hcp.out.note(
                    f"{self._stack.name}: discarded {run.id}, which {starter} started before"
                )
        return True

    @staticmethod
    def _is_triggered(run: Run) -> bool:
        return run.source is RunSource.Run_Source_Run_Trigger

    def _upload(self) -> ConfigurationVersion:
        name = self._workspace.name
        options = ConfigurationVersionCreateOptions.model_validate(
            {"auto_queue_runs": False, "speculative": not self._request.apply}
        )
        archive = pack(self._stack.folder, self._workspace.working_directory or "")
        configurations = self._tfe.configuration_versions
        version = self._client.create(
            f"create a configuration version of {name}",
            lambda: configurations.create(self._workspace.id, options),
        )
        self._client.read(
            f"upload the stack to {name}",
            lambda: configurations.upload_tar_gzip(str(version.upload_url), io.BytesIO(archive)),
        )
        for _ in _pauses():
            version = self._client.read(
                f"read the configuration version of {name}",
                partial(configurations.read, version.id),
            )
            status = version.status.value if version.status else ""
            if status == "errored":
                raise OperatorError(
                    f"{name}: HCP Terraform rejects the upload: {version.error_message}",
                    remedy="run it again",
                )
            if status not in {"pending", "fetching"}:
                break
        return version

    def _start(self, version: ConfigurationVersion) -> Run:
        # The client sends the whole objects, so they have identities only.
        options = RunCreateOptions.model_validate(
            {
                "workspace": Workspace.model_validate({"id": self._workspace.id}),
                "configuration_version": ConfigurationVersion(id=version.id),
                "plan_only": not self._request.apply,
                "is_destroy": self._request.destroy,
                # Otherwise a workspace that was changed by hand could apply without an approval.
                "auto_apply": self._hcp.settings.auto_apply
                and self._request.apply
                and not self._request.destroy,
                "message": self._message,
            }
        )
        run = self._client.create(
            f"start a run of {self._workspace.name}", lambda: self._tfe.runs.create(options)
        )
        self._hcp.out.lines([f"{self._stack.name}: {self._url(run)}"])
        return run

    def _follow_plan(self, run: Run) -> tuple[Run, Plan]:
        run = self._wait(run, until=lambda one: _status(one) not in _BEFORE_PLAN)
        assert run.plan  # noqa: S101 - each run has one
        id_ = run.plan.id

        def read() -> Plan:
            return self._client.read(
                f"read the plan of {self._stack.name}", lambda: self._tfe.plans.read(id_)
            )

        def is_done() -> bool:
            status = read().status
            return status is not None and status.value in _ENDED

        if url := read().log_read_url:
            for line in logs.lines(self._client, f"the plan of {self._stack.name}", url, is_done):
                self._has_missing_output |= _MISSING_OUTPUT in line
                self._hcp.out.lines([f"  {line}"])
        run = self._wait(run, until=lambda one: _is_settled(one) or _status(one) in _APPLYING)
        return run, read()

    def _follow_apply(self, run: Run) -> Run:
        run = self._wait(run, until=lambda one: _status(one) in {"applying", *_FINISHED})
        if run.apply and _status(run) not in {"discarded", "canceled"}:
            id_ = run.apply.id
            applied = self._client.read(
                f"read the apply of {self._stack.name}", lambda: self._tfe.applies.read(id_)
            )

            def is_done() -> bool:
                return _status(self._read(run)) in _FINISHED

            if url := applied.log_read_url:
                what = f"the apply of {self._stack.name}"
                for line in logs.lines(self._client, what, url, is_done):
                    self._hcp.out.lines([f"  {line}"])
        return self._wait(run, until=lambda one: _status(one) in _FINISHED)

    def _approved(self, run: Run) -> Run:
        """Return the run after its approval: here, or in HCP Terraform."""
        if not _is_confirmable(run):
            return run
        consent, target = self._request.consent, self._hcp.target
        if not is_confirmed(target, consent) and not sys.stdin.isatty():
            self._hcp.out.note(f"{self._stack.name}: waits for an approval: {self._url(run)}")
            return self._wait(run, until=lambda one: not _is_confirmable(one))
        verb = "destroy" if self._request.destroy else "apply"
        try:
            require_confirmation(target, consent, what=f"{verb} {self._stack.name} as planned")
        except OperatorError:
            self._client.read("discard the run", lambda: self._tfe.runs.discard(run.id))
            raise
        # A run that was approved in HCP Terraform meanwhile cannot be approved again.
        if _is_confirmable(self._read(run)):
            self._client.read(f"apply {self._stack.name}", lambda: self._tfe.runs.apply(run.id))
        return run

    @contextmanager
    def _stopped_by_signals(self, version: ConfigurationVersion) -> Iterator[None]:
        """End the run with the command, but never an apply that has begun."""
        before = signal.signal(signal.SIGTERM, _terminate)
        try:
            yield
        except KeyboardInterrupt as stop:
            done = self._abandon(version)
            raise StoppedError(
                f"stopped at {self._stack.name}; {done}",
                signal_number=signal.SIGTERM if isinstance(stop, _Terminated) else signal.SIGINT,
                remedy="run it again: it plans applied layers again, and finds no changes",
            ) from None
        finally:
            signal.signal(signal.SIGTERM, before)

    def _abandon(self, version: ConfigurationVersion) -> str:
        """Discard or cancel the run of a configuration, and return what became of it."""
        # By the configuration: the answer to its creation may not have arrived.
        run = next(
            (
                one
                for one in self._runs()
                if one.configuration_version and one.configuration_version.id == version.id
            ),
            None,
        )
        if run is None:
            return "no run was started"
        actions = run.actions
        if actions and actions.is_discardable:
            self._client.read("discard the run", partial(self._tfe.runs.discard, run.id))
            return f"its run is discarded: {self._url(run)}"
        if actions and actions.is_cancelable and _status(run) not in _APPLYING:
            self._client.read("cancel the run", partial(self._tfe.runs.cancel, run.id))
            return f"its run is cancelled: {self._url(run)}"
        goes_on = "ended" if _status(run) in _FINISHED else "goes on; cancel it there"
        return f"its run {goes_on}: {self._url(run)}"

    def _runs(self) -> list[Run]:
        """Return the newest runs of the workspace."""
        return self._client.read(
            f"list the runs of {self._workspace.name}",
            lambda: list(islice(self._tfe.runs.list(self._workspace.id), _QUEUE)),
        )

    def _require_success(self, run: Run, what: str) -> None:
        status = _status(run)
        if status not in _FAILED:
            return
        where = f"{self._stack.name}: {self._url(run)}"
        again = "later layers were not started; correct it and run the command again"
        if status in {"discarded", "canceled"}:
            raise AbandonedError(f"the run was {status}: {where}", remedy=again)
        failed = "a policy stopped it" if status == "policy_soft_failed" else f"the {what} failed"
        kind = ApplyFailedError if what == "apply" else OperatorError
        raise kind(f"{failed}: {where}", remedy=again)

    def _wait(self, run: Run, until: Callable[[Run], bool]) -> Run:
        """Return the run once ``until`` is true of it."""
        last = _status(run)
        for number, _ in enumerate(_pauses()):
            run = self._read(run)
            if until(run):
                return run
            if number == _PATIENCE and last == "pending":
                self._hcp.out.note(f"{self._stack.name}: waits for other runs of its workspace")
            if _status(run) != last:
                last = _status(run)
                self._hcp.out.note(f"{self._stack.name}: {last.replace('_', ' ')}")
        return run

    def _read(self, run: Run) -> Run:
        return self._client.read(f"read the run {run.id}", lambda: self._tfe.runs.read(run.id))

    def _result(self, run: Run, outcome: str, plan: Plan, *, reason: str = "") -> Result:
        return Result(
            layer=self._stack.name,
            outcome=outcome,
            add=plan.resource_additions or 0,
            change=plan.resource_changes or 0,
            destroy=plan.resource_destructions or 0,
            run=self._url(run),
            reason=reason,
        )

    def _url(self, run: Run) -> str:
        hcp = self._hcp.settings
        return (
            f"https://{hcp.hostname}/app/{hcp.organization}/workspaces/{self._workspace.name}"
            f"/runs/{run.id}"
        )


_ENDED = {"finished", "errored", "canceled", "unreachable"}


def pack(folder: Path, working_directory: str) -> bytes:
    """Return a stack as the archive of a configuration version; the same stack, the same bytes.

    Its files are below the working directory of the workspace, where HCP Terraform looks.
    """
    body = io.BytesIO()
    # Terraform runs where nobody knows this user, or when this was.
    with (
        gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and ".terraform" not in inside.parts:
                entry = tarfile.TarInfo(str(PurePosixPath(working_directory, inside.as_posix())))
                content = path.read_bytes()
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return body.getvalue()


def _own_workspace(stack: Stack) -> str:
    return str(stack.document["terraform"]["cloud"]["workspaces"]["name"])


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _status(run: Run) -> str:
    return run.status.value if run.status else ""


def _is_confirmable(run: Run) -> bool:
    return run.actions is not None and run.actions.is_confirmable


def _is_discardable(run: Run) -> bool:
    return run.actions is not None and run.actions.is_discardable


def _is_settled(run: Run) -> bool:
    return _status(run) in _FINISHED or _is_confirmable(run)


def _has_changes(plan: Plan) -> bool:
    return bool(plan.has_changes)


def _pauses() -> Iterator[None]:
    """Yield at once, and then after longer and longer pauses, forever."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
