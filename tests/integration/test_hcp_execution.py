"""Terraform's runs in the stand-in of HCP Terraform, on configurations that need no provider."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytfe.models import (
    CategoryType,
    VariableCreateOptions,
    Workspace,
    WorkspaceAddRemoteStateConsumersOptions,
    WorkspaceCreateOptions,
    WorkspaceLockOptions,
    WorkspaceUpdateOptions,
)

from ops.common.environment import scrubbed
from ops.common.errors import MissingToolError
from ops.terraform.tools import find_tools
from testing.hcp.faults import Cut
from testing.hcp.server import HcpStandIn
from testing.hcp.terraform import TerraformEngine
from tests.integration.hcp import ORGANIZATION, connected
from tests.integration.terraform import Terraform

pytestmark = pytest.mark.integration

MODES = ("local", "remote")
FAILED = (1,)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stand-in whose remote runs use Terraform, and a folder for configurations."""

    hcp: HcpStandIn
    home: Path
    program: str

    def workspace(self, name: str, mode: str) -> Workspace:
        options = WorkspaceCreateOptions.model_validate({"name": name, "execution-mode": mode})
        with connected(self.hcp) as client:
            return client.workspaces.create(ORGANIZATION, options)

    def variable(self, workspace: Workspace, options: VariableCreateOptions) -> None:
        with connected(self.hcp) as client:
            client.variables.create(workspace.id, options)

    def terraform(self, name: str, **document: Any) -> Terraform:
        """Write a configuration with its state in the workspace of that name, and initialize it."""
        folder = self.home / name
        folder.mkdir()
        cloud = {"organization": ORGANIZATION, "workspaces": {"name": name}}
        (folder / "main.tf.json").write_text(
            json.dumps({"terraform": {"cloud": cloud}, **document})
        )
        environment = self.hcp.environment(folder, _environment())
        found = Terraform(program=self.program, folder=folder, environment=environment)
        found.run("init", "-input=false", "-no-color")
        return found


