"""HashiCorp's own client of the HCP Terraform API against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytfe import TFEClient, TFEConfig
from pytfe.errors import AuthError, NotFound, ServerError, TFEError
from pytfe.models import (
    CategoryType,
    NotificationConfigurationCreateOptions,
    NotificationConfigurationUpdateOptions,
    NotificationDestinationType,
    NotificationTriggerType,
    Project,
    ProjectCreateOptions,
    ProjectListOptions,
    ProjectUpdateOptions,
    RunTriggerCreateOptions,
    RunTriggerFilterOp,
    RunTriggerListOptions,
    Tag,
    VariableCreateOptions,
    VariableSetApplyToProjectsOptions,
    VariableSetApplyToWorkspacesOptions,
    VariableSetCreateOptions,
    VariableSetListOptions,
    VariableSetVariableCreateOptions,
    VariableSetVariableUpdateOptions,
    VariableUpdateOptions,
    Workspace,
    WorkspaceAddRemoteStateConsumersOptions,
    WorkspaceAddTagsOptions,
    WorkspaceCreateOptions,
    WorkspaceListOptions,
    WorkspaceRemoveRemoteStateConsumersOptions,
    WorkspaceUpdateOptions,
    WorkspaceUpdateRemoteStateConsumersOptions,
)

from testing.hcp.faults import Cut
from testing.hcp.server import HcpStandIn

pytestmark = pytest.mark.integration

ORGANIZATION = "my-company"


@pytest.fixture
def hcp() -> Iterator[HcpStandIn]:
    with HcpStandIn(organization=ORGANIZATION) as running:
        yield running


@pytest.fixture
def client(hcp: HcpStandIn) -> Iterator[TFEClient]:
    with TFEClient(TFEConfig(address=hcp.address, token=hcp.token, backoff_base=0.05)) as connected:
        yield connected


def _workspace(client: TFEClient, name: str) -> Workspace:
    return client.workspaces.create(
        ORGANIZATION, WorkspaceCreateOptions.model_validate({"name": name})
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 0.1, "times": 2},
        {"status": 502},
        {"status": 503, "times": 2},
        {"cut": Cut.UPLOAD},
        {"cut": Cut.DOWNLOAD},
        {"seconds": 0.2},
    ],
    ids=str,
)
def test_faults_that_the_client_survives(
    hcp: HcpStandIn, client: TFEClient, fault: dict[str, Any]
) -> None:
    shown = hcp.faults.add("GET .*/organizations/my-company$", **fault)

    assert client.organizations.read(ORGANIZATION).name == ORGANIZATION
    assert shown.seen == shown.times


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AuthError), (404, NotFound), (409, TFEError), (422, TFEError), (500, ServerError)],
)
def test_faults_that_the_client_reports_in_one_line(
    hcp: HcpStandIn, client: TFEClient, status: int, error: type[TFEError]
) -> None:
    hcp.faults.add("POST .*/projects$", status=status)

    with pytest.raises(error) as raised:
        client.projects.create(ORGANIZATION, ProjectCreateOptions(name="co2-analysis"))

    assert "\n" not in str(raised.value)
    assert hcp.token not in str(raised.value)
    assert not list(client.projects.list(ORGANIZATION, ProjectListOptions(name="co2-analysis")))


def test_a_cut_answer_hides_that_the_request_had_its_effect(
    hcp: HcpStandIn, client: TFEClient
) -> None:
    hcp.faults.add("POST .*/projects$", cut=Cut.DOWNLOAD)

    with pytest.raises(TFEError, match="already been taken"):
        client.projects.create(ORGANIZATION, ProjectCreateOptions(name="co2-analysis"))

    assert list(client.projects.list(ORGANIZATION, ProjectListOptions(name="co2-analysis")))


def test_the_client_slows_down_at_the_rate_limit() -> None:
    with HcpStandIn(organization=ORGANIZATION, requests_per_second=5) as hcp:
        config = TFEConfig(address=hcp.address, token=hcp.token)
        with TFEClient(config) as client:
            for _ in range(7):
                client.organizations.read(ORGANIZATION)

    statuses = [seen.status for seen in hcp.requests]
    assert statuses.count(200) == 7
    assert 429 in statuses


def test_a_wrong_token_is_refused(hcp: HcpStandIn) -> None:
    with (
        TFEClient(TFEConfig(address=hcp.address, token="wrong")) as client,
        pytest.raises(AuthError),
    ):
        client.organizations.read(ORGANIZATION)


def test_an_organization_tells_what_its_plan_allows(client: TFEClient) -> None:
    assert client.organizations.read(ORGANIZATION).name == ORGANIZATION
    assert client.organizations.read_entitlements(ORGANIZATION).assessments
    with pytest.raises(NotFound):
        client.organizations.read("another")


def test_projects(client: TFEClient) -> None:
    created = client.projects.create(ORGANIZATION, ProjectCreateOptions(name="co2-analysis"))
    client.projects.update(created.id, ProjectUpdateOptions(name="co2", description="Anomalies"))

    assert client.projects.read(created.id).description == "Anomalies"
    (found,) = client.projects.list(ORGANIZATION, ProjectListOptions(name="co2"))
    assert found.id == created.id
    with pytest.raises(TFEError, match="taken"):
        client.projects.create(ORGANIZATION, ProjectCreateOptions(name="co2"))


def test_workspaces(client: TFEClient) -> None:
    project = client.projects.create(ORGANIZATION, ProjectCreateOptions(name="co2-analysis"))
    created = client.workspaces.create(
        ORGANIZATION,
        WorkspaceCreateOptions.model_validate(
            {"name": "one", "project": project, "terraform-version": "1.11.4"}
        ),
    )
    client.workspaces.update_by_id(
        created.id, WorkspaceUpdateOptions.model_validate({"auto-apply": True})
    )

    read = client.workspaces.read("one", organization=ORGANIZATION)
    assert (read.id, read.auto_apply, read.terraform_version) == (created.id, True, "1.11.4")
    assert read.project
    assert read.project.id == project.id
    client.workspaces.safe_delete_by_id(created.id)
    with pytest.raises(NotFound):
        client.workspaces.read("one", organization=ORGANIZATION)


def test_workspaces_come_in_pages(client: TFEClient) -> None:
    names = [f"ws-{number:03}" for number in range(25)]
    for name in names:
        _workspace(client, name)

    found = client.workspaces.list(
        ORGANIZATION, WorkspaceListOptions.model_validate({"page[size]": 10})
    )

    assert [each.name for each in found] == names


def test_tags(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    client.workspaces.add_tags(
        workspace.id, WorkspaceAddTagsOptions(tags=[Tag(name="dev"), Tag(name="base")])
    )

    assert [each.name for each in client.workspaces.list_tags(workspace.id)] == ["base", "dev"]
    assert client.workspaces.read_by_id(workspace.id).tag_names == ["base", "dev"]


def test_consumers_of_state(client: TFEClient) -> None:
    one, two, three = (_workspace(client, name) for name in ("one", "two", "three"))
    client.workspaces.add_remote_state_consumers(
        one.id, WorkspaceAddRemoteStateConsumersOptions(workspaces=[two])
    )
    client.workspaces.update_remote_state_consumers(
        one.id, WorkspaceUpdateRemoteStateConsumersOptions(workspaces=[two, three])
    )
    client.workspaces.remove_remote_state_consumers(
        one.id, WorkspaceRemoveRemoteStateConsumersOptions(workspaces=[two])
    )

    (consumer,) = client.workspaces.list_remote_state_consumers(one.id)
    assert consumer.id == three.id


def test_a_sensitive_variable_is_never_read_back(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    variable = client.variables.create(
        workspace.id,
        VariableCreateOptions(key="A", value="x", category=CategoryType.ENV, sensitive=True),
    )
    assert variable.id
    client.variables.update(workspace.id, variable.id, VariableUpdateOptions(value="y"))

    (found,) = client.variables.list(workspace.id)
    assert (found.key, found.value, found.sensitive) == ("A", None, True)
    client.variables.delete(workspace.id, variable.id)
    assert not list(client.variables.list(workspace.id))


def test_variable_sets(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    created = client.variable_sets.create(
        ORGANIZATION, VariableSetCreateOptions.model_validate({"name": "aws", "global": False})
    )
    assert created.id
    variable = client.variable_set_variables.create(
        created.id,
        VariableSetVariableCreateOptions(
            key="TFC_AWS_PROVIDER_AUTH", value="false", category=CategoryType.ENV
        ),
    )
    assert variable.id
    client.variable_set_variables.update(
        created.id, variable.id, VariableSetVariableUpdateOptions(value="true")
    )
    client.variable_sets.apply_to_workspaces(
        created.id, VariableSetApplyToWorkspacesOptions(workspaces=[workspace])
    )

    (found,) = client.variable_sets.list_for_workspace(workspace.id)
    assert found.name == "aws"
    (value,) = client.variable_set_variables.list(created.id)
    assert value.value == "true"
    (listed,) = client.variable_sets.list(ORGANIZATION, VariableSetListOptions())
    assert [each.id for each in listed.workspaces] == [workspace.id]
    project = client.projects.create(ORGANIZATION, ProjectCreateOptions(name="co2"))
    client.variable_sets.apply_to_projects(
        created.id, VariableSetApplyToProjectsOptions(projects=[Project(id=project.id)])
    )
    assert [each.id for each in client.variable_sets.list_for_project(project.id)] == [created.id]


def test_run_triggers(client: TFEClient) -> None:
    one, two = _workspace(client, "one"), _workspace(client, "two")
    created = client.run_triggers.create(two.id, RunTriggerCreateOptions(sourceable=one))

    inbound = RunTriggerListOptions(run_trigger_type=RunTriggerFilterOp.RUN_TRIGGER_INBOUND)
    (found,) = client.run_triggers.list(two.id, inbound)
    assert found.sourceable_name == "one"
    client.run_triggers.delete(created.id)
    assert not list(client.run_triggers.list(two.id, inbound))


def test_notifications(client: TFEClient) -> None:
    workspace = _workspace(client, "one")
    created = client.notification_configurations.create(
        workspace.id,
        NotificationConfigurationCreateOptions(
            destination_type=NotificationDestinationType.GENERIC,
            enabled=True,
            name="runs",
            url="https://example.org/hook",
            triggers=[NotificationTriggerType.ERRORED],
        ),
    )
    assert created.id
    client.notification_configurations.update(
        created.id, NotificationConfigurationUpdateOptions(enabled=False)
    )

    (found,) = client.notification_configurations.list(workspace.id)
    assert (found.name, found.enabled, found.url) == ("runs", False, "https://example.org/hook")
