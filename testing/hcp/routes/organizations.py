"""The organization, its entitlements, and its projects."""

from __future__ import annotations

from testing.hcp.api import (
    ApiError,
    InvalidError,
    JsonObject,
    Request,
    Response,
    Routes,
    everything,
    nothing,
    one,
    page,
)
from testing.hcp.model import EntitlementSet, Project, ProjectSettings, TagBinding
from testing.hcp.resource import changed, find
from testing.hcp.service import Service

ROUTES = Routes()


@ROUTES.add("GET", "/api/v2/ping", is_for_runs=True)
def ping(service: Service, request: Request) -> Response:
    return nothing()


@ROUTES.add("GET", "/api/v2/account/details")
def account(service: Service, request: Request) -> Response:
    user: JsonObject = {
        "id": request.caller.id,
        "type": "users",
        "attributes": {"username": request.caller.id, "email": f"{request.caller.id}@example.org"},
    }
    return Response(document={"data": user})


@ROUTES.add("GET", "/api/v2/organizations")
def list_organizations(service: Service, request: Request) -> Response:
    return page(request, [service.store.organization])


@ROUTES.add("GET", "/api/v2/organizations/{name}")
def show_organization(service: Service, request: Request, name: str) -> Response:
    return one(service.store.find_organization(name))


@ROUTES.add("GET", "/api/v2/organizations/{name}/entitlement-set", is_for_runs=True)
def show_entitlements(service: Service, request: Request, name: str) -> Response:
    organization = service.store.find_organization(name)
    return one(EntitlementSet(id=organization.id, assessments=organization.assessments))


@ROUTES.add("GET", "/api/v2/organizations/{name}/projects")
def list_projects(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    projects = list(service.store.projects.values())
    if names := request.query.get("filter[names]"):
        projects = [each for each in projects if each.settings.name in names.split(",")]
    if part := request.query.get("q"):
        projects = [each for each in projects if part.lower() in each.settings.name.lower()]
    for project in projects:
        _count(service, project)
    projects.sort(key=lambda each: each.settings.name)
    return page(request, projects)


@ROUTES.add("POST", "/api/v2/organizations/{name}/projects")
def create_project(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    settings = changed(ProjectSettings(), request.attributes())
    _check(settings)
    project = service.store.add_project(settings)
    project.tags = bindings(request) or {}
    return one(project, status=201)


@ROUTES.add("GET", "/api/v2/projects/{id}")
def show_project(service: Service, request: Request, id_: str) -> Response:
    return one(_count(service, find(service.store.projects, id_)))


@ROUTES.add("PATCH", "/api/v2/projects/{id}")
def update_project(service: Service, request: Request, id_: str) -> Response:
    project = find(service.store.projects, id_)
    settings = changed(project.settings, request.attributes())
    _check(settings)
    others = [each for each in service.store.projects.values() if each is not project]
    if any(each.settings.name == settings.name for each in others):
        raise InvalidError("name", "has already been taken")
    project.settings = settings
    if (found := bindings(request)) is not None:
        project.tags = found
    return one(_count(service, project))


@ROUTES.add("DELETE", "/api/v2/projects/{id}")
def delete_project(service: Service, request: Request, id_: str) -> Response:
    project = find(service.store.projects, id_)
    if service.store.workspaces_in(project):
        raise ApiError(422, "the project is not empty")
    if project is service.store.default_project:
        raise ApiError(422, "the default project cannot be deleted")
    del service.store.projects[id_]
    return nothing()


@ROUTES.add("POST", "/api/v2/projects/{id}/relationships/workspaces")
def move_workspaces(service: Service, request: Request, id_: str) -> Response:
    project = find(service.store.projects, id_)
    for workspace in [find(service.store.workspaces, each) for each in request.identities()]:
        workspace.project = project
    return nothing()


@ROUTES.add("GET", "/api/v2/projects/{id}/tag-bindings")
def list_project_tags(service: Service, request: Request, id_: str) -> Response:
    project = find(service.store.projects, id_)
    return everything([TagBinding(key=key, value=value) for key, value in project.tags.items()])


@ROUTES.add("PATCH", "/api/v2/projects/{id}/tag-bindings")
def add_project_tags(service: Service, request: Request, id_: str) -> Response:
    project = find(service.store.projects, id_)
    project.tags |= keys_and_values(request.document().get("data") or [])
    return list_project_tags(service, request, id_)


def bindings(request: Request) -> dict[str, str] | None:
    """Return the tag bindings that a request sets, if it sets some."""
    related = (request.data().get("relationships") or {}).get("tag-bindings")
    return None if related is None else keys_and_values(related.get("data") or [])


def keys_and_values(data: list[JsonObject]) -> dict[str, str]:
    found = [each["attributes"] for each in data]
    return {str(each["key"]): str(each.get("value") or "") for each in found}


def _count(service: Service, project: Project) -> Project:
    project.workspace_count = len(service.store.workspaces_in(project))
    return project


def _check(settings: ProjectSettings) -> None:
    if not 3 <= len(settings.name) <= 40:
        raise InvalidError("name", "must have 3 to 40 characters")
