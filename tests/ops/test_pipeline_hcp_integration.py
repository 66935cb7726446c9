"""`ops pipeline` in HCP Terraform without Terraform: what can go wrong, and who may do what."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from ops.pipeline.work import Work
from ops.terraform.stacks import Stack
from testing.hcp.api import Response
from testing.hcp.model import Lock, Workspace, WorkspaceSettings
from testing.hcp.runner import Job
from testing.hcp.runs import ConfigurationVersion, Run, RunSettings
from testing.hcp.scripted import Script, ScriptedEngine
from testing.hcp.server import HcpStandIn
from tests.ops.conftest import Answer
from tests.ops.conftest import Run as Ops

pytestmark = pytest.mark.integration

HELD = 10
TOML = """\
region = "us-east-1"
retain = false
account_id = "123456789012"
[state.hcp]
organization = "my-company"
terraform_version = "1.11.4"
[table]
billing = "on-demand"
"""
LAYERS = {"base": (), "storage": ("base",), "compute": ("base", "storage")}


def _stack(folder: Path, layer: str) -> Stack:
    reads = [f"${{data.terraform_remote_state.{one}.outputs.name}}" for one in LAYERS[layer]]
    document = {
        "terraform": {"cloud": {"workspaces": {"name": f"co2-analysis-box-{layer}"}}},
        "locals": {"reads": reads},
    }
    own = folder / f"box-{layer}"
    own.mkdir()
    (own / "cdk.tf.json").write_text(json.dumps(document), encoding="utf-8")
    needs = tuple(f"box-{one}" for one in LAYERS[layer])
    return Stack(name=own.name, folder=own, needs=needs, document=document)


@dataclass(frozen=True)
class Box:
    """The environment ``box`` with three layers, and the commands of the pipeline on it."""

    hcp: HcpStandIn
    engine: ScriptedEngine
    folder: Path
    ops: Ops

    def workspace(self, layer: str) -> Workspace:
        return self.hcp.store.workspace_named(f"co2-analysis-box-{layer}")

    def script(self, layer: str, **options: object) -> None:
        script = Script(outputs={"name": layer}, **options)  # type: ignore[arg-type]
        self.engine.scripts[f"co2-analysis-box-{layer}"] = script

    def runs(self, layer: str, verb: str = "") -> list[Run]:
        return [
            one
            for one in self.hcp.store.runs_of(self.workspace(layer))
            if (one.settings.message or "").startswith(f"ops pipeline {verb}")
        ]

    def run(self, command: str, *options: str) -> Answer:
        answer = self.ops("pipeline", command, "--env", "box", "--json", *options)
        assert self.hcp.token not in answer.out + answer.err
        return answer

    def plan(self, *options: str) -> Answer:
        return self.run("plan", "--folder", str(self.folder), *options)

    def apply(self, *options: str) -> Answer:
        return self.run("apply", "--yes", *options)

    def planned(self) -> None:
        assert self.plan().code == 0

    def by_hand(self, layer: str, *, auto_apply: bool = True, source: str = "tfe-ui") -> Run:
        """Start a run of what is configured now, as if the pipeline was not there."""
        workspace = self.workspace(layer)
        run = Run(
            workspace=workspace,
            configuration=ConfigurationVersion(workspace=workspace, content=b""),
            settings=RunSettings(auto_apply=auto_apply),
            created_by="user-jane",
            source=source,
        )
        with self.hcp.store.lock:
            self.hcp.service.runner.queue(run)
        _until(lambda: run.status in {"applied", "planned"})
        return run

    def applied(self) -> None:
        for layer in LAYERS:
            self.by_hand(layer)
        self.engine.started.clear()

    def reviewed_and_applied(self) -> None:
        """Apply all layers; whoever waits for another one takes a further review."""
        for code in (HELD, HELD, 0):
            self.planned()
            answer = self.apply()
            assert answer.code == code, answer.err


@pytest.fixture
def box(ops: Ops, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    (settings / "box.toml").write_text(TOML, encoding="utf-8")
    place = tmp_path / "stacks"
    place.mkdir()
    stacks = [_stack(place, layer) for layer in LAYERS]

    def synthesize(work: Work, _environment: object) -> None:
        work.stacks = stacks
        work.files = {one.name: (one.folder / "cdk.tf.json").read_bytes() for one in stacks}

    monkeypatch.setattr(Work, "synthesize", synthesize)
    monkeypatch.setattr("ops.pipeline.context.Work", partial(Work, checkout=tmp_path))
    monkeypatch.setattr("ops.hcp.client.time", SimpleNamespace(sleep=lambda _seconds: None))
    monkeypatch.setattr("ops.hcp.workspace_runs._FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("ops.hcp.logs._PAUSE_SECONDS", 0.02)
    engine = ScriptedEngine()
    with HcpStandIn(organization="my-company", engine=engine) as hcp:
        monkeypatch.setenv("CO2_HCP_ADDRESS", hcp.address)
        monkeypatch.setenv("TF_TOKEN_app_terraform_io", hcp.token)
        found = Box(hcp, engine, tmp_path / "planned", ops)
        for layer in LAYERS:
            settings_ = WorkspaceSettings(name=f"co2-analysis-box-{layer}")
            hcp.store.add_workspace(settings_, hcp.store.default_project)
            found.script(layer)
        yield found


def test_each_layer_is_applied_once_it_was_reviewed(box: Box) -> None:
    box.planned()
    (review,) = box.folder.glob("*/review.json")
    waits = {
        one["name"]: one["waits_because"] for one in json.loads(review.read_text("utf-8"))["stacks"]
    }
    assert waits["box-storage"] == "box-base is not applied yet"

    held = box.apply()

    assert held.code == HELD
    assert "box-storage was not reviewed: it had to wait for box-base" in held.err
    assert [one.status for one in box.runs("base", "apply")] == ["applied"]
    assert box.runs("compute") == []


def test_the_run_of_a_review_is_compared_with_and_never_applied(box: Box) -> None:
    box.reviewed_and_applied()

    reviewed = box.runs("compute", "plan")
    assert {one.status for one in reviewed} == {"discarded"}
    assert all(one.settings.save_plan for one in reviewed)
    assert all(one.configuration.provisional for one in reviewed)
    # The first was held: it could not be planned at the review.
    assert [one.status for one in box.runs("compute", "apply")] == ["discarded", "applied"]


def test_plans_are_found_until_all_layers_are_applied(box: Box) -> None:
    box.applied()
    box.script("base", changes=2)
    box.planned()
    shown = box.run("apply", "--dry-run", "--yes").json()

    again = box.apply("--plan", shown["id"]).json()

    assert again["applied"][0]["changes"]["added"] == 1
    held = box.apply()
    assert held.code == HELD
    assert "no plans are stored of what this checkout would apply" in held.err


def test_a_dry_run_and_drift_leave_speculative_runs_only(box: Box) -> None:
    assert box.plan("--dry-run").code == 0
    assert box.run("drift").code == 0

    assert [one.settings.plan_only for one in box.hcp.store.runs.values()] == [True, True]
    assert box.apply().code == HELD


def test_an_interrupted_apply_goes_on(box: Box) -> None:
    box.applied()
    box.script("base", changes=2)
    box.script("storage", changes=2, fails="apply")
    box.planned()
    failed = box.apply()
    assert failed.code == 1
    assert "Error: as scripted" in failed.err
    assert "the apply failed: box-storage: https://app.terraform.io/app/my-company/" in failed.err
    box.script("storage", changes=2)

    base, storage, _ = box.apply().json()["applied"]

    # HCP Terraform has discarded the reviewed plan of the first: its state is another one.
    assert box.runs("base", "plan")[-1].status == "discarded"
    assert base["gone"] == 1
    assert storage["changes"]["added"] == 1


def test_a_failed_plan_says_why_and_is_not_compared_with(box: Box) -> None:
    box.applied()
    box.script("base", changes=2)
    box.script("storage", fails="plan")

    failed = box.plan()

    assert failed.code == 1
    assert "the plan failed: box-storage: https://app.terraform.io/app/my-company/" in failed.err
    assert "Error: as scripted" in failed.err
    assert "Initializing" not in failed.err
    assert box.runs("base")[-1].status == "discarded"
    assert box.apply().code == HELD


def test_what_was_not_reviewed_is_named_and_its_run_discarded(box: Box) -> None:
    box.applied()
    box.script("base", changes=2, value="reviewed")
    box.planned()
    box.script("base", changes=2, value="another")

    held = box.apply()

    assert held.code == HELD
    assert "input: it gets another value" in held.err
    assert [one.status for one in box.runs("base")[-2:]] == ["planned_and_saved", "discarded"]


def test_a_state_that_moved_on_is_named_with_what_changed(box: Box) -> None:
    box.applied()
    box.script("base", changes=3, value="reviewed")
    box.planned()
    box.script("base", changes=2, value="by hand")
    box.by_hand("base")
    assert box.runs("base")[-1].status == "discarded"
    box.script("base", changes=5, value="reviewed")

    held = box.apply()

    assert held.code == HELD, held.err
    moved = "its state moved on from serial 1 to 2 (changed: terraform_data.thing[0], "
    assert f"{moved}terraform_data.thing[1])" in held.err


def test_a_plan_that_somebody_discarded_is_no_review(box: Box) -> None:
    box.planned()
    (saved,) = box.runs("base")
    box.hcp.service.runner.discard(saved)

    held = box.apply()

    assert held.code == HELD
    assert "no plans are stored" in held.err


def test_plans_that_a_killed_command_left_are_no_review(box: Box) -> None:
    box.applied()
    box.script("base", changes=2)
    box.planned()
    # As if the command had ended before it started this one.
    del box.hcp.store.runs[box.runs("storage")[-1].id]

    assert box.apply().code == HELD


def test_a_run_that_is_cancelled_while_it_is_followed_holds(box: Box) -> None:
    box.planned()
    box.script("base", seconds=30)

    def cancel() -> None:
        _until(lambda: bool(box.runs("base", "apply")))
        box.hcp.service.runner.cancel(box.runs("base", "apply")[0])

    with _beside(cancel):
        held = box.apply()

    assert held.code == HELD
    assert "the run was canceled: box-base: https://" in held.err


def test_a_plan_that_is_discarded_before_it_is_confirmed_holds(box: Box) -> None:
    box.planned()
    confirmation = box.hcp.faults.add("POST .*/actions/apply$", seconds=1)

    def discard() -> None:
        _until(lambda: confirmation.seen > 0)
        with box.hcp.store.lock:
            box.hcp.service.runner.discard(box.runs("base", "apply")[0])

    with _beside(discard):
        held = box.apply()

    assert held.code == HELD
    assert "the run was discarded: box-base: https://" in held.err


def test_another_version_of_terraform_holds(box: Box) -> None:
    box.planned()
    workspace = box.workspace("base")
    workspace.settings = replace(workspace.settings, terraform_version="1.12.0")

    held = box.apply()

    assert held.code == HELD
    assert "reviewed was a plan of Terraform 1.11.4, and this run used 1.12.0" in held.err


def test_a_locked_workspace_is_planned_and_not_applied(box: Box) -> None:
    box.workspace("base").lock = Lock(kind="users", holder="user-jane", reason="Maintenance")
    box.planned()

    answer = box.apply()

    assert answer.code == 4
    assert "user-jane (Maintenance)" in answer.err
    assert box.runs("base", "apply") == []


def test_runs_of_run_triggers_do_not_stand_in_the_way(box: Box) -> None:
    box.applied()
    box.script("base", changes=2)
    box.planned()
    triggered = box.by_hand("base", auto_apply=False, source="tfe-run-trigger")

    assert box.apply().code == 0

    assert triggered.status == "discarded"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"execution_mode": "local"}, "has local execution"),
        ({"vcs_repo": {"identifier": "my-company/co2"}}, "is connected to my-company/co2"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_a_workspace_that_runs_something_else_is_refused(
    box: Box, command: str, change: dict[str, object], reason: str
) -> None:
    workspace = box.workspace("storage")
    workspace.settings = replace(workspace.settings, **change)  # type: ignore[arg-type]

    answer = box.run(command, *(["--yes"] if command == "apply" else []))

    assert answer.code == 2
    assert reason in answer.err
    assert box.hcp.store.runs == {}


def test_missing_workspaces_name_the_command_that_makes_them(box: Box) -> None:
    box.hcp.store.workspaces.clear()

    answer = box.plan()

    assert answer.code == 7
    assert "python -m ops hcp sync --env box" in answer.err


def test_a_host_without_redacted_plans_is_asked_for_whole_ones(box: Box) -> None:
    box.hcp.faults.add("GET .*/json-output-redacted", status=404, times=99)
    box.planned()
    assert any(one.path.endswith("/json-output") for one in box.hcp.requests)
    box.hcp.faults.add("GET .*/json-output$", status=404, times=99)

    answer = box.plan()

    assert answer.code == 1
    assert "the right to administer it" in answer.err


def test_what_a_plan_does_beyond_resources_is_not_lost(box: Box) -> None:
    box.planned()
    plan = box.runs("base")[0].plan
    assert plan.redacted
    more = {"action_invocations": [{"address": "action.aws_lambda_invoke.one"}]}
    plan.redacted = json.dumps({**json.loads(plan.redacted), **more}).encode()

    answer = box.apply()

    assert answer.code == HELD
    assert "base/action.aws_lambda_invoke.one:action" in answer.err


def test_plans_and_states_are_downloaded_without_the_token(box: Box) -> None:
    # Whole plans are answered with an address that is a secret; redacted ones with the plan.
    box.hcp.faults.add("GET .*/json-output-redacted", status=404, times=99)
    seen: list[str | None] = []
    answer = box.hcp.answer

    def watch(method: str, target: str, authorization: str | None, body: bytes) -> Response:
        if target.startswith("/_archivist") and method == "GET":
            seen.append(authorization)
        return answer(method, target, authorization, body)

    box.hcp.answer = watch  # type: ignore[method-assign]
    box.reviewed_and_applied()

    assert len(seen) > 20
    assert set(seen) == {None}


def test_an_address_that_is_not_there_yet_is_asked_for_again(box: Box) -> None:
    box.hcp.faults.add("GET .*/json-output-redacted", status=404, times=99)
    box.hcp.faults.add("GET /_archivist", status=503, times=2)

    box.planned()


@pytest.mark.parametrize("rights", [True, False])
def test_a_signal_ends_the_runs(box: Box, *, rights: bool) -> None:
    box.applied()
    box.script("base", changes=2)
    for layer in ("storage", "compute"):
        box.script(layer, seconds=30)
    if not rights:
        box.hcp.faults.add("POST .*/actions/(cancel|discard)", status=404, times=99)

    def stop() -> None:
        _until(lambda: len(box.engine.started) >= 2)
        os.kill(os.getpid(), signal.SIGTERM)

    begun = time.monotonic()
    with _beside(stop):
        answer = box.plan()

    assert answer.code == 143, answer.err
    assert time.monotonic() - begun < 20
    assert "stopped by SIGTERM" in answer.err
    assert ("its run is cancelled: https://" in answer.err) == rights
    assert ("its run goes on: " in answer.err) != rights
    box.hcp.faults.clear()
    assert box.apply().code == HELD


def test_a_signal_while_runs_are_started_leaves_none_behind(box: Box) -> None:
    box.applied()
    for layer in LAYERS:
        box.script(layer, seconds=30)
    # The others wait until the first is started; nobody may cancel what they start then.
    starts = box.hcp.faults.add("POST .*/runs$", seconds=1, times=99)
    box.hcp.faults.add("POST .*/actions/(cancel|discard)", status=404, times=99)

    def stop() -> None:
        _until(lambda: starts.seen > 0)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    begun = time.monotonic()
    with _beside(stop):
        answer = box.plan()

    assert answer.code == 143, answer.err
    assert time.monotonic() - begun < 20


def test_an_apply_that_has_begun_is_left_to_hcp_and_waited_for(box: Box) -> None:
    box.applied()
    box.script("base", changes=2, seconds=1)
    box.planned()

    def stop() -> None:
        _until(lambda: ("co2-analysis-box-base", "apply") in box.engine.started)
        os.kill(os.getpid(), signal.SIGTERM)

    with _beside(stop):
        stopped = box.apply()
    assert box.runs("base", "apply")[-1].status == "applying"

    base, *_ = box.apply().json()["applied"]

    assert stopped.code == 143
    assert "its run goes on; cancel it there: https://" in stopped.err
    assert base["gone"] == 1
    assert [one.status for one in box.runs("base", "apply")] == ["applied", "planned_and_finished"]


def test_a_state_that_is_not_kept_holds(box: Box) -> None:
    box.applied()
    box.script("base", changes=2)
    box.planned()
    before = box.hcp.store.current_state(box.workspace("base"))
    box.by_hand("base")
    assert before
    del box.hcp.store.states[before.id]

    held = box.apply()

    assert held.code == HELD
    assert "box-base was planned against a state that HCP Terraform keeps no longer" in held.err


def _until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


class _beside:  # noqa: N801 - used as a statement
    """Do something in another thread for the length of the block."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=30)


