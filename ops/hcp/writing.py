"""Performs changes in HCP Terraform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import singledispatchmethod
from typing import Any

from pytfe.models import (
    CategoryType,
    ExecutionMode,
    NotificationConfigurationCreateOptions,
    NotificationConfigurationUpdateOptions,
    NotificationDestinationType,
    NotificationTriggerType,
    Project,
    ProjectCreateOptions,
    RunTriggerCreateOptions,
    TagBinding,
    VariableSetApplyToWorkspacesOptions,
    VariableSetCreateOptions,
    VariableSetRemoveFromWorkspacesOptions,
    VariableSetUpdateOptions,
    VariableSetVariableCreateOptions,
    VariableSetVariableUpdateOptions,
    VCSRepoOptions,
    WorkspaceAddRemoteStateConsumersOptions,
    WorkspaceAddTagBindingsOptions,
    WorkspaceCreateOptions,
    WorkspaceRemoveRemoteStateConsumersOptions,
    WorkspaceUpdateOptions,
)
from pytfe.models import Workspace as TfeWorkspace

from modules.settings import HcpState
from ops.hcp.client import Client
from ops.hcp.differences import (
    AddRunTrigger,
    Change,
    CreateProject,
    CreateWorkspace,
    DeleteVariables,
    DeleteWorkspace,
    Notify,
    RemoveRunTrigger,
    SetVariables,
    ShareState,
    UpdateWorkspace,
)
from ops.hcp.model import ATTRIBUTES, LEFT_ALONE, Notification, Workspace
from ops.hcp.reading import NOTIFICATION, Directory

# Our names of attributes, where those of the client differ.
_RENAMED = {"agent_pool": "agent_pool_id", "assessments": "assessments_enabled"}


class Writer:
    """Performs changes, in the order of a plan."""

    def __init__(self, client: Client, hcp: HcpState, directory: Directory) -> None:
        self._client = client
        self._tfe = client.tfe
        self._organization = hcp.organization
        self._directory = directory

    @singledispatchmethod
    def perform(self, change: Change) -> None:
        """Perform a change.

        Raises:
            OperatorError: It failed; what was done before stays.

        """
        raise NotImplementedError(type(change).__name__)

    @perform.register
    def _(self, change: CreateProject) -> None:
        options = ProjectCreateOptions(name=change.name)
        created = self._client.create(
            f"create the project {change.name}",
            lambda: self._tfe.projects.create(self._organization, options),
        )
        self._directory.project = created.id

    @perform.register
    def _(self, change: CreateWorkspace) -> None:
        options = WorkspaceCreateOptions.model_validate(
            {
                "name": change.name,
                "tag_bindings": _bindings(change.workspace.tags),
                **self._attributes(change.workspace, ATTRIBUTES),
            }
        )
        self._directory.workspaces[change.name] = self._client.create(
            f"create the workspace {change.name}",
            lambda: self._tfe.workspaces.create(self._organization, options),
        )

    @perform.register
    def _(self, change: UpdateWorkspace) -> None:
        found = self._directory.workspaces[change.name]
        if change.attributes:
            attributes = self._attributes(change.after, change.attributes)
            # The client sends an empty connection unless it is given one.
            if found.vcs_repo:
                attributes["vcs_repo"] = VCSRepoOptions.model_validate(
                    found.vcs_repo.model_dump(include=set(VCSRepoOptions.model_fields))
                )
            options = WorkspaceUpdateOptions.model_validate(attributes)
            self._client.read(
                f"update the workspace {change.name}",
                lambda: self._tfe.workspaces.update_by_id(found.id, options),
            )
        if change.tags:
            tags = WorkspaceAddTagBindingsOptions(tag_bindings=_bindings(change.tags))
            self._client.read(
                f"tag the workspace {change.name}",
                lambda: self._tfe.workspaces.add_tag_bindings(found.id, tags),
            )

    @perform.register
    def _(self, change: DeleteWorkspace) -> None:
        id_ = self._directory.id(change.name)
        workspaces = self._tfe.workspaces
        # The safe deletion refuses if the workspace has got resources since the plan.
        delete = workspaces.delete_by_id if change.has_state else workspaces.safe_delete_by_id
        self._client.create(f"delete the workspace {change.name}", lambda: delete(id_))

    @perform.register
    def _(self, change: ShareState) -> None:
        id_ = self._directory.id(change.name)
        what = f"change who reads the state of {change.name}"
        if change.added:
            added = WorkspaceAddRemoteStateConsumersOptions(workspaces=self._named(change.added))
            self._client.read(
                what, lambda: self._tfe.workspaces.add_remote_state_consumers(id_, added)
            )
        if change.removed:
            consumers = self._client.read(
                what, lambda: list(self._tfe.workspaces.list_remote_state_consumers(id_))
            )
            removed = WorkspaceRemoveRemoteStateConsumersOptions(
                workspaces=[one for one in consumers if one.name in change.removed]
            )
            self._client.read(
                what, lambda: self._tfe.workspaces.remove_remote_state_consumers(id_, removed)
            )

    @perform.register
    def _(self, change: AddRunTrigger) -> None:
        id_ = self._directory.id(change.name)
        (source,) = self._named({change.source})
        options = RunTriggerCreateOptions(sourceable=source)
        self._client.create(
            f"add a run trigger to {change.name}",
            lambda: self._tfe.run_triggers.create(id_, options),
        )

    @perform.register
    def _(self, change: RemoveRunTrigger) -> None:
        trigger = self._directory.triggers[change.name, change.source]
        self._client.create(
            f"remove a run trigger of {change.name}",
            lambda: self._tfe.run_triggers.delete(trigger),
        )

    @perform.register
    def _(self, change: SetVariables) -> None:
        id_ = self._directory.variable_set or self._create_set(change.name)
        self._directory.variable_set = id_
        if change.before and change.before.is_global:
            options = VariableSetUpdateOptions.model_validate({"global": False})
            self._client.read(
                f"change the variable set {change.name}",
                lambda: self._tfe.variable_sets.update(id_, options),
            )
        before = change.before.variables if change.before else {}
        for key in sorted(before.keys() | change.after.variables.keys()):
            self._set_variable(id_, key, before, change.after.variables)
        self._assign(id_, change)

    @perform.register
    def _(self, change: DeleteVariables) -> None:
        id_ = str(self._directory.variable_set)
        self._client.create(
            f"delete the variable set {change.name}", lambda: self._tfe.variable_sets.delete(id_)
        )

    @perform.register
    def _(self, change: Notify) -> None:
        existing = self._directory.notifications.get(change.name)
        what = f"set the notification of {change.name}"
        configurations = self._client.notifications
        same_kind = change.before and change.after and change.before.kind == change.after.kind
        if existing and change.after and same_kind:
            options = NotificationConfigurationUpdateOptions(
                enabled=True,
                url=change.after.url,
                triggers=_triggers(change.after),
            )
            self._client.read(what, lambda: configurations.update(existing, options))
            return
        if existing:
            self._client.create(what, lambda: configurations.delete(existing))
        if change.after:
            created = NotificationConfigurationCreateOptions(
                destination_type=NotificationDestinationType(change.after.kind),
                enabled=True,
                name=NOTIFICATION,
                url=change.after.url,
                triggers=_triggers(change.after),
            )
            id_ = self._directory.id(change.name)
            self._client.create(what, lambda: configurations.create(id_, created))

    def _attributes(self, workspace: Workspace, names: tuple[str, ...]) -> dict[str, Any]:
        """Return attributes as the client wants them."""
        if "execution_mode" in names and "agent_pool" not in names:
            # The client insists on the pool beside the mode "agent".
            names = (*names, "agent_pool")
        given: dict[str, Any] = {
            _RENAMED.get(name, name): getattr(workspace, name)
            for name in names
            if name != "project" and not (name in LEFT_ALONE and getattr(workspace, name) is None)
        }
        if "execution_mode" in given:
            given["execution_mode"] = ExecutionMode(workspace.execution_mode)
        if "trigger_patterns" in given:
            given["trigger_patterns"] = list(workspace.trigger_patterns)
        if "project" in names and self._directory.project and workspace.project:
            given["project"] = Project(id=self._directory.project)
        return given

    def _named(self, names: Iterable[str]) -> list[TfeWorkspace]:
        return [self._directory.workspaces[name] for name in sorted(names)]

    def _create_set(self, name: str) -> str:
        options = VariableSetCreateOptions.model_validate(
            {"name": name, "description": "Set up by `ops hcp sync`", "global": False}
        )
        created = self._client.create(
            f"create the variable set {name}",
            lambda: self._tfe.variable_sets.create(self._organization, options),
        )
        return str(created.id)

    def _set_variable(
        self,
        id_: str,
        key: str,
        before: Mapping[str, str | None],
        after: Mapping[str, str | None],
    ) -> None:
        if key in before and before[key] == after.get(key):
            return
        variables = self._tfe.variable_set_variables
        existing = self._directory.variables.get(key, "")
        if key in before and key in after and before[key] is not None:
            options = VariableSetVariableUpdateOptions(value=after[key])
            self._client.read(
                f"update the variable {key}", lambda: variables.update(id_, existing, options)
            )
            return
        if key in before:
            self._client.create(
                f"delete the variable {key}", lambda: variables.delete(id_, existing)
            )
        if key in after:
            created = VariableSetVariableCreateOptions(
                key=key, value=after[key], category=CategoryType.ENV, hcl=False, sensitive=False
            )
            self._client.create(
                f"create the variable {key}", lambda: variables.create(id_, created)
            )

    def _assign(self, id_: str, change: SetVariables) -> None:
        before = change.before.workspaces if change.before else frozenset()
        what = f"assign the variable set {change.name}"
        if added := change.after.workspaces - before:
            apply = VariableSetApplyToWorkspacesOptions(workspaces=self._named(added))
            self._client.read(what, lambda: self._tfe.variable_sets.apply_to_workspaces(id_, apply))
        if removed := before - change.after.workspaces:
            # Of workspaces elsewhere only the identity is known.
            others = [
                self._directory.workspaces.get(name) or TfeWorkspace.model_validate({"id": name})
                for name in removed
            ]
            remove = VariableSetRemoveFromWorkspacesOptions(workspaces=others)
            self._client.read(
                what, lambda: self._tfe.variable_sets.remove_from_workspaces(id_, remove)
            )


def _bindings(tags: Mapping[str, str]) -> list[TagBinding]:
    return [TagBinding(key=key, value=value) for key, value in sorted(tags.items())]


def _triggers(notification: Notification) -> list[NotificationTriggerType | str]:
    return [NotificationTriggerType(one) for one in sorted(notification.triggers)]
