"""`ops hcp` with HashiCorp's client against the stand-in of the API."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from ops.common.errors import OperatorError
from ops.hcp.context import HcpContext
from ops.terraform.stacks import Stack, read_stacks
from testing.hcp.api import Response
from testing.hcp.faults import Cut
from testing.hcp.model import (
    Lock,
    NotificationConfiguration,
    NotificationSettings,
    Variable,
    VariableSettings,
    Workspace,
    WorkspaceSettings,
)
from testing.hcp.runs import Run as ScriptedRun
from testing.hcp.scripted import Script, ScriptedEngine
from testing.hcp.server import HcpStandIn
from tests.ops.conftest import Answer, Run

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
URL = "https://hooks.example.org/T0/very-secret"
LAYERS = ("base", "storage", "compute", "frontend")
TOML = """\
region = "us-east-1"
retain = {retain}
account_id = "123456789012"
[state.hcp]
organization = "my-company"
project = "co2"
terraform_version = "~> 1.11.0"
run_triggers = true
assessments = true
[state.hcp.tags]
team = "climate"
[state.hcp.notification]
kind = "slack"
url_variable = "HOOK"
[bootstrap.hcp]
[table]
billing = "on-demand"
point_in_time_recovery = {retain}
[buckets]
versioning = {retain}
[frontend]
"""


def _name(layer: str, environment: str = "box") -> str:
    return f"co2-analysis-{environment}-{layer}"


@dataclass(frozen=True)
class Cloud:
    """A stand-in with nothing in it, and the commands on the environment ``box``."""

    hcp: HcpStandIn
    engine: ScriptedEngine
    settings: Path
    ops: Run
    waits: list[float]

    def run(
        self, command: str, *options: str, env: str = "box", typed: str | None = None
    ) -> Answer:
        answer = self.ops("hcp", command, "--env", env, *options, typed=typed)
        for secret in (self.hcp.token, URL):
            assert secret not in answer.out + answer.err
        return answer

    def workspace(self, layer: str) -> Workspace:
        return self.hcp.store.workspace_named(_name(layer))

    def written(self) -> list[str]:
        """Return the requests since the last call that were not reads."""
        found = [f"{one.method} {one.path}" for one in self.hcp.requests if one.method != "GET"]
        self.hcp.requests.clear()
        return found


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Stack]]:
    """Return the stacks of the environments, synthesized once."""
    folder = tmp_path_factory.mktemp("hcp")
    found = {}
    for name, retain in (("box", "false"), ("vault", "true")):
        (folder / f"{name}.toml").write_text(TOML.format(retain=retain), encoding="utf-8")
        output = folder / name
        subprocess.run(
            [sys.executable, "main.py", "--env", name, "--output", str(output)],
            cwd=ROOT,
            env={**os.environ, "CO2_SETTINGS": str(folder)},
            check=True,
            capture_output=True,
        )
        found[name] = read_stacks(output, place=output)
    return found


@pytest.fixture
def cloud(
    ops: Run, settings: Path, stacks: dict[str, list[Stack]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    for name, retain in (("box", "false"), ("vault", "true")):
        (settings / f"{name}.toml").write_text(TOML.format(retain=retain), encoding="utf-8")
    waits: list[float] = []
    monkeypatch.setattr("ops.hcp.client.time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr("ops.hcp.workspace_runs._FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("ops.hcp.logs._PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(
        HcpContext,
        "stacks",
        property(lambda context: stacks.get(context.target.name, stacks["box"])),
    )
    engine = ScriptedEngine()
    with HcpStandIn(organization="my-company", engine=engine) as hcp:
        monkeypatch.setenv("CO2_HCP_ADDRESS", hcp.address)
        monkeypatch.setenv("TF_TOKEN_app_terraform_io", hcp.token)
        monkeypatch.setenv("HOOK", URL)
        yield Cloud(hcp, engine, settings, ops, waits)


# --- sync ------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_changes_and_makes_none(cloud: Cloud) -> None:
    answer = cloud.run("sync", "--dry-run")

    assert answer.code == 0
    assert f"+ workspace {_name('storage')}" in answer.out
    assert "changes to make" in answer.out
    assert cloud.written() == []


def test_sync_from_nothing_and_again(cloud: Cloud) -> None:
    made = cloud.run("sync", "--yes", "--json").json()
    assert made["changed"]

    store = cloud.hcp.store
    (variables,) = store.variable_sets.values()
    assert sorted(one.name for one in variables.workspaces) == sorted(map(_name, LAYERS))
    assert {one.settings.key: one.settings.value for one in variables.variables} == {
        "TFC_AWS_PROVIDER_AUTH": "true",
        "TFC_AWS_PLAN_ROLE_ARN": (
            "arn:aws:iam::123456789012:role/co2-analysis/bootstrap/co2-analysis-box-plan-role"
        ),
        "TFC_AWS_APPLY_ROLE_ARN": (
            "arn:aws:iam::123456789012:role/co2-analysis/bootstrap/co2-analysis-box-apply-role"
        ),
    }
    assert {one.name for one in cloud.workspace("storage").consumers} == {
        _name("compute"),
        _name("frontend"),
    }
    for layer in LAYERS:
        workspace = cloud.workspace(layer)
        assert workspace.project.settings.name == "co2"
        assert workspace.settings.terraform_version == "~> 1.11.0"
        assert workspace.tags["layer"] == layer
        (notification,) = workspace.notifications
        assert notification.settings.url == URL

    cloud.written()
    again = cloud.run("sync", "--yes")
    assert (again.code, again.out) == (0, "4 workspaces are as they should be\n")
    assert cloud.written() == []


def _change(workspace: Workspace, **values: object) -> None:
    workspace.settings = dataclasses.replace(workspace.settings, **values)  # type: ignore[arg-type]


def _forget_consumer(cloud: Cloud) -> None:
    cloud.workspace("storage").consumers.pop()


def _add_consumer(cloud: Cloud) -> None:
    cloud.workspace("storage").consumers.append(cloud.workspace("base"))


def _lose_trigger(cloud: Cloud) -> None:
    cloud.hcp.store.run_triggers.popitem()


def _change_url(cloud: Cloud) -> None:
    (one,) = cloud.workspace("base").notifications
    one.settings = dataclasses.replace(one.settings, url="https://hooks.example.org/other")


def _change_kind(cloud: Cloud) -> None:
    (one,) = cloud.workspace("base").notifications
    one.settings = dataclasses.replace(one.settings, destination_type="generic")


def _disable(cloud: Cloud) -> None:
    (one,) = cloud.workspace("base").notifications
    one.settings = dataclasses.replace(one.settings, enabled=False)


def _set_variable(cloud: Cloud, **values: object) -> None:
    (variables,) = cloud.hcp.store.variable_sets.values()
    one = variables.variables[0]
    one.settings = dataclasses.replace(one.settings, **values)  # type: ignore[arg-type]


def _add_variable(cloud: Cloud) -> None:
    (variables,) = cloud.hcp.store.variable_sets.values()
    more = VariableSettings(key="AWS_REGION", value="x", category="env")
    variables.variables.append(Variable(owner=variables, settings=more))


def _unassign(cloud: Cloud) -> None:
    (variables,) = cloud.hcp.store.variable_sets.values()
    variables.workspaces.pop()


def _make_global(cloud: Cloud) -> None:
    (variables,) = cloud.hcp.store.variable_sets.values()
    variables.settings = dataclasses.replace(variables.settings, global_=True)


def _delete(cloud: Cloud) -> None:
    cloud.hcp.store.delete_workspace(cloud.workspace("compute"))


def _move(cloud: Cloud) -> None:
    cloud.workspace("base").project = cloud.hcp.store.default_project


DRIFT: dict[str, Callable[[Cloud], object]] = {
    "execution mode": lambda c: _change(c.workspace("base"), execution_mode="local"),
    "terraform version": lambda c: _change(c.workspace("base"), terraform_version="1.5.0"),
    "working directory": lambda c: _change(c.workspace("base"), working_directory="infra"),
    "trigger patterns": lambda c: _change(c.workspace("base"), trigger_patterns=["**/*"]),
    "description": lambda c: _change(c.workspace("base"), description="mine"),
    "auto apply": lambda c: _change(c.workspace("base"), auto_apply=True),
    "assessments": lambda c: _change(c.workspace("base"), assessments_enabled=False),
    "global remote state": lambda c: _change(c.workspace("base"), global_remote_state=True),
    "project": _move,
    "tag": lambda c: c.workspace("base").tags.pop("layer"),
    "value of a tag": lambda c: c.workspace("base").tags.update(team="other"),
    "consumer missing": _forget_consumer,
    "consumer too many": _add_consumer,
    "run trigger": _lose_trigger,
    "notification": lambda c: c.workspace("base").notifications.clear(),
    "notification disabled": _disable,
    "webhook": _change_url,
    "kind of webhook": _change_kind,
    "variable": lambda c: _set_variable(c, value="false"),
    "sensitive variable": lambda c: _set_variable(c, sensitive=True),
    "variable too many": _add_variable,
    "variable set not assigned": _unassign,
    "variable set global": _make_global,
    "workspace deleted": _delete,
}


@pytest.mark.parametrize("drift", DRIFT)
def test_each_kind_of_drift_is_found_and_repaired(cloud: Cloud, drift: str) -> None:
    assert cloud.run("sync", "--yes").code == 0
    DRIFT[drift](cloud)

    assert cloud.run("status").code == 1
    assert cloud.run("sync", "--yes").code == 0
    assert cloud.run("status").code == 0


def test_tags_and_notifications_of_others_stay(cloud: Cloud) -> None:
    assert cloud.run("sync", "--yes").code == 0
    workspace = cloud.workspace("base")
    workspace.tags["cost-center"] = "4711"
    theirs = NotificationConfiguration(
        workspace=workspace,
        settings=NotificationSettings(
            name="theirs", destination_type="generic", url="https://example.org/"
        ),
    )
    workspace.notifications.append(theirs)

    assert cloud.run("status").code == 0
    workspace.tags["team"] = "other"
    assert cloud.run("sync", "--yes").code == 0
    assert workspace.tags["cost-center"] == "4711"
    assert theirs in workspace.notifications


def test_a_workspace_that_exists_by_name_is_adopted_with_its_repository(cloud: Cloud) -> None:
    store = cloud.hcp.store
    repository = {"identifier": "my-company/co2", "oauth-token-id": "ot-1", "branch": "main"}
    sent: list[bytes] = []
    answer = cloud.hcp.answer

    def watch(method: str, target: str, authorization: str | None, body: bytes) -> object:
        sent.extend([body] if method == "PATCH" and "/workspaces/" in target else [])
        return answer(method, target, authorization, body)

    cloud.hcp.answer = watch  # type: ignore[method-assign, assignment]
    existing = store.add_workspace(
        WorkspaceSettings(name=_name("base"), vcs_repo=repository), store.default_project
    )

    assert cloud.run("sync", "--yes").code == 0
    assert cloud.workspace("base") is existing
    assert existing.project.settings.name == "co2"
    assert existing.tags["environment"] == "box"
    # The stand-in ignores an empty connection; HCP Terraform need not.
    documents = [json.loads(one)["data"] for one in sent]
    updates = [one["attributes"] for one in documents if isinstance(one, dict)]
    assert [one["vcs-repo"] for one in updates] == [repository]
    assert existing.settings.vcs_repo == repository


def test_a_delivered_notification_does_not_stand_in_the_way(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = NotificationConfiguration.attributes

    def delivered(notification: NotificationConfiguration) -> dict[str, object]:
        # The client cannot parse this time; HCP Terraform sends it after the verification.
        delivery = {"url": URL, "code": "200", "sent-at": "2026-01-08 21:32:14 UTC"}
        return {**attributes(notification), "delivery-responses": [delivery]}

    monkeypatch.setattr(NotificationConfiguration, "attributes", delivered)
    assert cloud.run("sync", "--yes").code == 0
    assert cloud.run("status").code == 0


def test_an_answer_that_is_not_understood_is_one_line_without_its_content(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = NotificationConfiguration.attributes
    assert cloud.run("sync", "--yes").code == 0
    monkeypatch.setattr(
        NotificationConfiguration,
        "attributes",
        lambda one: {**attributes(one), "url": [URL]},
    )
    answer = cloud.run("status")
    assert answer.code == 1
    assert "the answer is not understood (url)" in answer.err
    with pytest.raises(OperatorError) as error:
        cloud.ops("hcp", "status", "--env", "box", "--debug")
    assert URL not in "".join(traceback.format_exception(error.value))


def _add(cloud: Cloud, name: str, **tags: str) -> Workspace:
    store = cloud.hcp.store
    added = store.add_workspace(WorkspaceSettings(name=name), store.default_project)
    added.tags = tags
    return added


def test_a_workspace_with_a_state_is_deleted_only_by_its_name(cloud: Cloud) -> None:
    ours = {"project": "co2-analysis", "environment": "box"}
    full = _add(cloud, _name("monitoring"), **ours)
    full.resource_count = 3
    empty = _add(cloud, _name("network"), **ours)
    store = cloud.hcp.store

    answer = cloud.run("sync", "--yes")
    assert answer.code == 0
    assert f"- workspace {empty.name}" in answer.out
    assert f"--confirm {full.name}" in answer.err
    assert full.id in store.workspaces
    assert empty.id not in store.workspaces

    wrong = cloud.run("sync", "--yes", "--confirm", _name("base"))
    assert wrong.code == 2
    assert cloud.run("sync", "--yes", "--confirm", full.name).code == 0
    assert full.id not in store.workspaces


def test_workspaces_of_others_are_never_touched(cloud: Cloud) -> None:
    others = [
        # Of the environment "box-eu", whose names begin like those of "box".
        _add(cloud, "co2-analysis-box-eu-base", project="co2-analysis", environment="box-eu"),
        _add(cloud, _name("legacy")),
        _add(cloud, _name("bootstrap"), project="co2-analysis", environment="box"),
        _add(cloud, "payments", project="co2-analysis", environment="box"),
    ]
    before = [(one.settings, dict(one.tags)) for one in others]

    assert cloud.run("sync", "--yes").code == 0
    assert [(one.settings, one.tags) for one in others] == before
    assert {one.id for one in others} <= cloud.hcp.store.workspaces.keys()
    assert cloud.run("sync", "--yes", "--confirm", _name("bootstrap")).code == 2


def test_an_environment_that_retains_its_data_wants_its_name(cloud: Cloud) -> None:
    refused = cloud.run("sync", "--yes", env="vault")
    assert refused.code == 5
    assert "--confirm vault" in refused.err
    assert cloud.written() == []
    assert cloud.run("sync", "--confirm", "vault", env="vault").code == 0
    assert cloud.run("sync", "--confirm", "box", env="vault").code == 2


def test_without_the_url_of_the_webhook_nothing_is_changed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK")
    answer = cloud.run("sync", "--yes")
    assert answer.code == 2
    assert "HOOK" in answer.err
    assert cloud.hcp.requests == []

    planned = cloud.run("sync", "--dry-run")
    assert planned.code == 0
    assert "warning: the environment variable HOOK is not set" in planned.err


def test_an_edition_without_assessments_is_said_before_anything_changes(cloud: Cloud) -> None:
    cloud.hcp.store.organization.assessments = False
    answer = cloud.run("sync", "--yes")
    assert answer.code == 2
    assert "assessments" in answer.err
    assert cloud.written() == []


def test_another_backend_has_no_workspaces(cloud: Cloud) -> None:
    file = cloud.settings / "box.toml"
    text = file.read_text(encoding="utf-8")
    start, end = text.index("[state.hcp]"), text.index("[bootstrap.hcp]")
    file.write_text(f"{text[:start]}[state.s3]\n{text[end:].replace('[bootstrap.hcp]', '')}")
    assert cloud.run("sync", "--yes").code == 2


# --- Faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [(401, 6, "terraform login"), (403, 6, "rights"), (404, 7, "organization")],
)
def test_a_request_that_is_not_allowed_is_one_line_with_a_remedy(
    cloud: Cloud, status: int, code: int, remedy: str
) -> None:
    cloud.hcp.faults.add("GET .*/workspaces$", status=status, times=99)
    answer = cloud.run("sync", "--yes")

    assert answer.code == code
    error, hint = answer.err.splitlines()
    assert error.startswith("error: app.terraform.io")
    assert hint.startswith("remedy: ")
    assert remedy in hint


def test_a_wrong_token_is_one_line_without_the_token(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_TOKEN_app_terraform_io", "a-wrong-token")
    answer = cloud.run("status")
    assert answer.code == 6
    assert "rejects the token" in answer.err
    assert "a-wrong-token" not in answer.err


def test_retry_after_is_honoured_and_said(cloud: Cloud) -> None:
    cloud.hcp.faults.add("POST .*/workspaces$", status=429, retry_after=7, times=2)
    answer = cloud.run("sync", "--yes")

    assert answer.code == 0
    assert cloud.waits == [7.0, 7.0]
    assert answer.err.count("retry in 7.0 s") == 2


def test_a_long_retry_after_is_reported(cloud: Cloud) -> None:
    cloud.hcp.faults.add("GET .*/workspaces$", status=429, retry_after=3600, times=1)
    answer = cloud.run("sync", "--yes")
    assert (answer.code, cloud.waits) == (1, [])
    assert "remedy: wait 3600 seconds and run it again" in answer.err


def test_a_negative_retry_after_is_no_wait(cloud: Cloud) -> None:
    cloud.hcp.faults.add("GET .*/workspaces$", status=429, retry_after=-5, times=1)
    assert cloud.run("sync", "--yes").code == 0
    assert cloud.waits == [0.0]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"data": null}',
        b'{"data": {}}',
        b'{"data": ["x"]}',
        b'{"data": [{"id": "ws-1"}]}',
        b"[]",
        b"<html>",
    ],
)
def test_an_answer_of_another_form_is_never_no_workspaces(cloud: Cloud, body: bytes) -> None:
    answer = cloud.hcp.answer

    def other(method: str, target: str, authorization: str | None, sent: bytes) -> Response:
        if target.partition("?")[0].endswith("/workspaces"):
            return Response(body=body)
        return answer(method, target, authorization, sent)

    cloud.hcp.answer = other  # type: ignore[method-assign, assignment]
    status = cloud.run("status")
    assert status.code == 1
    assert "the answer is not understood" in status.err


def test_an_approval_that_came_too_late_points_at_the_run(synced: Cloud) -> None:
    synced.hcp.faults.add("POST .*/runs/.*/apply$", status=409)
    answer = synced.run("run", "--apply", "--yes", "--layer", "base")
    assert answer.code == 4
    assert "remedy: look at the run" in answer.err


@pytest.mark.parametrize("name", ["sync", "run", "status"])
def test_the_help_lists_the_exit_codes_in_their_order(cloud: Cloud, name: str) -> None:
    text = cloud.run(name, "--help").out
    codes = [int(one) for one in re.findall(r"^    (\d+)  +\w", text, flags=re.MULTILINE)]
    assert codes == sorted(codes)
    assert codes[0] == 0
    assert (5 in codes) == (name != "status")
    (line,) = re.findall(rf"^  {name}  +\S.*", cloud.ops("hcp", "--help").out, flags=re.MULTILINE)
    assert line.endswith(".")
    assert not line.endswith("...")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_of_a_read_is_survived(cloud: Cloud, status: int) -> None:
    cloud.hcp.faults.add("GET .*/workspaces$", status=status, times=3)
    assert cloud.run("sync", "--yes").code == 0
    assert len(cloud.waits) == 3


def test_server_errors_without_an_end_are_reported(cloud: Cloud) -> None:
    cloud.hcp.faults.add("GET .*/workspaces$", status=503, times=99)
    answer = cloud.run("sync", "--yes")
    assert answer.code == 1
    assert len(cloud.waits) == 5
    assert "HTTP 503" in answer.err


@pytest.mark.parametrize("number", range(1, 12, 2))
def test_a_sync_that_fails_halfway_is_completed_by_the_next(cloud: Cloud, number: int) -> None:
    route = "POST .*/(projects|workspaces|varsets|vars|run-triggers|notification-configurations)$"
    # A creation is not repeated: its answer may be lost although it was made.
    cloud.hcp.faults.add(route, times=number - 1, seconds=0.0)
    broken = cloud.hcp.faults.add(route, status=502)
    answer = cloud.run("sync", "--yes")
    assert (answer.code, broken.seen) == (1, 1)
    assert "remedy: run it again" in answer.err

    assert cloud.run("sync", "--yes").code == 0
    assert cloud.run("status").code == 0


def test_a_lost_answer_to_a_creation_makes_no_second_one(cloud: Cloud) -> None:
    cloud.hcp.faults.add("POST .*/workspaces$", cut=Cut.DOWNLOAD)
    assert cloud.run("sync", "--yes").code != 0
    assert cloud.run("sync", "--yes").code == 0
    names = [one.name for one in cloud.hcp.store.workspaces.values()]
    assert sorted(names) == sorted(map(_name, LAYERS))


def test_an_unreachable_host_is_one_line(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CO2_HCP_ADDRESS", "http://127.0.0.1:9")
    answer = cloud.run("status")
    assert answer.code == 6
    assert answer.err.splitlines()[-1].startswith("remedy: check the network")


# --- run -------------------------------------------------------------------------------------


@pytest.fixture
def synced(cloud: Cloud) -> Cloud:
    file = cloud.settings / "box.toml"
    text = file.read_text(encoding="utf-8").replace("run_triggers = true\n", "")
    file.write_text(text, encoding="utf-8")
    assert cloud.run("sync", "--yes").code == 0
    return cloud


def _outcomes(answer: Answer) -> dict[str, str]:
    return {one["layer"]: one["outcome"] for one in answer.json()["layers"]}


def test_a_first_plan_defers_what_reads_states_that_do_not_exist(synced: Cloud) -> None:
    answer = synced.run("run", "--json")

    assert _outcomes(answer) == {
        "box-base": "planned",
        "box-storage": "planned",
        "box-compute": "deferred",
        "box-frontend": "deferred",
    }
    assert "Plan: 1 to add" in answer.err
    assert {phase for _, phase in synced.engine.started} == {"plan"}


def test_layers_are_applied_in_the_order_of_the_graph_and_destroyed_in_reverse(
    synced: Cloud,
) -> None:
    applied = _outcomes(synced.run("run", "--apply", "--yes", "--json"))
    assert list(applied) == [f"box-{layer}" for layer in LAYERS]
    assert set(applied.values()) == {"applied"}

    # To resume is to run it again: an applied layer has no changes.
    again = _outcomes(synced.run("run", "--apply", "--yes", "--json"))
    assert set(again.values()) == {"unchanged"}
    assert synced.run("status").code == 0

    destroyed = _outcomes(synced.run("run", "--apply", "--destroy", "--yes", "--json"))
    assert list(destroyed) == [f"box-{layer}" for layer in reversed(LAYERS)]
    assert all(one.resource_count == 0 for one in synced.hcp.store.workspaces.values())


def test_only_the_chosen_layers_run(synced: Cloud) -> None:
    refused = synced.run("run", "--apply", "--yes", "--layer", "compute")
    assert refused.code == 2
    assert "box-storage" in refused.err
    assert synced.run("run", "--layer", "network").code == 2
    assert _outcomes(synced.run("run", "--json", "--layer", "base")) == {"box-base": "planned"}


@pytest.mark.parametrize(("phase", "code"), [("plan", 1), ("apply", 8)])
def test_the_first_failure_stops_and_the_exit_code_says_which(
    synced: Cloud, phase: str, code: int
) -> None:
    synced.engine.scripts[_name("storage")] = Script(fails=phase)  # type: ignore[arg-type]
    answer = synced.run("run", "--apply", "--yes", "--json")

    assert answer.code == code
    assert f"the {phase} failed: box-storage" in answer.err
    document = json.loads(answer.out)
    assert [(one["layer"], one["outcome"]) for one in document["layers"]] == [
        ("box-base", "applied")
    ]
    assert document["failed"]["layer"] == "box-storage"
    assert document["failed"]["error"] in answer.err
    assert _name("compute") not in {name for name, _ in synced.engine.started}

    del synced.engine.scripts[_name("storage")]
    resumed = _outcomes(synced.run("run", "--apply", "--yes", "--json"))
    assert resumed == {
        "box-base": "unchanged",
        "box-storage": "applied",
        "box-compute": "applied",
        "box-frontend": "applied",
    }


def _when_planned(cloud: Cloud, act: Callable[[ScriptedRun], None]) -> None:
    """Let somebody act in HCP Terraform once the command has seen that a run can be approved."""
    store = cloud.hcp.store

    def follow() -> None:
        seen = 0
        while seen < 5:
            time.sleep(0.02)
            with store.lock:
                waiting = [one for one in store.runs.values() if one.is_confirmable]
                reads = [one for one in cloud.hcp.requests if "/runs/" in one.path]
            if not waiting:
                cloud.hcp.requests.clear()
            seen = len(reads) if waiting else 0
        with store.lock:
            act(waiting[0])

    threading.Thread(target=follow, daemon=True).start()


def test_without_a_terminal_it_waits_for_the_approval_in_hcp(synced: Cloud) -> None:
    _when_planned(synced, synced.hcp.service.runner.confirm)
    answer = synced.run("run", "--apply", "--layer", "base")
    assert answer.code == 0
    assert "waits for an approval" in answer.err
    assert "box-base: applied" in answer.out


def test_a_run_that_is_discarded_in_hcp_ends_the_command(synced: Cloud) -> None:
    _when_planned(synced, synced.hcp.service.runner.discard)
    answer = synced.run("run", "--apply", "--layer", "base")
    assert answer.code == 9
    assert "was discarded" in answer.err


@pytest.mark.parametrize(
    ("typed", "code", "status"), [("y\n", 0, "applied"), ("n\n", 5, "discarded")]
)
def test_on_a_terminal_it_asks(
    synced: Cloud, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, status: str
) -> None:
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    monkeypatch.setattr("ops.common.output.sys.stderr.isatty", lambda: False)
    answer = synced.run("run", "--apply", "--layer", "base", typed=typed)
    assert answer.code == code, answer.err
    (run,) = synced.hcp.store.runs.values()
    assert run.status == status


def test_auto_apply_of_the_settings_needs_no_approval(synced: Cloud) -> None:
    file = synced.settings / "box.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("[state.hcp.tags]", "auto_apply = true\n[state.hcp.tags]")
    file.write_text(text, encoding="utf-8")
    assert set(_outcomes(synced.run("run", "--apply", "--json")).values()) == {"applied"}


def test_auto_apply_of_a_workspace_alone_applies_nothing(synced: Cloud) -> None:
    _change(synced.workspace("base"), auto_apply=True)
    _when_planned(synced, synced.hcp.service.runner.discard)
    answer = synced.run("run", "--apply", "--layer", "base")
    assert "waits for an approval" in answer.err
    assert synced.engine.started == [(_name("base"), "plan")]


@pytest.mark.parametrize(
    ("options", "env", "code", "remedy"),
    [
        (("--confirm", "bix"), "box", 2, "check --env"),
        (("--confirm", "box"), "vault", 2, "check --env"),
        (("--yes",), "vault", 5, "add --confirm vault"),
    ],
)
def test_a_consent_that_is_not_enough_starts_no_run(
    synced: Cloud, options: tuple[str, ...], env: str, code: int, remedy: str
) -> None:
    assert synced.run("sync", "--confirm", "vault", env="vault").code == 0
    synced.written()
    answer = synced.run("run", "--apply", *options, env=env)
    assert answer.code == code
    assert remedy in answer.err
    assert synced.written() == []


def test_a_layer_whose_state_others_read_is_not_destroyed_before_them(synced: Cloud) -> None:
    assert synced.run("run", "--apply", "--yes").code == 0
    synced.written()
    destroy = ("run", "--apply", "--destroy", "--yes")
    refused = synced.run(*destroy, "--layer", "storage")
    assert refused.code == 2
    assert f"{_name('compute')} reads its state" in refused.err
    assert synced.written() == []

    both = synced.run(*destroy, "--layer", "frontend", "--layer", "compute", "--json")
    assert list(_outcomes(both)) == ["box-frontend", "box-compute"]
    # What read it has no resources any more.
    assert synced.run(*destroy, "--layer", "storage").code == 0


def test_a_locked_workspace_says_who_has_it(synced: Cloud) -> None:
    lock = Lock(kind="users", holder="user-jane", reason="Maintenance")
    synced.workspace("base").lock = lock

    answer = synced.run("run", "--apply", "--yes")
    assert answer.code == 4
    assert "user-jane (Maintenance)" in answer.err
    assert "user-jane" in synced.run("status").out
    # A speculative plan needs no lock.
    assert synced.run("run", "--layer", "base").code == 0


def test_local_execution_has_no_runs(synced: Cloud) -> None:
    _change(synced.workspace("base"), execution_mode="local")
    answer = synced.run("run", "--layer", "base")
    assert answer.code == 2
    assert "local execution" in answer.err


def test_a_workspace_with_a_repository_is_planned_but_not_applied(synced: Cloud) -> None:
    _change(
        synced.workspace("base"),
        vcs_repo={"identifier": "my-company/co2"},
        working_directory="cdktf.out/stacks/box-base",
    )
    answer = synced.run("run", "--apply", "--yes", "--layer", "base")
    assert answer.code == 2
    assert "my-company/co2" in answer.err
    assert synced.run("run", "--layer", "base").code == 0


def test_a_missing_workspace_says_how_to_get_it(cloud: Cloud) -> None:
    answer = cloud.run("run")
    assert answer.code == 7
    assert "ops hcp sync" in answer.err


def test_runs_of_run_triggers_do_not_stand_in_the_way(cloud: Cloud) -> None:
    assert cloud.run("sync", "--yes").code == 0
    assert cloud.run("run", "--apply", "--yes").code == 0
    for layer in LAYERS:
        cloud.engine.scripts[_name(layer)] = Script(changes=2)

    answer = cloud.run("run", "--apply", "--yes", "--json")
    assert set(_outcomes(answer).values()) == {"applied"}
    assert "which a run trigger started" in answer.err


def test_a_cut_upload_is_repeated(synced: Cloud) -> None:
    synced.hcp.faults.add("PUT ", cut=Cut.UPLOAD, times=2)
    answer = synced.run("run", "--layer", "base")
    assert answer.code == 0, answer.err
    assert "retry in" in answer.err


def test_a_cut_log_is_read_on(synced: Cloud) -> None:
    synced.hcp.faults.add("GET /_archivist", cut=Cut.DOWNLOAD, times=2)
    answer = synced.run("run", "--layer", "base")
    assert answer.code == 0
    assert answer.out.count("Plan: 1 to add") == 1


def test_uploads_and_logs_are_sent_without_the_token(synced: Cloud) -> None:
    seen: list[str | None] = []
    answer = synced.hcp.answer

    def watch(method: str, target: str, authorization: str | None, body: bytes) -> object:
        if target.startswith("/_archivist"):
            seen.append(authorization)
        return answer(method, target, authorization, body)

    synced.hcp.answer = watch  # type: ignore[method-assign, assignment]
    assert synced.run("run", "--layer", "base").code == 0
    assert len(seen) >= 2
    assert set(seen) == {None}


def _started(cloud: Cloud, settings: Path, *options: str) -> subprocess.Popen[str]:
    """Return the command in a process of its own, once its run is planned."""
    cloud.engine.scripts[_name("base")] = Script(seconds=30)
    process = subprocess.Popen(
        [sys.executable, "-m", "ops", "hcp", "run", "--env", "box", "--layer", "base", *options],
        cwd=ROOT,
        env={**os.environ, "CO2_SETTINGS": str(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not cloud.engine.started and time.monotonic() < deadline:
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_that_the_command_started(
    synced: Cloud, settings: Path, number: int, code: int
) -> None:
    process = _started(synced, settings)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == code, err
    assert "stopped at box-base; its run is cancelled" in err
    assert "Traceback" not in err
    (run,) = synced.hcp.store.runs.values()
    synced.hcp.service.runner.close()
    assert run.status == "canceled"


@pytest.mark.parametrize(("message", "code"), [("ops hcp run --env box", 0), ("mine", 4)])
def test_a_run_that_a_killed_command_left_is_discarded_by_the_next(
    synced: Cloud, message: str, code: int
) -> None:
    synced.hcp.faults.add("POST .*/runs/.*/apply$", status=503, times=99)
    assert synced.run("run", "--apply", "--yes", "--layer", "base").code == 1
    synced.hcp.faults.clear()
    (left,) = synced.hcp.store.runs.values()
    assert left.is_confirmable
    left.settings = dataclasses.replace(left.settings, message=message)

    answer = synced.run("run", "--apply", "--yes", "--layer", "base")
    assert answer.code == code, answer.err
    assert ("which this command started before" in answer.err) == (code == 0)
    assert left.status == ("planned" if code else "discarded")
