"""What an environment has in HCP Terraform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytfe.models import (
    CategoryType,
    NotificationConfiguration,
    Project,
    ProjectListOptions,
    RunTriggerFilterOp,
    RunTriggerListOptions,
    VariableSetIncludeOpt,
    VariableSetListOptions,
    VariableSetVariable,
    WorkspaceListOptions,
)
from pytfe.models import VariableSet as TfeVariableSet
from pytfe.models import Workspace as TfeWorkspace

from modules.catalogue import Layer
from modules.naming import Naming
from modules.settings import HcpState
from ops.common.errors import BadInputError
from ops.hcp.client import Client
from ops.hcp.model import Found, Notification, VariableSet, Wanted, Workspace
from ops.hcp.wanted import own_tags

# Of the notification that this project sets up; others of a workspace are left alone.
NOTIFICATION = "co2-analysis"


class Directory:
    """The identities that HCP Terraform uses, by name; filled while reading and creating."""

    def __init__(self) -> None:
        self.project: str | None = None
        self.workspaces: dict[str, TfeWorkspace] = {}
        self.triggers: dict[tuple[str, str], str] = {}
        self.variable_set: str | None = None
        self.variables: dict[str, str] = {}
        self.notifications: dict[str, str] = {}

    def id(self, workspace: str) -> str:
        """Return the identity of a workspace."""
        return self.workspaces[workspace].id


def read(client: Client, hcp: HcpState, naming: Naming, wanted: Wanted) -> tuple[Found, Directory]:
    """Return what there is of ``wanted``, and workspaces of this environment beyond it.

    Raises:
        OperatorError: HCP Terraform could not be read.

    """
    directory = Directory()
    projects = _projects(client, hcp)
    if wanted.project in projects.values():
        directory.project = next(id_ for id_, name in projects.items() if name == wanted.project)
    names = [one.name for one in wanted.workspaces]
    directory.workspaces = {str(one.name): one for one in _workspaces(client, hcp, naming, names)}
    return (
        Found(
            project=wanted.project if directory.project else None,
            workspaces={
                name: _workspace(client, one, projects, wanted, directory)
                for name, one in directory.workspaces.items()
            },
            with_state=frozenset(
                name for name, one in directory.workspaces.items() if has_state(one)
            ),
            variable_set=_variable_set(client, hcp, naming.variable_set, directory),
        ),
        directory,
    )


def has_state(workspace: TfeWorkspace) -> bool:
    """Return whether a workspace has a state, or resources in one."""
    return workspace.current_state_version is not None or bool(workspace.resource_count)


def require_entitlements(client: Client, hcp: HcpState) -> None:
    """Raise unless the organization's edition has what the settings ask for.

    Raises:
        BadInputError: It does not.

    """
    if not hcp.assessments and hcp.execution_mode != "agent":
        return
    allowed = client.read(
        f"read the entitlements of {hcp.organization}",
        lambda: client.tfe.organizations.read_entitlements(hcp.organization),
    )
    for setting, asked, has in (
        ("assessments = true", hcp.assessments, allowed.assessments),
        ('execution_mode = "agent"', hcp.execution_mode == "agent", allowed.agents),
    ):
        # None: the host does not say, so the request decides.
        if asked and has is False:
            raise BadInputError(
                f"the edition of {hcp.organization} does not allow [state.hcp] {setting}",
                remedy="remove that setting, or change the edition in HCP Terraform",
            )


def _projects(client: Client, hcp: HcpState) -> dict[str, str]:
    """Return the names of the projects by their identities, if the settings name one."""
    if hcp.project is None:
        return {}
    found: list[Project] = client.read(
        f"list the projects of {hcp.organization}",
        lambda: list(client.tfe.projects.list(hcp.organization, ProjectListOptions())),
    )
    return {one.id: str(one.name) for one in found}


def _workspaces(
    client: Client, hcp: HcpState, naming: Naming, names: Iterable[str]
) -> Iterator[TfeWorkspace]:
    """Yield the workspaces that are wanted, and those that have this environment's tags."""
    wanted = set(names)
    options = WorkspaceListOptions.model_validate({"search": naming.workspaces})

    def listed() -> list[TfeWorkspace]:
        every: list[TfeWorkspace] = list(client.tfe.workspaces.list(hcp.organization, options))
        if not all(one.name for one in every):
            raise ValueError("name")
        return every

    for one in client.read(f"list the workspaces of {hcp.organization}", listed):
        name = str(one.name)
        if name in wanted:
            yield one
        # An administrator applies that of the bootstrap layer: it is not managed here.
        elif name.startswith(naming.workspaces) and name != naming.workspace(Layer.BOOTSTRAP):
            # The environment "dev" must not touch what belongs to "dev-eu".
            tags = tags_of(client, one)
            if own_tags(naming.environment).items() <= tags.items():
                yield one


