"""What an organization of HCP Terraform consists of, and how the API shows it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testing.hcp.api import ApiError, InvalidError, JsonObject, NotFoundError
from testing.hcp.objects import Objects
from testing.hcp.resource import Resource, first, now, reference, references, shown

if TYPE_CHECKING:
    from testing.hcp.runs import ConfigurationVersion, Run
    from testing.hcp.states import StateVersion


@dataclass(kw_only=True, eq=False)
class Organization(Resource):
    """The organization. ``assessments`` says whether its plan includes health assessments."""

    TYPE = "organizations"
    PREFIX = "org"

    name: str
    assessments: bool = True

    def __post_init__(self) -> None:
        self.id = self.name

    def attributes(self) -> JsonObject:
        return {
            "name": self.name,
            "email": f"admin@{self.name}.example",
            "external-id": f"org-{self.name}",
            "default-execution-mode": "remote",
            "assessments-enforced": False,
            "permissions": {"can-update": True, "can-create-workspace": True},
        }


@dataclass(kw_only=True, eq=False)
class EntitlementSet(Resource):
    """What the plan of an organization allows."""

    TYPE = "entitlement-sets"
    PREFIX = "org"

    assessments: bool

    def attributes(self) -> JsonObject:
        return {
            "agents": True,
            "assessments": self.assessments,
            "audit-logging": False,
            "cost-estimation": False,
            "operations": True,
            "private-module-registry": True,
            "run-tasks": True,
            "sentinel": False,
            "sso": False,
            "state-storage": True,
            "teams": True,
            "vcs-integrations": True,
        }


@dataclass(frozen=True, kw_only=True)
class ProjectSettings:
    name: str = ""
    description: str | None = None
    default_execution_mode: str = "remote"


@dataclass(kw_only=True, eq=False)
class Project(Resource):
    """A group of workspaces."""

    TYPE = "projects"
    PREFIX = "prj"

    organization: Organization
    settings: ProjectSettings
    tags: dict[str, str] = field(default_factory=dict)
    workspace_count: int = 0

    def attributes(self) -> JsonObject:
        return {
            **shown(self.settings),
            "is-unified": False,
            "workspace-count": self.workspace_count,
            "permissions": {"can-update": True, "can-destroy": True, "can-create-workspace": True},
        }

    def relationships(self) -> JsonObject:
        return {"organization": self.organization.reference()}


@dataclass(frozen=True, kw_only=True)
class WorkspaceSettings:
    """What a client may set of a workspace."""

    name: str = ""
    description: str | None = None
    execution_mode: str = "remote"
    agent_pool_id: str | None = None
    terraform_version: str = "1.11.4"
    working_directory: str | None = None
    auto_apply: bool = False
    auto_apply_run_trigger: bool = False
    allow_destroy_plan: bool = True
    assessments_enabled: bool = False
    file_triggers_enabled: bool = True
    global_remote_state: bool = False
    project_remote_state: bool = False
    queue_all_runs: bool = False
    speculative_enabled: bool = True
    structured_run_output_enabled: bool = True
    trigger_prefixes: list[str] = field(default_factory=list)
    trigger_patterns: list[str] = field(default_factory=list)
    source_name: str | None = None
    source_url: str | None = None
    vcs_repo: JsonObject | None = None


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who locked a workspace (a user or a run), and why."""

    kind: str
    holder: str
    reason: str


