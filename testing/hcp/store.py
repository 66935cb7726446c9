"""Everything in the organization."""

from __future__ import annotations

import threading

from testing.hcp.api import ApiError, InvalidError, NotFoundError
from testing.hcp.model import (
    NotificationConfiguration,
    Organization,
    Project,
    ProjectSettings,
    RunTrigger,
    Variable,
    VariableSet,
    Workspace,
    WorkspaceSettings,
)
from testing.hcp.objects import Objects
from testing.hcp.resource import first
from testing.hcp.runs import APPLIED, ConfigurationVersion, Run
from testing.hcp.states import StateVersion

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

    def states_of(self, workspace: Workspace) -> list[StateVersion]:
        return [each for each in self.states.values() if each.workspace is workspace]

    def current_state(self, workspace: Workspace) -> StateVersion | None:
        """Return the newest state whose content is there."""
        complete = [each for each in self.states_of(workspace) if not each.is_pending]
        return complete[-1] if complete else None

    def add_state(
        self,
        workspace: Workspace,
        *,
        serial: int,
        md5: str,
        lineage: str | None,
        run: str | None = None,
        force: bool = False,
    ) -> StateVersion:
        """Announce a new state of a workspace; it must continue the current one, unless forced."""
        current = self.current_state(workspace)
        if current and not force:
            if lineage and current.lineage and lineage != current.lineage:
                raise ApiError(409, "the lineage differs from that of the current state")
            if serial < current.serial or (serial == current.serial and md5 != current.md5):
                raise ApiError(409, "the serial is not newer than that of the current state")
        created = StateVersion(
            workspace=workspace, serial=serial, md5=md5, lineage=lineage, run=run
        )
        created.upload_url = self.objects.to_put(created.accept)
        created.json_upload_url = self.objects.to_put(created.accept_json)
        created.download_url = self.objects.to_get(lambda: created.content or b"")
        created.json_download_url = self.objects.to_get(lambda: created.json_content or b"")
        self.states[created.id] = created
        return created

    def configurations_of(self, workspace: Workspace) -> list[ConfigurationVersion]:
        return [each for each in self.configurations.values() if each.workspace is workspace]

    def latest_configuration(self, workspace: Workspace) -> ConfigurationVersion | None:
        """Return the newest configuration that runs may apply; a provisional one, once applied."""
        applied = {one.configuration.id for one in self.runs_of(workspace) if one.status == APPLIED}
        usable = [
            each
            for each in self.configurations_of(workspace)
            if each.content is not None
            and not each.speculative
            and (not each.provisional or each.id in applied)
        ]
        return usable[-1] if usable else None

    def runs_of(self, workspace: Workspace) -> list[Run]:
        return [each for each in self.runs.values() if each.workspace is workspace]

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
