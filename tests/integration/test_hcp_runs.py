"""The queue of runs in the stand-in of the HCP Terraform API, without Terraform."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable, Iterator

import pytest
from pytfe import TFEClient, TFEConfig
from pytfe.errors import TFEError
from pytfe.models import (
    ConfigurationVersion,
    ConfigurationVersionCreateOptions,
    Run,
    RunCreateOptions,
    RunStatus,
    RunTriggerCreateOptions,
    Workspace,
    WorkspaceCreateOptions,
    WorkspaceLockOptions,
)
from pytfe.models.plan import PlanStatus

from testing.hcp.scripted import Script, ScriptedEngine
from testing.hcp.server import HcpStandIn

pytestmark = pytest.mark.integration

ORGANIZATION = "my-company"

_SECONDS = 10


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def hcp(engine: ScriptedEngine) -> Iterator[HcpStandIn]:
    with HcpStandIn(organization=ORGANIZATION, engine=engine) as running:
        yield running


@pytest.fixture
def client(hcp: HcpStandIn) -> Iterator[TFEClient]:
    with TFEClient(TFEConfig(address=hcp.address, token=hcp.token)) as connected:
        yield connected


def _workspace(client: TFEClient, name: str, **settings: bool) -> Workspace:
    options = WorkspaceCreateOptions.model_validate({"name": name, **settings})
    workspace = client.workspaces.create(ORGANIZATION, options)
    _upload(client, workspace)
    return workspace


def _upload(client: TFEClient, workspace: Workspace, *, provisional: bool = False) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("main.tf"))
    version = client.configuration_versions.create(
        workspace.id,
        ConfigurationVersionCreateOptions.model_validate(
            {"auto-queue-runs": False, "provisional": provisional}
        ),
    )
    assert version.upload_url
    client.configuration_versions.upload_tar_gzip(version.upload_url, archive)


def _run(client: TFEClient, workspace: Workspace, **options: object) -> str:
    # The client sends all of the workspace that it is given, and cannot send times.
    identity = Workspace.model_construct(id=workspace.id)
    wanted = RunCreateOptions.model_validate({"workspace": identity, **options})
    return client.runs.create(wanted).id


def _wait(client: TFEClient, run: str, *statuses: RunStatus) -> Run:
    return _until(lambda: client.runs.read(run), lambda found: found.status in statuses)


def _until(read: Callable[[], Run], is_it: Callable[[Run], bool]) -> Run:
    give_up = time.monotonic() + _SECONDS
    while not is_it(found := read()):
        assert time.monotonic() < give_up, f"the run is still {found.status}"
        time.sleep(0.02)
    return found


def test_a_run_waits_for_its_confirmation(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    run = _run(client, workspace)
    planned = _wait(client, run, RunStatus.Run_Planned)
    assert planned.actions
    assert planned.actions.is_confirmable
    assert client.workspaces.read_by_id(workspace.id).locked

    client.runs.apply(run)
    _wait(client, run, RunStatus.Run_Applied)

    assert not client.workspaces.read_by_id(workspace.id).locked
    with pytest.raises(TFEError):
        client.runs.apply(run)


def test_a_second_run_waits_for_the_first(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    first = _run(client, workspace)
    _wait(client, first, RunStatus.Run_Planned)
    second = _run(client, workspace)
    speculative = _run(client, workspace, **{"plan-only": True})

    _wait(client, speculative, RunStatus.Run_Planned_And_Finished)
    assert client.runs.read(second).status is RunStatus.Run_Pending
    client.runs.discard(first)
    _wait(client, second, RunStatus.Run_Planned)


def test_a_run_waits_while_somebody_holds_the_lock(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    client.workspaces.lock(workspace.id, WorkspaceLockOptions(reason="maintenance"))
    run = _run(client, workspace)
    assert client.runs.read(run).status is RunStatus.Run_Pending

    client.workspaces.unlock(workspace.id)

    _wait(client, run, RunStatus.Run_Planned)


@pytest.mark.parametrize("phase", ["plan", "apply"])
def test_a_failed_run_frees_its_workspace(
    client: TFEClient, engine: ScriptedEngine, phase: str
) -> None:
    engine.scripts["one"] = Script(fails="plan" if phase == "plan" else "apply")
    workspace = _workspace(client, "one")

    run = _run(client, workspace, **{"auto-apply": True})

    _wait(client, run, RunStatus.Run_Errored)
    assert not client.workspaces.read_by_id(workspace.id).locked


def test_an_unchanged_workspace_is_not_applied(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    _wait(client, _run(client, workspace, **{"auto-apply": True}), RunStatus.Run_Applied)

    again = _run(client, workspace, **{"auto-apply": True})

    assert not _wait(client, again, RunStatus.Run_Planned_And_Finished).has_changes


def test_a_working_run_is_canceled(client: TFEClient, engine: ScriptedEngine) -> None:
    engine.scripts["one"] = Script(seconds=_SECONDS)
    run = _run(client, _workspace(client, "one"))
    _wait(client, run, RunStatus.Run_Planning)

    client.runs.cancel(run)

    _wait(client, run, RunStatus.Run_Canceled)


@pytest.mark.parametrize("end", ["cancel", "discard"])
def test_a_run_that_waits_is_ended(client: TFEClient, end: str) -> None:
    workspace = _workspace(client, "one")
    client.workspaces.lock(workspace.id, WorkspaceLockOptions(reason="maintenance"))
    run = _run(client, workspace)

    getattr(client.runs, end)(run)

    found = client.runs.read(run)
    assert found.status in (RunStatus.Run_Canceled, RunStatus.Run_Discarded)
    assert found.plan
    assert client.plans.read(found.plan.id).status is PlanStatus.PLAN_UNREACHABLE


def test_only_a_run_that_is_being_canceled_is_forced(
    client: TFEClient, engine: ScriptedEngine
) -> None:
    engine.scripts["one"] = Script(seconds=_SECONDS)
    run = _run(client, _workspace(client, "one"))
    _wait(client, run, RunStatus.Run_Planning)

    with pytest.raises(TFEError, match="force-cancel"):
        client.runs.force_cancel(run)


def test_the_token_of_a_run_reads_shared_states_only(client: TFEClient, hcp: HcpStandIn) -> None:
    one = _workspace(client, "one")
    run = hcp.store.runs[_run(client, one)]
    own = f"organizations/{ORGANIZATION}/workspaces/one"
    others = f"organizations/{ORGANIZATION}/workspaces/two"
    two = _workspace(client, "two")

    with hcp.tokens.of_run(run.id) as token:
        assert _status(hcp, own, token) == 200
        assert _status(hcp, others, token) == 404
        assert _status(hcp, f"organizations/{ORGANIZATION}/workspaces", token) == 404
        assert _status(hcp, f"workspaces/{one.id}/vars", token) == 404
        hcp.store.workspaces[two.id].consumers.append(run.workspace)
        assert _status(hcp, others, token) == 200

    assert _status(hcp, own, token) == 401


def _status(hcp: HcpStandIn, path: str, token: str) -> int:
    return hcp.answer("GET", f"/api/v2/{path}", f"Bearer {token}", b"").status


def test_a_saved_plan_waits_for_nobody_until_it_is_confirmed(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    waiting = _run(client, workspace)
    _wait(client, waiting, RunStatus.Run_Planned)

    saved = _run(client, workspace, **{"save-plan": True, "auto-apply": True})

    _wait(client, saved, RunStatus.Run_Planned_And_Saved)
    client.runs.apply(saved)
    assert client.runs.read(saved).status is RunStatus.Run_Confirmed
    client.runs.discard(waiting)
    _wait(client, saved, RunStatus.Run_Applied)
    assert not client.workspaces.read_by_id(workspace.id).locked


def test_saved_plans_are_discarded_by_another_apply(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    saved = [_run(client, workspace, **{"save-plan": True}) for _ in range(2)]
    for run in saved:
        _wait(client, run, RunStatus.Run_Planned_And_Saved)

    client.runs.apply(saved[1])

    _wait(client, saved[1], RunStatus.Run_Applied)
    _wait(client, saved[0], RunStatus.Run_Discarded)
    with pytest.raises(TFEError):
        client.runs.apply(saved[0])


def test_a_provisional_configuration_is_current_once_it_is_applied(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    _upload(client, workspace, provisional=True)
    (provisional, before) = client.configuration_versions.list(workspace.id)
    named = {"save-plan": True, "configuration-version": ConfigurationVersion(id=provisional.id)}
    saved = _run(client, workspace, **named)
    _wait(client, saved, RunStatus.Run_Planned_And_Saved)

    assert _configuration(client, _run(client, workspace, **{"plan-only": True})) == before.id
    client.runs.apply(saved)
    _wait(client, saved, RunStatus.Run_Applied)
    assert _configuration(client, _run(client, workspace, **{"plan-only": True})) == provisional.id


def _configuration(client: TFEClient, run: str) -> str:
    found = client.runs.read(run).configuration_version
    assert found
    return found.id


def test_an_apply_triggers_the_runs_of_followers(client: TFEClient, hcp: HcpStandIn) -> None:
    base, storage = _workspace(client, "base"), _workspace(client, "storage")
    client.run_triggers.create(storage.id, RunTriggerCreateOptions(sourceable=base))

    _wait(client, _run(client, base, **{"auto-apply": True}), RunStatus.Run_Applied)

    (triggered,) = client.runs.list(storage.id)
    assert triggered.source
    assert triggered.source.value == "tfe-run-trigger"
    _wait(client, triggered.id, RunStatus.Run_Planned)


def test_a_workspace_with_resources_is_not_safely_deleted(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    _wait(client, _run(client, workspace, **{"auto-apply": True}), RunStatus.Run_Applied)
    with pytest.raises(TFEError, match="managing resources"):
        client.workspaces.safe_delete_by_id(workspace.id)

    destroy = _run(client, workspace, **{"auto-apply": True, "is-destroy": True})
    _wait(client, destroy, RunStatus.Run_Applied)
    client.workspaces.safe_delete_by_id(workspace.id)


def test_local_execution_has_no_runs(client: TFEClient) -> None:
    options = WorkspaceCreateOptions.model_validate({"name": "one", "execution-mode": "local"})
    workspace = client.workspaces.create(ORGANIZATION, options)

    with pytest.raises(TFEError, match="local execution"):
        _run(client, workspace)