@dataclass(kw_only=True, eq=False)
class Workspace(Resource):
    """A workspace with what belongs to it."""

    TYPE = "workspaces"
    PREFIX = "ws"

    organization: Organization
    project: Project
    settings: WorkspaceSettings
    setting_overwrites: JsonObject = field(
        default_factory=lambda: {"execution-mode": False, "agent-pool": False}
    )
    updated_at: str = field(default_factory=now)
    tag_names: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    lock: Lock | None = None
    consumers: list[Workspace] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    notifications: list[NotificationConfiguration] = field(default_factory=list)
    states: list[StateVersion] = field(default_factory=list)
    configurations: list[ConfigurationVersion] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    current_run: Run | None = None
    resource_count: int = 0

    @property
    def name(self) -> str:
        return self.settings.name

    def latest_configuration(self) -> ConfigurationVersion | None:
        """Return the newest configuration that runs may apply."""
        usable = [
            each
            for each in self.configurations
            if each.content is not None and not each.speculative
        ]
        return usable[-1] if usable else None

    def shares_state_with(self, reader: Workspace) -> bool:
        """Return whether runs of another workspace may read its state."""
        settings = self.settings
        return (
            reader is self
            or settings.global_remote_state
            or (settings.project_remote_state and reader.project is self.project)
            or reader in self.consumers
        )

    def has_resources(self) -> bool:
        """Return whether its state has resources, so that a safe deletion is refused."""
        return self.resource_count > 0

    def attributes(self) -> JsonObject:
        return {
            **shown(self.settings),
            "setting-overwrites": self.setting_overwrites,
            "actions": {"is-destroyable": True},
            "environment": "default",
            "locked": self.lock is not None,
            "locked-reason": self.lock.reason if self.lock else None,
            "operations": self.settings.execution_mode != "local",
            "permissions": dict.fromkeys(_WORKSPACE_PERMISSIONS, True),
            "resource-count": self.resource_count,
            "source": "tfe-api",
            "tag-names": sorted(self.tag_names),
            "updated-at": self.updated_at,
            "vcs-repo-identifier": (self.settings.vcs_repo or {}).get("identifier"),
        }

    def relationships(self) -> JsonObject:
        related = {
            "organization": self.organization.reference(),
            "project": self.project.reference(),
            "remote-state-consumers": {
                "links": {
                    "related": f"/api/v2/workspaces/{self.id}/relationships/remote-state-consumers"
                }
            },
        }
        if self.settings.agent_pool_id:
            related["agent-pool"] = reference("agent-pools", self.settings.agent_pool_id)
        if self.states:
            related["current-state-version"] = self.states[-1].reference()
        if self.configurations:
            related["current-configuration-version"] = self.configurations[-1].reference()
        if self.current_run:
            related["current-run"] = self.current_run.reference()
        if self.runs:
            related["latest-run"] = self.runs[-1].reference()
        if self.lock:
            related["locked-by"] = reference(self.lock.kind, self.lock.holder)
        return related

    def links(self) -> JsonObject:
        path = f"organizations/{self.organization.name}/workspaces/{self.name}"
        return {
            "self": f"/api/v2/{path}",
            "self-html": f"/app/{self.organization.name}/workspaces/{self.name}",
        }


_WORKSPACE_PERMISSIONS = (
    "can-create-state-versions",
    "can-destroy",
    "can-force-delete",
    "can-force-unlock",
    "can-lock",
    "can-queue-apply",
    "can-queue-destroy",
    "can-queue-run",
    "can-read-assessment-result",
    "can-read-settings",
    "can-read-state-outputs",
    "can-read-state-versions",
    "can-read-variable",
    "can-unlock",
    "can-update",
    "can-update-variable",
)


@dataclass(frozen=True, kw_only=True)
class VariableSettings:
    key: str = ""
    value: str | None = ""
    description: str | None = None
    category: str = ""
    hcl: bool = False
    sensitive: bool = False


@dataclass(kw_only=True, eq=False)
class Variable(Resource):
    """A variable of a workspace or of a variable set. A sensitive value can only be written."""

    TYPE = "vars"
    PREFIX = "var"

    owner: Workspace | VariableSet
    settings: VariableSettings
    version: int = 1

    def attributes(self) -> JsonObject:
        attributes = {**shown(self.settings), "version-id": f"{self.version:064x}"}
        if self.settings.sensitive:
            attributes["value"] = None
        return attributes

    def relationships(self) -> JsonObject:
        name = "configurable" if isinstance(self.owner, Workspace) else "varset"
        return {name: self.owner.reference()}


@dataclass(frozen=True, kw_only=True)
class VariableSetSettings:
    name: str = ""
    description: str | None = None
    global_: bool = False
    priority: bool = False


@dataclass(kw_only=True, eq=False)
class VariableSet(Resource):
    """Variables for several workspaces."""

    TYPE = "varsets"
    PREFIX = "varset"

    organization: Organization
    parent: Organization | Project
    settings: VariableSetSettings
    updated_at: str = field(default_factory=now)
    variables: list[Variable] = field(default_factory=list)
    workspaces: list[Workspace] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)

    def applies_to_project(self, project: Project) -> bool:
        if self.settings.global_:
            return self.parent in (project.organization, project)
        return project in self.projects or self.parent is project

    def applies_to(self, workspace: Workspace) -> bool:
        if self.settings.global_:
            return self.parent in (workspace.organization, workspace.project)
        return workspace in self.workspaces or workspace.project in self.projects

    def attributes(self) -> JsonObject:
        return {
            **shown(self.settings),
            "updated-at": self.updated_at,
            "var-count": len(self.variables),
            "workspace-count": len(self.workspaces),
            "project-count": len(self.projects),
        }

    def relationships(self) -> JsonObject:
        return {
            "organization": self.organization.reference(),
            "parent": self.parent.reference(),
            "vars": references(self.variables),
            "workspaces": references(self.workspaces),
            "projects": references(self.projects),
        }


@dataclass(kw_only=True, eq=False)
class RunTrigger(Resource):
    """Queues a run in ``workspace`` after each apply in ``source``."""

    TYPE = "run-triggers"
    PREFIX = "rt"

    workspace: Workspace
    source: Workspace

    def attributes(self) -> JsonObject:
        return {"workspace-name": self.workspace.name, "sourceable-name": self.source.name}

    def relationships(self) -> JsonObject:
        return {"workspace": self.workspace.reference(), "sourceable": self.source.reference()}


