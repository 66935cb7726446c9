"""Workspaces, their tags and the consumers of their state."""

from __future__ import annotations

import fnmatch
import re

from testing.hcp.api import (
    ApiError,
    InvalidError,
    JsonObject,
    NotFoundError,
    Rendered,
    Request,
    Response,
    Routes,
    everything,
    nothing,
    one,
    page,
)
from testing.hcp.model import Lock, Tag, TagBinding, Workspace, WorkspaceSettings
from testing.hcp.resource import changed, find, now
from testing.hcp.routes.organizations import bindings, keys_and_values
from testing.hcp.service import Service

ROUTES = Routes()

_MODES = ("remote", "local", "agent")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,90}")
_CONSUMERS = "/api/v2/workspaces/{id}/relationships/remote-state-consumers"
_TAGS = "/api/v2/workspaces/{id}/relationships/tags"


@ROUTES.add("GET", "/api/v2/organizations/{name}/workspaces")
def list_workspaces(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    query = request.query
    found = sorted(service.store.workspaces.values(), key=lambda each: each.name)
    if part := query.get("search[name]"):
        found = [each for each in found if part in each.name]
    if pattern := query.get("search[wildcard-name]"):
        found = [each for each in found if fnmatch.fnmatch(each.name, pattern)]
    if tags := query.get("search[tags]"):
        found = [each for each in found if set(tags.split(",")) <= set(each.tag_names)]
    if project := query.get("filter[project][id]"):
        found = [each for each in found if each.project.id == project]
    for number in range(len(query)):
        if key := query.get(f"filter[tagged][{number}][key]"):
            value = query.get(f"filter[tagged][{number}][value]")
            found = [
                each for each in found if key in each.tags and value in (None, "", each.tags[key])
            ]
    return page(request, found)


@ROUTES.add("POST", "/api/v2/organizations/{name}/workspaces")
def create_workspace(service: Service, request: Request, name: str) -> Response:
    store = service.store
    store.find_organization(name)
    project_id = request.related("project")
    project = find(store.projects, project_id) if project_id else store.default_project
    attributes = _plain(request.attributes())
    inherited = WorkspaceSettings(execution_mode=project.settings.default_execution_mode)
    settings = changed(inherited, attributes)
    _check(service, settings)
    workspace = store.add_workspace(settings, project)
    _remember_overwrites(workspace, attributes)
    workspace.tags = bindings(request) or {}
    return one(workspace, status=201)


@ROUTES.add("GET", "/api/v2/organizations/{name}/workspaces/{workspace}", is_for_runs=True)
def show_workspace(service: Service, request: Request, name: str, workspace: str) -> Response:
    return _show(service, request, _named(service, name, workspace))


@ROUTES.add("GET", "/api/v2/workspaces/{id}")
def show_workspace_by_id(service: Service, request: Request, id_: str) -> Response:
    return _show(service, request, find(service.store.workspaces, id_))


@ROUTES.add("PATCH", "/api/v2/organizations/{name}/workspaces/{workspace}")
def update_workspace(service: Service, request: Request, name: str, workspace: str) -> Response:
    return _update(service, request, _named(service, name, workspace))


@ROUTES.add("PATCH", "/api/v2/workspaces/{id}")
def update_workspace_by_id(service: Service, request: Request, id_: str) -> Response:
    return _update(service, request, find(service.store.workspaces, id_))


@ROUTES.add("DELETE", "/api/v2/organizations/{name}/workspaces/{workspace}")
def delete_workspace(service: Service, request: Request, name: str, workspace: str) -> Response:
    service.store.delete_workspace(_named(service, name, workspace))
    return nothing()


@ROUTES.add("DELETE", "/api/v2/workspaces/{id}")
def delete_workspace_by_id(service: Service, request: Request, id_: str) -> Response:
    service.store.delete_workspace(find(service.store.workspaces, id_))
    return nothing()


@ROUTES.add("POST", "/api/v2/organizations/{name}/workspaces/{workspace}/actions/safe-delete")
def safely_delete(service: Service, request: Request, name: str, workspace: str) -> Response:
    return _safely_delete(service, _named(service, name, workspace))


@ROUTES.add("POST", "/api/v2/workspaces/{id}/actions/safe-delete")
def safely_delete_by_id(service: Service, request: Request, id_: str) -> Response:
    return _safely_delete(service, find(service.store.workspaces, id_))


@ROUTES.add("POST", "/api/v2/workspaces/{id}/actions/lock")
def lock(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    if workspace.lock:
        raise ApiError(409, "workspace already locked", detail=workspace.lock.reason)
    reason = str(request.document().get("reason") or "")
    workspace.lock = Lock(kind=request.caller.kind, holder=request.caller.id, reason=reason)
    return one(workspace)


@ROUTES.add("POST", "/api/v2/workspaces/{id}/actions/unlock")
def unlock(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    if workspace.lock is None:
        raise ApiError(409, "workspace already unlocked")
    if workspace.lock.holder != request.caller.id:
        raise ApiError(409, "workspace is locked by someone else", detail=workspace.lock.reason)
    if any(each.is_pending for each in service.store.states_of(workspace)[-1:]):
        raise ApiError(
            409, "conflict", detail="the latest state version is still pending; try again later"
        )
    return _unlocked(service, workspace)


@ROUTES.add("POST", "/api/v2/workspaces/{id}/actions/force-unlock")
def force_unlock(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    if workspace.lock is None:
        raise ApiError(409, "workspace already unlocked")
    return _unlocked(service, workspace)


@ROUTES.add("GET", _CONSUMERS)
def list_consumers(service: Service, request: Request, id_: str) -> Response:
    return page(request, find(service.store.workspaces, id_).consumers)


@ROUTES.add("POST", _CONSUMERS)
def add_consumers(service: Service, request: Request, id_: str) -> Response:
    workspace, named = find(service.store.workspaces, id_), _workspaces(service, request)
    workspace.consumers += [each for each in named if each not in workspace.consumers]
    return nothing()


@ROUTES.add("PATCH", _CONSUMERS)
def replace_consumers(service: Service, request: Request, id_: str) -> Response:
    find(service.store.workspaces, id_).consumers = _workspaces(service, request)
    return nothing()


@ROUTES.add("DELETE", _CONSUMERS)
def remove_consumers(service: Service, request: Request, id_: str) -> Response:
    workspace, named = find(service.store.workspaces, id_), _workspaces(service, request)
    workspace.consumers = [each for each in workspace.consumers if each not in named]
    return nothing()


@ROUTES.add("GET", _TAGS)
def list_tags(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    return page(request, [Tag(name=name) for name in sorted(workspace.tag_names)])


@ROUTES.add("POST", _TAGS)
def add_tags(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    workspace.tag_names += [each for each in _tags(request) if each not in workspace.tag_names]
    return nothing()


@ROUTES.add("DELETE", _TAGS)
def remove_tags(service: Service, request: Request, id_: str) -> Response:
    workspace, removed = find(service.store.workspaces, id_), _tags(request)
    workspace.tag_names = [each for each in workspace.tag_names if each not in removed]
    return nothing()


@ROUTES.add("GET", "/api/v2/workspaces/{id}/tag-bindings")
def list_tag_bindings(service: Service, request: Request, id_: str) -> Response:
    tags = find(service.store.workspaces, id_).tags
    return everything([TagBinding(key=key, value=value) for key, value in tags.items()])


@ROUTES.add("GET", "/api/v2/workspaces/{id}/effective-tag-bindings")
def list_effective_tag_bindings(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    return everything(
        [
            TagBinding(key=key, value=value, effective=True)
            for key, value in {**workspace.project.tags, **workspace.tags}.items()
        ]
    )


@ROUTES.add("PATCH", "/api/v2/workspaces/{id}/tag-bindings")
def add_tag_bindings(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    workspace.tags |= keys_and_values(request.document().get("data") or [])
    return list_tag_bindings(service, request, id_)


def _unlocked(service: Service, workspace: Workspace) -> Response:
    workspace.lock = None
    service.runner.proceed(workspace)
    return one(workspace)


def _named(service: Service, organization: str, name: str) -> Workspace:
    service.store.find_organization(organization)
    return service.store.workspace_named(name)


def _show(service: Service, request: Request, workspace: Workspace) -> Response:
    if not service.may_read_state(request.caller, workspace):
        raise NotFoundError
    included: list[Rendered] = []
    if request.included("project"):
        included.append(workspace.project)
    if request.included("organization"):
        included.append(workspace.organization)
    return one(workspace, included=included)


def _update(service: Service, request: Request, workspace: Workspace) -> Response:
    attributes = _plain(request.attributes())
    settings = changed(workspace.settings, attributes)
    _check(service, settings, workspace)
    if project := request.related("project"):
        workspace.project = find(service.store.projects, project)
    if (found := bindings(request)) is not None:
        workspace.tags = found
    workspace.settings = settings
    workspace.updated_at = now()
    _remember_overwrites(workspace, attributes)
    return one(workspace)


def _plain(attributes: JsonObject) -> JsonObject:
    """Return attributes as a workspace keeps them: the old flag for local execution is a mode."""
    if "operations" in attributes and "execution-mode" not in attributes:
        mode = "remote" if attributes["operations"] else "local"
        attributes = {**attributes, "execution-mode": mode}
    if attributes.get("vcs-repo") == {}:
        # HashiCorp's Python client always sends it.
        attributes = {name: value for name, value in attributes.items() if name != "vcs-repo"}
    return attributes


def _remember_overwrites(workspace: Workspace, attributes: JsonObject) -> None:
    """Note whether the execution mode is the workspace's own or that of its project."""
    if "execution-mode" in attributes:
        workspace.setting_overwrites["execution-mode"] = True
    for name, value in (attributes.get("setting-overwrites") or {}).items():
        workspace.setting_overwrites[name] = value


def _check(
    service: Service, settings: WorkspaceSettings, workspace: Workspace | None = None
) -> None:
    if not _NAME.fullmatch(settings.name):
        raise InvalidError("name", "may have letters, numbers, dashes and underscores only")
    others = [each for each in service.store.workspaces.values() if each is not workspace]
    if any(each.name == settings.name for each in others):
        raise InvalidError("name", "has already been taken")
    if settings.execution_mode not in _MODES:
        raise InvalidError("execution-mode", f"is not one of {', '.join(_MODES)}")
    if (settings.execution_mode == "agent") != (settings.agent_pool_id is not None):
        raise InvalidError("agent-pool-id", "belongs to the execution mode agent, which needs it")
    service.store.require_assessments(settings)


def _safely_delete(service: Service, workspace: Workspace) -> Response:
    if workspace.lock:
        raise ApiError(409, "workspace is locked")
    if workspace.has_resources():
        raise ApiError(409, "workspace is still managing resources")
    service.store.delete_workspace(workspace)
    return nothing()


def _workspaces(service: Service, request: Request) -> list[Workspace]:
    return [find(service.store.workspaces, each) for each in request.identities()]


def _tags(request: Request) -> list[str]:
    """Return the names of the tags in a request, which gives names or identities."""
    data = request.document().get("data") or []
    return [
        str((each.get("attributes") or {}).get("name") or each["id"].removeprefix("tag-"))
        for each in data
    ]