def _forged(box: Box, layer: str, message: str) -> None:
    """Start a saved-plan run with the message of another one, as whoever may plan can."""
    workspace = box.workspace(layer)
    run = Run(
        workspace=workspace,
        configuration=ConfigurationVersion(workspace=workspace, content=b"", provisional=True),
        settings=RunSettings(save_plan=True, message=message),
        created_by="user-mallory",
    )
    with box.hcp.store.lock:
        box.hcp.service.runner.queue(run)
    _until(lambda: run.status in {"planned_and_saved", "planned_and_finished"})


def test_what_is_applied_is_what_was_shown(box: Box) -> None:
    """Whoever may plan can start a run with the same message after the approval."""
    box.applied()
    box.script("base", changes=2, value="reviewed")
    box.planned()
    shown = box.run("apply", "--dry-run").json()
    box.script("base", changes=2, value="another")
    _forged(box, "base", box.runs("base", "plan")[0].settings.message or "")

    answer = box.apply("--plan", shown["id"])

    assert answer.code == HELD
    assert [run.status for run in box.runs("base", "apply")] == []


def test_a_plan_that_somebody_discarded_stays_rejected(box: Box) -> None:
    box.applied()
    box.script("base", changes=3)
    box.planned()
    box.hcp.service.runner.discard(box.runs("base", "plan")[0])
    assert box.apply().code == HELD
    time.sleep(1.1)  # the times have seconds
    box.by_hand("base")

    assert box.apply().code == HELD


