"""The runs of one workspace through the API: started, followed, and read."""

from __future__ import annotations

import gzip
import io
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

from ops.common.errors import (
    BadInputError,
    BusyError,
    MissingError,
    OperatorError,
    StoppedError,
)
from ops.hcp import logs
from ops.hcp.context import HcpContext
from ops.terraform.stacks import Stack

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0
# Runs of a workspace that are looked at for those in its queue, and readings before it is said
# that a run waits in it.
_QUEUE = 20
_PATIENCE = 6
_FAILED = {"errored", "canceled", "discarded", "policy_soft_failed"}
_ENDED = {"applied", "planned_and_finished", *_FAILED}
# A saved plan ends there, until somebody applies it.
FINISHED = {"planned_and_saved", *_ENDED}
_BEFORE_PLAN = {"pending", "fetching", "fetching_completed", "queuing", "pre_plan_running",
                "pre_plan_completed", "plan_queued"}  # fmt: skip
APPLYING = {"confirmed", "queuing_apply", "apply_queued", "pre_apply_running",
             "pre_apply_completed", "applying"}  # fmt: skip
# What Terraform says where a state has no output of that name.
_MISSING_OUTPUT = "Unsupported attribute"
_ENDED_PLAN = {"finished", "errored", "canceled", "unreachable"}


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the command like Ctrl-C."""


class ApplyFailedError(OperatorError):
    """An apply failed; a part of its changes may have been made."""

    exit_code = 8


class AbandonedError(OperatorError):
    """Somebody discarded or cancelled the run in HCP Terraform."""

    exit_code = 9


def find_workspace_if_any(hcp: HcpContext, name: str) -> Workspace | None:
    """Return a workspace with who has its lock."""
    options = WorkspaceReadOptions(include=[WorkspaceIncludeOpt.LOCKED_BY])
    return hcp.client.read_if_exists(
        f"read the workspace {name}",
        lambda: hcp.client.tfe.workspaces.read_with_options(
            name, options, organization=hcp.settings.organization
        ),
    )


def find_workspace(hcp: HcpContext, name: str) -> Workspace:
    """Return a workspace, which must exist, with who has its lock."""
    found = find_workspace_if_any(hcp, name)
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


def require_remote(workspace: Workspace) -> None:
    """Raise unless HCP Terraform runs what is in a workspace.

    Raises:
        BadInputError: It has local execution.

    """
    if workspace.execution_mode and workspace.execution_mode.value == "local":
        raise BadInputError(
            f"{workspace.name} has local execution, so HCP Terraform runs nothing in it",
            remedy='set execution_mode = "remote" and run `ops hcp sync`, or use terraform',
        )


class WorkspaceRuns:
    """The runs of the workspace of a stack.

    ``has_missing_output`` says whether a plan failed for an output that a state does not have.
    """

    def __init__(self, hcp: HcpContext, stack: Stack) -> None:
        self._settings = hcp.settings
        self._out = hcp.out
        self._client = hcp.client
        self._tfe = hcp.client.tfe
        self._stack = stack
        self.workspace = find_workspace(hcp, own_workspace(stack))
        self.has_missing_output = False

    def upload(self, **options: bool) -> ConfigurationVersion:
        """Upload the stack with the options of the API, such as ``speculative``."""
        name = self.workspace.name
        wanted = ConfigurationVersionCreateOptions.model_validate(
            {"auto_queue_runs": False, **options}
        )
        archive = pack(self._stack.folder, self.workspace.working_directory or "")
        configurations = self._tfe.configuration_versions
        version = self._client.create(
            f"create a configuration version of {name}",
            lambda: configurations.create(self.workspace.id, wanted),
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

    def start(self, version: ConfigurationVersion, **options: bool | str) -> Run:
        """Start a run with the options of the API, such as ``plan_only`` and ``message``."""
        # The client sends the whole objects, so they have identities only.
        wanted = RunCreateOptions.model_validate(
            {
                "workspace": Workspace.model_validate({"id": self.workspace.id}),
                "configuration_version": ConfigurationVersion(id=version.id),
                **options,
            }
        )
        run = self._client.create(
            f"start a run of {self.workspace.name}", lambda: self._tfe.runs.create(wanted)
        )
        self._out.lines([f"{self._stack.name}: {self.url(run)}"])
        return run

    def follow_plan(self, run: Run) -> tuple[Run, Plan]:
        """Show the log of the plan; return the run once it waits, goes on or has ended."""
        run = self.wait(run, until=lambda one: status_of(one) not in _BEFORE_PLAN)
        assert run.plan  # noqa: S101 - each run has one
        id_ = run.plan.id

        def read() -> Plan:
            return self._client.read(
                f"read the plan of {self._stack.name}", lambda: self._tfe.plans.read(id_)
            )

        def is_done() -> bool:
            status = read().status
            return status is not None and status.value in _ENDED_PLAN

        if url := read().log_read_url:
            for line in logs.lines(self._client, f"the plan of {self._stack.name}", url, is_done):
                self.has_missing_output |= _MISSING_OUTPUT in line
                self._out.lines([f"  {line}"])
        run = self.wait(run, until=lambda one: is_settled(one) or status_of(one) in APPLYING)
        return run, read()

    def follow_apply(self, run: Run) -> Run:
        """Show the log of the apply; return the run once it has ended."""
        run = self.wait(run, until=lambda one: status_of(one) in {"applying", *_ENDED})
        if run.apply and status_of(run) not in {"discarded", "canceled"}:
            id_ = run.apply.id
            applied = self._client.read(
                f"read the apply of {self._stack.name}", lambda: self._tfe.applies.read(id_)
            )

            def is_done() -> bool:
                return status_of(self.read(run)) in _ENDED

            if url := applied.log_read_url:
                what = f"the apply of {self._stack.name}"
                for line in logs.lines(self._client, what, url, is_done):
                    self._out.lines([f"  {line}"])
        return self.wait(run, until=lambda one: status_of(one) in _ENDED)

    def apply(self, run: Run) -> None:
        """Approve a run."""
        self._client.read(f"apply {self._stack.name}", lambda: self._tfe.runs.apply(run.id))

    def discard(self, run: Run) -> None:
        """Discard a run that waits."""
        self._client.read("discard the run", lambda: self._tfe.runs.discard(run.id))

    @contextmanager
    def stopped_by_signals(self, version: ConfigurationVersion) -> Iterator[None]:
        """End the run with the command, but never an apply that has begun."""
        before = signal.signal(signal.SIGTERM, _terminate)
        try:
            yield
        except KeyboardInterrupt as stop:
            done = self.abandon(version)
            raise StoppedError(
                f"stopped at {self._stack.name}; {done}",
                signal_number=signal.SIGTERM if isinstance(stop, _Terminated) else signal.SIGINT,
                remedy="run it again: it plans applied layers again, and finds no changes",
            ) from None
        finally:
            signal.signal(signal.SIGTERM, before)

    def abandon(self, version: ConfigurationVersion) -> str:
        """Discard or cancel the run of a configuration, and return what became of it."""
        # By the configuration: the answer to its creation may not have arrived.
        run = next(
            (
                one
                for one in self.newest()
                if one.configuration_version and one.configuration_version.id == version.id
            ),
            None,
        )
        if run is None:
            return "no run was started"
        actions = run.actions
        if actions and actions.is_discardable:
            self.discard(run)
            return f"its run is discarded: {self.url(run)}"
        if actions and actions.is_cancelable and status_of(run) not in APPLYING:
            self._client.read("cancel the run", partial(self._tfe.runs.cancel, run.id))
            return f"its run is cancelled: {self.url(run)}"
        goes_on = "ended" if status_of(run) in FINISHED else "goes on; cancel it there"
        return f"its run {goes_on}: {self.url(run)}"

    def make_way(self, is_own: Callable[[Run], bool]) -> None:
        """Discard the runs of run triggers, and own ones of a command that was killed.

        An apply that has begun is waited for.

        Raises:
            BusyError: Something else has the lock.

        """
        workspace = self.workspace
        if not workspace.locked:
            return
        # The newest first: those that are pending would take the place of the one before.
        unfinished = [
            one for one in self.newest() if status_of(one) not in FINISHED and not one.plan_only
        ]
        is_known = all(_is_triggered(one) or is_own(one) for one in unfinished)
        if workspace.locked_by is None or workspace.locked_by.run is None or not is_known:
            raise BusyError(
                f"{workspace.name} is locked by {holder(workspace)}",
                remedy="wait for it, or ask them to unlock the workspace in HCP Terraform",
            )
        for one in unfinished:
            run = self.wait(one, until=lambda run: is_settled(run) or is_discardable(run))
            if is_discardable(run):
                self.discard(run)
                starter = "a run trigger" if _is_triggered(run) else "this command"
                self._out.note(
                    f"{self._stack.name}: discarded {run.id}, which {starter} started before"
                )

    def newest(self) -> list[Run]:
        """Return the newest runs of the workspace."""
        return self._client.read(
            f"list the runs of {self.workspace.name}",
            lambda: list(islice(self._tfe.runs.list(self.workspace.id), _QUEUE)),
        )

    def require_success(self, run: Run, what: str) -> None:
        """Raise if a run failed at ``what``, or was abandoned."""
        status = status_of(run)
        if status not in _FAILED:
            return
        where = f"{self._stack.name}: {self.url(run)}"
        again = "later layers were not started; correct it and run the command again"
        if status in {"discarded", "canceled"}:
            raise AbandonedError(f"the run was {status}: {where}", remedy=again)
        failed = "a policy stopped it" if status == "policy_soft_failed" else f"the {what} failed"
        kind = ApplyFailedError if what == "apply" else OperatorError
        raise kind(f"{failed}: {where}", remedy=again)

    def wait(self, run: Run, until: Callable[[Run], bool]) -> Run:
        """Return the run once ``until`` is true of it."""
        last = status_of(run)
        for number, _ in enumerate(_pauses()):
            run = self.read(run)
            if until(run):
                return run
            if number == _PATIENCE and last == "pending":
                self._out.note(f"{self._stack.name}: waits for other runs of its workspace")
            if status_of(run) != last:
                last = status_of(run)
                self._out.note(f"{self._stack.name}: {last.replace('_', ' ')}")
        return run

    def read(self, run: Run) -> Run:
        """Return the run as it is now."""
        return self._client.read(f"read the run {run.id}", lambda: self._tfe.runs.read(run.id))

    def url(self, run: Run) -> str:
        """Return the page of a run."""
        hcp = self._settings
        return (
            f"https://{hcp.hostname}/app/{hcp.organization}/workspaces/{self.workspace.name}"
            f"/runs/{run.id}"
        )


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


def own_workspace(stack: Stack) -> str:
    """Return the name of the workspace of a stack."""
    return str(stack.document["terraform"]["cloud"]["workspaces"]["name"])


def status_of(run: Run) -> str:
    """Return the status as the API spells it."""
    return run.status.value if run.status else ""


def is_confirmable(run: Run) -> bool:
    """Return whether the run waits for an approval."""
    return run.actions is not None and run.actions.is_confirmable


def is_discardable(run: Run) -> bool:
    """Return whether the run can be discarded."""
    return run.actions is not None and run.actions.is_discardable


def is_settled(run: Run) -> bool:
    """Return whether the run does nothing until somebody acts."""
    return status_of(run) in FINISHED or is_confirmable(run)


def _is_triggered(run: Run) -> bool:
    return run.source is RunSource.Run_Source_Run_Trigger


def _pauses() -> Iterator[None]:
    """Yield at once, and then after longer and longer pauses, forever."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated
