"""The organization, its projects and workspaces, and what belongs to these."""

from __future__ import annotations

from dataclasses import dataclass, field

from testing.hcp.api import JsonObject
from testing.hcp.resource import Resource, now, reference, references, shown


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
    """A workspace with what belongs to it. ``related`` are its newest run, state and so on."""

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
    related: dict[str, Resource] = field(default_factory=dict)
    resource_count: int = 0

    @property
    def name(self) -> str:
        return self.settings.name

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
        related |= {name: each.reference() for name, each in self.related.items()}
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