@pytest.mark.parametrize("fault", ["json-output", "comments"])
def test_what_was_not_planned_to_its_end_is_no_review(box: Box, fault: str) -> None:
    """Its runs stay where the token may not discard them."""
    box.applied()
    for layer in LAYERS:
        box.script(layer, changes=2)
    box.hcp.faults.add("POST .*/actions/(cancel|discard)", status=404, times=99)
    box.hcp.faults.add(f".*/{fault}", status=404, times=99)
    assert box.plan().code != 0
    box.hcp.faults.clear()
    assert {run.status for run in box.runs("base", "plan")} == {"planned_and_saved"}

    assert box.apply().code == HELD


def test_a_confirmation_whose_answer_is_lost_is_followed(box: Box) -> None:
    box.applied()
    box.script("base", changes=2, seconds=0.5)
    box.planned()
    answer_ = box.hcp.answer
    lost: list[str] = []

    def lose(method: str, target: str, authorization: str | None, body: bytes) -> Response:
        answer = answer_(method, target, authorization, body)
        if method == "POST" and target.endswith("/actions/apply") and not lost:
            lost.append(target)
            return Response(status=502)
        return answer

    box.hcp.answer = lose  # type: ignore[method-assign]

    assert box.apply().code == 0
    assert lost


@pytest.mark.parametrize(
    "body", ["<html>", "3", '{"resource_changes": {}}', '{"plan_format_version": "1.2"}']
)
def test_a_plan_in_another_form_is_an_error_and_no_review(
    box: Box, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.applied()
    box.script("base", changes=2)
    plan = ScriptedEngine.plan

    def planned(engine: ScriptedEngine, job: Job) -> bool:
        done = plan(engine, job)
        job.run.plan.redacted = body.encode()
        return done

    monkeypatch.setattr(ScriptedEngine, "plan", planned)

    answer = box.plan()

    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert box.apply().code == HELD