def tags_of(client: Client, workspace: TfeWorkspace) -> dict[str, str]:
    """Return the tags of a workspace, without those of its project."""
    return {
        one.key: one.value or ""
        for one in client.read(
            f"read the tags of {workspace.name}",
            lambda: list(client.tfe.workspaces.list_tag_bindings(workspace.id)),
        )
    }


def _workspace(
    client: Client,
    one: TfeWorkspace,
    projects: dict[str, str],
    wanted: Wanted,
    directory: Directory,
) -> Workspace:
    name = str(one.name)
    consumers = client.read(
        f"read who reads the state of {name}",
        lambda: list(client.tfe.workspaces.list_remote_state_consumers(one.id)),
    )
    return Workspace(
        name=name,
        description=one.description or "",
        project=projects.get(one.project.id) if one.project else None,
        execution_mode=one.execution_mode.value if one.execution_mode else "",
        agent_pool=one.agent_pool.id if one.agent_pool else None,
        terraform_version=one.terraform_version,
        working_directory=one.working_directory or "",
        trigger_patterns=tuple(one.trigger_patterns),
        auto_apply=bool(one.auto_apply),
        assessments=bool(one.assessments_enabled),
        global_remote_state=bool(one.global_remote_state),
        tags=tags_of(client, one),
        consumers=frozenset(str(other.name) for other in consumers),
        sources=_sources(client, one, wanted, directory),
        notification=_notification(client, one, directory),
    )


def _sources(
    client: Client, one: TfeWorkspace, wanted: Wanted, directory: Directory
) -> frozenset[str]:
    """Return the workspaces of this environment whose runs start runs of this workspace."""
    name = str(one.name)
    options = RunTriggerListOptions(
        run_trigger_type=RunTriggerFilterOp.RUN_TRIGGER_INBOUND, page_size=100
    )
    found = client.read(
        f"list the run triggers of {name}",
        lambda: list(client.tfe.run_triggers.list(one.id, options)),
    )
    ours = {other.name for other in wanted.workspaces} | directory.workspaces.keys()
    sources = {trigger.sourceable_name: trigger.id for trigger in found}
    directory.triggers |= {(name, source): id_ for source, id_ in sources.items()}
    return frozenset(sources.keys() & ours)


def _notification(client: Client, one: TfeWorkspace, directory: Directory) -> Notification | None:
    found: list[NotificationConfiguration] = client.read(
        f"list the notifications of {one.name}",
        lambda: list(client.notifications.list(one.id)),
    )
    for each in found:
        if each.name == NOTIFICATION:
            directory.notifications[str(one.name)] = str(each.id)
            return Notification(
                kind=each.destination_type or "",
                triggers=frozenset(trigger.value for trigger in each.triggers),
                url=each.url,
                enabled=each.enabled,
            )
    return None


def _variable_set(
    client: Client, hcp: HcpState, name: str, directory: Directory
) -> VariableSet | None:
    options = VariableSetListOptions(query=name, include=[VariableSetIncludeOpt.WORKSPACES])
    found: list[TfeVariableSet] = client.read(
        f"list the variable sets of {hcp.organization}",
        lambda: list(client.tfe.variable_sets.list(hcp.organization, options)),
    )
    one = next((each for each in found if each.name == name), None)
    if one is None:
        return None
    directory.variable_set = identity = str(one.id)
    variables: list[VariableSetVariable] = client.read(
        f"list the variables of {name}",
        lambda: list(client.tfe.variable_set_variables.list(identity)),
    )
    directory.variables = {each.key: str(each.id) for each in variables}
    names = {each.id: workspace for workspace, each in directory.workspaces.items()}
    return VariableSet(
        name=name,
        variables={
            each.key: each.value
            if each.category == CategoryType.ENV and not each.hcl and not each.sensitive
            else None
            for each in variables
        },
        workspaces=frozenset(names.get(each.id, each.id) for each in one.workspaces),
        is_global=bool(one.global_),
    )