def _environment() -> dict[str, str]:
    return {**scrubbed(os.environ), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    try:
        program = find_tools(os.environ).terraform
    except MissingToolError as error:
        pytest.skip(f"NOT TESTED WITH TERRAFORM: {error}. Remedy: {error.remedy}.")
    program = str(_recording(program, tmp_path))
    engine = TerraformEngine(
        tmp_path / "runs", program=program, environment=lambda _: _environment()
    )
    with HcpStandIn(organization=ORGANIZATION, engine=engine) as hcp:
        yield Place(hcp=hcp, home=tmp_path, program=program)


def _recording(program: str, folder: Path) -> Path:
    """Write a program that notes the arguments of Terraform before it runs it."""
    path = folder / "recording"
    path.write_text(
        f'#!/bin/sh\necho "$@" >> "{folder}/arguments"\nexec "{program}" "$@"\n', encoding="utf-8"
    )
    path.chmod(0o755)
    return path


def _thing(value: str) -> dict[str, Any]:
    """Return a resource whose value is an output."""
    return {
        "resource": {"terraform_data": {"thing": {"input": value}}},
        "output": {"value": {"value": "${terraform_data.thing.output}"}},
    }


@pytest.mark.parametrize("mode", MODES)
def test_the_whole_life_of_a_workspace(place: Place, mode: str) -> None:
    place.workspace("one", mode)
    terraform = place.terraform("one", **_thing("first"))

    terraform.apply()

    assert terraform.outputs() == {"value": "first"}
    assert terraform.pending_changes() == {}
    assert terraform.run("state", "list").split() == ["terraform_data.thing"]
    terraform.destroy()
    assert terraform.run("state", "list") == ""
    assert terraform.outputs() == {}


@pytest.mark.slow
def test_a_saved_plan(place: Place) -> None:
    place.workspace("one", "remote")
    terraform = place.terraform("one", **_thing("first"))

    terraform.run("plan", "-input=false", "-no-color", "-out=saved.plan")
    shown = json.loads(terraform.run("show", "-json", "saved.plan"))
    printed = terraform.run("show", "-no-color", "saved.plan")
    terraform.run("apply", "-input=false", "-no-color", "saved.plan")

    assert [one["address"] for one in shown["resource_changes"]] == ["terraform_data.thing"]
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in printed
    assert terraform.outputs() == {"value": "first"}
    again = terraform.run("apply", "-input=false", "-no-color", "saved.plan", accept=FAILED)
    assert "already applied" in again


@pytest.mark.slow
def test_a_change_that_is_not_confirmed_is_discarded(place: Place) -> None:
    place.workspace("one", "remote")
    terraform = place.terraform("one", **_thing("first"))

    with terraform.waiting("apply", "-no-color") as process:
        printed, _ = process.communicate("no\n", timeout=60)

    assert "Only 'yes' will be accepted" in printed
    (run,) = place.hcp.store.runs.values()
    assert run.status == "discarded"
    assert place.hcp.store.workspace_named("one").lock is None


@pytest.mark.slow
def test_options_of_a_run(place: Place) -> None:
    place.workspace("one", "remote")
    things = {"terraform_data": {"thing": {"input": "x"}, "other": {"input": "y"}}}
    terraform = place.terraform("one", resource=things)
    options = ("-input=false", "-no-color", "-auto-approve")

    terraform.run("apply", *options, "-target=terraform_data.thing")
    assert terraform.run("state", "list").split() == ["terraform_data.thing"]
    terraform.run("apply", *options)
    replaced = terraform.run("apply", *options, "-replace=terraform_data.other")
    refreshed = terraform.run("apply", *options, "-refresh-only")

    assert "1 added, 0 changed, 1 destroyed" in replaced
    assert "No changes" in refreshed


@pytest.mark.slow
def test_variables_reach_the_runs(place: Place) -> None:
    workspace = place.workspace("one", "remote")
    for options in (
        VariableCreateOptions(key="plain", value='a "${b}"', category=CategoryType.TERRAFORM),
        VariableCreateOptions(
            key="list", value='["x", "y"]', category=CategoryType.TERRAFORM, hcl=True
        ),
        VariableCreateOptions(key="TF_VAR_from_env", value="c", category=CategoryType.ENV),
    ):
        place.variable(workspace, options)
    names = ("plain", "list", "from_env", "given")
    terraform = place.terraform(
        "one",
        variable={name: {} for name in names},
        output={name: {"value": f"${{var.{name}}}"} for name in names},
    )

    terraform.run("apply", "-input=false", "-no-color", "-auto-approve", "-var=given=d")

    assert terraform.outputs() == {
        "plain": 'a "${b}"',
        "list": ["x", "y"],
        "from_env": "c",
        "given": "d",
    }


@pytest.mark.slow
def test_a_failed_run_shows_its_error(place: Place) -> None:
    place.workspace("one", "remote")
    terraform = place.terraform("one", **_thing("${file(var.path)}"), variable={"path": {}})

    printed = terraform.run("plan", "-no-color", "-var=path=missing", accept=FAILED)

    assert "no file exists at" in printed
    (run,) = place.hcp.store.runs.values()
    assert run.status == "errored"


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_locked_workspace(place: Place, mode: str) -> None:
    workspace = place.workspace("one", mode)
    terraform = place.terraform("one", **_thing("first"))
    with connected(place.hcp) as client:
        client.workspaces.lock(workspace.id, WorkspaceLockOptions(reason="maintenance"))

    if mode == "local":
        printed = terraform.run("plan", "-no-color", accept=FAILED)
        assert "Error acquiring the state lock" in printed
        assert "workspace already locked" in printed
    else:
        with terraform.waiting("apply", "-no-color", "-auto-approve") as process:
            assert process.stdout
            for line in process.stdout:
                if "Waiting for the manually locked workspace to be unlocked" in line:
                    break
            with connected(place.hcp) as client:
                client.workspaces.unlock(workspace.id)
            printed, _ = process.communicate(timeout=60)
        assert "Apply complete! Resources: 1 added" in printed


@pytest.mark.slow
def test_a_working_run_is_canceled(place: Place) -> None:
    place.workspace("one", "remote")
    slow = {"input": "x", "provisioner": [{"local-exec": {"command": "sleep 60"}}]}
    terraform = place.terraform("one", resource={"terraform_data": {"slow": slow}})

    with terraform.waiting("apply", "-no-color", "-auto-approve") as process:
        assert process.stdout
        for line in process.stdout:
            if "Creating..." in line:
                break
        (run,) = place.hcp.store.runs.values()
        with connected(place.hcp) as client:
            client.runs.cancel(run.id)
        process.communicate(timeout=60)

    assert run.status == "canceled"
    assert run.apply.status == "canceled"
    assert "Interrupt received" in run.apply.log.text()
    assert run.workspace.lock is None


def _reading(source: str) -> dict[str, Any]:
    config = {"organization": ORGANIZATION, "workspaces": {"name": source}}
    return {
        "data": {"terraform_remote_state": {"source": {"backend": "remote", "config": config}}},
        "output": {"read": {"value": "${data.terraform_remote_state.source.outputs.value}"}},
    }


@pytest.mark.parametrize("mode", MODES)
def test_remote_state(place: Place, mode: str) -> None:
    source, reader = place.workspace("source", mode), place.workspace("reader", mode)
    place.terraform("source", **_thing("shared")).apply()
    terraform = place.terraform("reader", **_reading("source"))

    if mode == "remote":
        # A run reads only what is shared with its workspace; a user reads everything.
        refused = terraform.run("plan", "-no-color", accept=FAILED)
        assert "source" in refused
        with connected(place.hcp) as client:
            client.workspaces.add_remote_state_consumers(
                source.id, WorkspaceAddRemoteStateConsumersOptions(workspaces=[reader])
            )
    terraform.apply()

    assert terraform.outputs() == {"read": "shared"}


@pytest.mark.slow
def test_terraform_works_in_the_working_directory(place: Place) -> None:
    """Terraform uploads what is around it, and paths that lead out of its folder hold."""
    workspace = place.workspace("one", "remote")
    with connected(place.hcp) as client:
        client.workspaces.update_by_id(
            workspace.id,
            WorkspaceUpdateOptions.model_validate({"working-directory": "one"}),
        )
    (place.home / "beside.txt").write_text("found", encoding="utf-8")
    terraform = place.terraform("one", **_thing('${file("../beside.txt")}'))

    terraform.apply()

    assert terraform.outputs() == {"value": "found"}


@pytest.mark.parametrize("mode", MODES)
def test_secrets_are_in_no_file_no_output_and_no_argument(place: Place, mode: str) -> None:
    workspace = place.workspace("one", mode)
    place.variable(
        workspace,
        VariableCreateOptions(
            key="password", value="hunter2", category=CategoryType.TERRAFORM, sensitive=True
        ),
    )
    terraform = place.terraform(
        "one",
        variable={"password": {"sensitive": True, "default": "hunter2"}},
        resource={"terraform_data": {"thing": {"triggers_replace": "${var.password}"}}},
    )

    printed = terraform.run("apply", "-input=false", "-no-color", "-auto-approve")

    arguments = (place.home / "arguments").read_text(encoding="utf-8")
    assert ("-out=run.tfplan" in arguments) is (mode == "remote")
    assert "hunter2" not in arguments
    assert "atlasv1" not in arguments
    assert "Apply complete" in printed
    assert "hunter2" not in printed
    assert place.hcp.token not in printed
    for run in place.hcp.store.runs.values():
        assert "hunter2" not in run.plan.log.text() + run.apply.log.text()
        assert run.plan.redacted
        assert b"hunter2" not in run.plan.redacted
    for file in place.home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert place.hcp.token.encode() not in content, file
            assert b"atlasv1" not in content, file


# Of a request for a state or a run: what Terraform survives, by itself.
_SURVIVED: list[tuple[str, str, dict[str, Any]]] = [
    ("local", "POST .*/actions/lock", {"status": 429, "retry_after": 1}),
    ("local", "GET .*/current-state-version", {"status": 503}),
    ("local", "GET .*/current-state-version", {"status": 500}),
    ("local", "POST .*/state-versions", {"status": 502}),
    ("local", "PUT /_archivist/", {"cut": Cut.UPLOAD}),
    ("local", "GET .*/current-state-version", {"cut": Cut.UPLOAD}),
    ("local", "POST .*/actions/unlock", {"status": 503}),
    ("remote", "POST .*/runs", {"status": 429, "retry_after": 1}),
    ("remote", "PUT /_archivist/", {"cut": Cut.UPLOAD}),
    ("remote", "GET .*/runs/run-", {"status": 502, "times": 3}),
    ("remote", "GET .*/json-output-redacted", {"status": 503}),
    ("remote", "GET /_archivist/", {"seconds": 3}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "route", "fault"), _SURVIVED)
def test_faults_that_terraform_survives(
    place: Place, mode: str, route: str, fault: dict[str, Any]
) -> None:
    place.workspace("one", mode)
    terraform = place.terraform("one", **_thing("first"))
    shown = place.hcp.faults.add(route, **fault)

    printed = terraform.run("apply", "-input=false", "-no-color", "-auto-approve")

    assert shown.seen == shown.times, "the fault did not happen"
    assert "Apply complete! Resources: 1 added" in printed
    assert terraform.outputs() == {"value": "first"}
    assert place.hcp.store.workspace_named("one").lock is None


# What Terraform reports, and the words in which it does.
_REPORTED: list[tuple[str, str, dict[str, Any], str]] = [
    ("local", "GET .*/organizations/", {"status": 401, "times": 99}, "unauthorized"),
    ("local", "GET .*/organizations/", {"status": 404, "times": 99}, "not found"),
    ("local", "GET .*/current-state-version", {"status": 401}, "unauthorized"),
    ("local", "POST .*/actions/lock", {"status": 404}, "resource not found"),
    ("local", "POST .*/state-versions", {"status": 409}, "conflict"),
    ("local", "GET /_archivist/", {"cut": Cut.DOWNLOAD}, "unexpected eof"),
    ("local", "POST .*/actions/lock", {"cut": Cut.DOWNLOAD}, "error acquiring the state lock"),
    ("remote", "POST .*/runs", {"status": 404}, "resource not found"),
    ("remote", "GET .*/plans/plan-", {"status": 401}, "unauthorized"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "route", "fault", "words"), _REPORTED)
def test_faults_that_terraform_reports(
    place: Place, mode: str, route: str, fault: dict[str, Any], words: str
) -> None:
    place.workspace("one", mode)
    terraform = place.terraform("one", **_thing("first"))
    options = ("-input=false", "-no-color", "-auto-approve", "-replace=terraform_data.thing")
    terraform.run("apply", *options)
    shown = place.hcp.faults.add(route, **fault)

    printed = terraform.run("apply", *options, accept=FAILED)

    assert shown.seen, "the fault did not happen"

    assert words in printed.lower()
    assert place.hcp.token not in printed
