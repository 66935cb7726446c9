"""The status of an environment's workspaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pytfe.models import Workspace, WorkspaceIncludeOpt, WorkspaceReadOptions

from ops.common.times import format_time
from ops.hcp.client import Client
from ops.hcp.differences import Plan
from ops.hcp.model import Wanted
from ops.hcp.reading import Directory
from ops.hcp.workspace_runs import holder


@dataclass(frozen=True, kw_only=True)
class Status:
    """A workspace; all but ``name`` is None or empty if it does not exist."""

    name: str
    exists: bool
    execution_mode: str = ""
    last_run: str = ""
    last_run_at: str = ""
    serial: int | None = None
    locked_by: str = ""
    drift: str = ""
    differences: int = 0

    @property
    def row(self) -> tuple[object, ...]:
        """The cells of the table."""
        run = f"{self.last_run} {self.last_run_at}".strip()
        return (
            self.name,
            self.execution_mode if self.exists else "does not exist",
            run or "-",
            "-" if self.serial is None else self.serial,
            self.locked_by or "-",
            self.drift or "-",
            self.differences,
        )

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return asdict(self)


HEADER = ("workspace", "execution", "last run", "serial", "locked by", "drift", "differences")


def read(client: Client, wanted: Wanted, directory: Directory, plan: Plan) -> Iterator[Status]:
    """Yield the status of each wanted workspace; ``plan`` has the differences.

    Raises:
        OperatorError: HCP Terraform could not be read.

    """
    differences = Counter(
        change.name for change in plan.changes for _ in change.details or (change.name,)
    )
    for one in wanted.workspaces:
        found = directory.workspaces.get(one.name)
        if found is None:
            yield Status(name=one.name, exists=False, differences=differences[one.name])
        else:
            yield _status(client, found, differences[one.name])


def _status(client: Client, found: Workspace, differences: int) -> Status:
    name, tfe = str(found.name), client.tfe
    run = None
    if found.current_run:
        current = found.current_run.id
        run = client.read_if_exists(f"read the last run of {name}", lambda: tfe.runs.read(current))
    state = client.read_if_exists(
        f"read the state version of {name}", lambda: tfe.state_versions.read_current(found.id)
    )
    return Status(
        name=name,
        exists=True,
        execution_mode=found.execution_mode.value if found.execution_mode else "",
        last_run=run.status.value.replace("_", " ") if run and run.status else "",
        last_run_at=format_time(run.created_at) if run and run.created_at else "",
        serial=state.serial if state else None,
        locked_by=_locked_by(client, found),
        drift=_drift(client, found),
        differences=differences,
    )


def _locked_by(client: Client, found: Workspace) -> str:
    if not found.locked:
        return ""
    options = WorkspaceReadOptions(include=[WorkspaceIncludeOpt.LOCKED_BY])
    return holder(
        client.read(
            f"read the lock of {found.name}",
            lambda: client.tfe.workspaces.read_by_id_with_options(found.id, options),
        )
    )


def _drift(client: Client, found: Workspace) -> str:
    """Return what the last health assessment found."""
    if not found.current_assessment_result:
        return ""
    id_ = found.current_assessment_result.id
    result = client.read_if_exists(
        f"read the health of {found.name}", lambda: client.tfe.assessment_results.read(id_)
    )
    if result is None:
        return ""
    if result.succeeded is False:
        return "not assessed"
    return f"{result.resources_drifted or 0} resources" if result.drifted else "none"