@dataclass(frozen=True, kw_only=True)
class NotificationSettings:
    name: str = ""
    destination_type: str = ""
    enabled: bool = False
    url: str | None = None
    token: str | None = None
    triggers: list[str] = field(default_factory=list)
    email_addresses: list[str] = field(default_factory=list)


@dataclass(kw_only=True, eq=False)
class NotificationConfiguration(Resource):
    """Where a workspace reports its runs. The token can only be written."""

    TYPE = "notification-configurations"
    PREFIX = "nc"

    workspace: Workspace
    settings: NotificationSettings
    users: list[str] = field(default_factory=list)
    updated_at: str = field(default_factory=now)

    def attributes(self) -> JsonObject:
        return {
            **shown(self.settings),
            "token": None,
            "delivery-responses": [],
            "updated-at": self.updated_at,
        }

    def relationships(self) -> JsonObject:
        return {
            "subscribable": self.workspace.reference(),
            "users": {"data": [{"id": user, "type": "users"} for user in self.users]},
        }


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag of an organization, whose name is its identity here."""

    name: str

    def render(self) -> JsonObject:
        return {
            "id": f"tag-{self.name}",
            "type": "tags",
            "attributes": {"name": self.name},
        }


@dataclass(frozen=True, kw_only=True)
class TagBinding:
    """A key and a value on a workspace or a project."""

    key: str
    value: str
    effective: bool = False

    def render(self) -> JsonObject:
        type_ = "effective-tag-bindings" if self.effective else "tag-bindings"
        return {
            "id": f"tb-{self.key}",
            "type": type_,
            "attributes": {"key": self.key, "value": self.value},
        }


DEFAULT_PROJECT = "Default Project"


class Store:
    """Everything in the organization. Each request, and each step of a run, holds ``lock``."""

    def __init__(self, organization: str, *, assessments: bool = True) -> None:
        self.lock = threading.RLock()
        self.organization = Organization(name=organization, assessments=assessments)
        self.projects: dict[str, Project] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.variable_sets: dict[str, VariableSet] = {}
        self.run_triggers: dict[str, RunTrigger] = {}
        self.notifications: dict[str, NotificationConfiguration] = {}
        self.states: dict[str, StateVersion] = {}
        self.configurations: dict[str, ConfigurationVersion] = {}
        self.runs: dict[str, Run] = {}
        self.objects = Objects()
        self.default_project = self.add_project(ProjectSettings(name=DEFAULT_PROJECT))

    def find_organization(self, name: str) -> Organization:
        if name != self.organization.name:
            raise NotFoundError
        return self.organization

    def add_project(self, settings: ProjectSettings) -> Project:
        if any(one.settings.name == settings.name for one in self.projects.values()):
            raise InvalidError("name", "has already been taken")
        project = Project(organization=self.organization, settings=settings)
        self.projects[project.id] = project
        return project

    def project_named(self, name: str) -> Project:
        return first([one for one in self.projects.values() if one.settings.name == name])

    def workspaces_in(self, project: Project) -> list[Workspace]:
        return [one for one in self.workspaces.values() if one.project is project]

    def add_workspace(self, settings: WorkspaceSettings, project: Project) -> Workspace:
        workspace = Workspace(organization=self.organization, project=project, settings=settings)
        self.workspaces[workspace.id] = workspace
        return workspace

    def workspace_named(self, name: str) -> Workspace:
        return first([one for one in self.workspaces.values() if one.name == name])

    def delete_workspace(self, workspace: Workspace) -> None:
        del self.workspaces[workspace.id]
        for other in self.workspaces.values():
            other.consumers = [one for one in other.consumers if one is not workspace]
        for variables in self.variable_sets.values():
            variables.workspaces = [one for one in variables.workspaces if one is not workspace]
        for trigger in list(self.run_triggers.values()):
            if workspace in (trigger.workspace, trigger.source):
                del self.run_triggers[trigger.id]
        for notification in workspace.notifications:
            del self.notifications[notification.id]

    def variables_of(self, workspace: Workspace) -> list[Variable]:
        """Return the variables of its runs; those of sets with priority win over its own."""
        sets = [each for each in self.variable_sets.values() if each.applies_to(workspace)]
        # Sets for a workspace win over those for its project, these over global ones.
        sets.sort(key=lambda each: (workspace in each.workspaces, not each.settings.global_))
        ordered: list[Variable] = []
        for each in sets:
            if not each.settings.priority:
                ordered += each.variables
        ordered += workspace.variables
        for each in sets:
            if each.settings.priority:
                ordered += each.variables
        found = {(each.settings.key, each.settings.category): each for each in ordered}
        return list(found.values())

    def require_assessments(self, settings: WorkspaceSettings) -> None:
        """Refuse health assessments where the plan of the organization has none."""
        if settings.assessments_enabled and not self.organization.assessments:
            raise ApiError(
                422,
                "invalid attribute",
                detail="Assessments are not available for this organization",
                pointer="/data/attributes/assessments-enabled",
            )
