"""Variables of workspaces, and variable sets."""

from __future__ import annotations

from testing.hcp.api import (
    ApiError,
    InvalidError,
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
from testing.hcp.model import (
    Organization,
    Project,
    Variable,
    VariableSet,
    VariableSetSettings,
    VariableSettings,
    Workspace,
)
from testing.hcp.resource import changed, find, now
from testing.hcp.service import Service

ROUTES = Routes()

_CATEGORIES = ("env", "terraform", "policy-set")
_SET_VARIABLES = "/api/v2/varsets/{id}/relationships/vars"
_SET_WORKSPACES = "/api/v2/varsets/{id}/relationships/workspaces"
_SET_PROJECTS = "/api/v2/varsets/{id}/relationships/projects"


@ROUTES.add("GET", "/api/v2/workspaces/{id}/vars")
def list_variables(service: Service, request: Request, id_: str) -> Response:
    return everything(find(service.store.workspaces, id_).variables)


@ROUTES.add("GET", "/api/v2/workspaces/{id}/all-vars")
def list_all_variables(service: Service, request: Request, id_: str) -> Response:
    return everything(service.store.variables_of(find(service.store.workspaces, id_)))


@ROUTES.add("POST", "/api/v2/workspaces/{id}/vars")
def create_variable(service: Service, request: Request, id_: str) -> Response:
    return _create(find(service.store.workspaces, id_), request)


@ROUTES.add("GET", "/api/v2/workspaces/{id}/vars/{variable}")
def show_variable(service: Service, request: Request, id_: str, variable: str) -> Response:
    return one(_variable(find(service.store.workspaces, id_), variable))


@ROUTES.add("PATCH", "/api/v2/workspaces/{id}/vars/{variable}")
def update_variable(service: Service, request: Request, id_: str, variable: str) -> Response:
    return _update(find(service.store.workspaces, id_), variable, request)


@ROUTES.add("DELETE", "/api/v2/workspaces/{id}/vars/{variable}")
def delete_variable(service: Service, request: Request, id_: str, variable: str) -> Response:
    return _delete(find(service.store.workspaces, id_), variable)


@ROUTES.add("GET", "/api/v2/organizations/{name}/varsets")
def list_sets(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    found = list(service.store.variable_sets.values())
    if part := request.query.get("q"):
        found = [each for each in found if part.lower() in each.settings.name.lower()]
    return page(request, found, included=_included(request, found))


@ROUTES.add("GET", "/api/v2/workspaces/{id}/varsets")
def list_sets_of_workspace(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    sets = service.store.variable_sets.values()
    found = [each for each in sets if each.applies_to(workspace)]
    return page(request, found, included=_included(request, found))


@ROUTES.add("GET", "/api/v2/projects/{id}/varsets")
def list_sets_of_project(service: Service, request: Request, id_: str) -> Response:
    project = find(service.store.projects, id_)
    sets = service.store.variable_sets.values()
    found = [each for each in sets if each.applies_to_project(project)]
    return page(request, found, included=_included(request, found))


@ROUTES.add("POST", "/api/v2/organizations/{name}/varsets")
def create_set(service: Service, request: Request, name: str) -> Response:
    organization = service.store.find_organization(name)
    settings = changed(VariableSetSettings(), request.attributes())
    _check_set(service, settings)
    parent: Organization | Project = organization
    if (parent_id := request.related("parent")) and parent_id != organization.id:
        parent = find(service.store.projects, parent_id)
    created = VariableSet(organization=organization, parent=parent, settings=settings)
    _relate(service, request, created)
    service.store.variable_sets[created.id] = created
    return one(created, status=201)


@ROUTES.add("GET", "/api/v2/varsets/{id}")
def show_set(service: Service, request: Request, id_: str) -> Response:
    found = find(service.store.variable_sets, id_)
    return one(found, included=_included(request, [found]))


@ROUTES.add("PATCH", "/api/v2/varsets/{id}")
def update_set(service: Service, request: Request, id_: str) -> Response:
    found = find(service.store.variable_sets, id_)
    settings = changed(found.settings, request.attributes())
    _check_set(service, settings, found)
    found.settings = settings
    _relate(service, request, found)
    found.updated_at = now()
    return one(found, included=_included(request, [found]))


@ROUTES.add("DELETE", "/api/v2/varsets/{id}")
def delete_set(service: Service, request: Request, id_: str) -> Response:
    del service.store.variable_sets[find(service.store.variable_sets, id_).id]
    return nothing()


@ROUTES.add("POST", _SET_WORKSPACES)
def assign_workspaces(service: Service, request: Request, id_: str) -> Response:
    found = _assignable(service, id_)
    named = [find(service.store.workspaces, each) for each in request.identities()]
    found.workspaces += [each for each in named if each not in found.workspaces]
    return nothing()


@ROUTES.add("DELETE", _SET_WORKSPACES)
def unassign_workspaces(service: Service, request: Request, id_: str) -> Response:
    found, removed = _assignable(service, id_), request.identities()
    found.workspaces = [each for each in found.workspaces if each.id not in removed]
    return nothing()


@ROUTES.add("POST", _SET_PROJECTS)
def assign_projects(service: Service, request: Request, id_: str) -> Response:
    found = _assignable(service, id_)
    named = [find(service.store.projects, each) for each in request.identities()]
    found.projects += [each for each in named if each not in found.projects]
    return nothing()


@ROUTES.add("DELETE", _SET_PROJECTS)
def unassign_projects(service: Service, request: Request, id_: str) -> Response:
    found, removed = _assignable(service, id_), request.identities()
    found.projects = [each for each in found.projects if each.id not in removed]
    return nothing()


@ROUTES.add("GET", _SET_VARIABLES)
def list_set_variables(service: Service, request: Request, id_: str) -> Response:
    return page(request, find(service.store.variable_sets, id_).variables)


@ROUTES.add("POST", _SET_VARIABLES)
def create_set_variable(service: Service, request: Request, id_: str) -> Response:
    return _create(find(service.store.variable_sets, id_), request)


@ROUTES.add("GET", _SET_VARIABLES + "/{variable}")
def show_set_variable(service: Service, request: Request, id_: str, variable: str) -> Response:
    return one(_variable(find(service.store.variable_sets, id_), variable))


@ROUTES.add("PATCH", _SET_VARIABLES + "/{variable}")
def update_set_variable(service: Service, request: Request, id_: str, variable: str) -> Response:
    return _update(find(service.store.variable_sets, id_), variable, request)


@ROUTES.add("DELETE", _SET_VARIABLES + "/{variable}")
def delete_set_variable(service: Service, request: Request, id_: str, variable: str) -> Response:
    return _delete(find(service.store.variable_sets, id_), variable)


def _variable(owner: Workspace | VariableSet, id_: str) -> Variable:
    for variable in owner.variables:
        if variable.id == id_:
            return variable
    raise NotFoundError


def _create(owner: Workspace | VariableSet, request: Request) -> Response:
    variable = Variable(owner=owner, settings=changed(VariableSettings(), request.attributes()))
    _check(variable.settings, owner.variables)
    owner.variables.append(variable)
    return one(variable, status=201)


def _update(owner: Workspace | VariableSet, id_: str, request: Request) -> Response:
    variable = _variable(owner, id_)
    settings = changed(variable.settings, request.attributes())
    if variable.settings.sensitive and not settings.sensitive:
        raise InvalidError("sensitive", "cannot be unset; delete the variable and create it again")
    _check(settings, [each for each in owner.variables if each is not variable])
    variable.settings = settings
    variable.version += 1
    return one(variable)


def _delete(owner: Workspace | VariableSet, id_: str) -> Response:
    owner.variables.remove(_variable(owner, id_))
    return nothing()


def _check(settings: VariableSettings, others: list[Variable]) -> None:
    if not settings.key:
        raise InvalidError("key", "can't be blank")
    if settings.category not in _CATEGORIES:
        raise InvalidError("category", f"is not one of {', '.join(_CATEGORIES)}")
    taken = {(each.settings.key, each.settings.category) for each in others}
    if (settings.key, settings.category) in taken:
        raise InvalidError("key", "has already been taken")


def _check_set(
    service: Service, settings: VariableSetSettings, changing: VariableSet | None = None
) -> None:
    if not settings.name:
        raise InvalidError("name", "can't be blank")
    others = [each for each in service.store.variable_sets.values() if each is not changing]
    if any(each.settings.name == settings.name for each in others):
        raise InvalidError("name", "has already been taken")


def _relate(service: Service, request: Request, found: VariableSet) -> None:
    relationships = request.data().get("relationships") or {}
    if "workspaces" in relationships:
        named = relationships["workspaces"]["data"]
        found.workspaces = [find(service.store.workspaces, each["id"]) for each in named]
    if "projects" in relationships:
        named = relationships["projects"]["data"]
        found.projects = [find(service.store.projects, each["id"]) for each in named]
    if "vars" in relationships:
        for each in relationships["vars"]["data"]:
            attributes = each["attributes"]
            variable = Variable(owner=found, settings=changed(VariableSettings(), attributes))
            _check(variable.settings, found.variables)
            found.variables.append(variable)


def _assignable(service: Service, id_: str) -> VariableSet:
    found = find(service.store.variable_sets, id_)
    if found.settings.global_:
        raise ApiError(422, "a global variable set cannot be assigned")
    return found


def _included(request: Request, sets: list[VariableSet]) -> list[Rendered]:
    included: list[Rendered] = []
    for each in sets:
        if request.included("vars"):
            included += each.variables
        if request.included("workspaces"):
            included += each.workspaces
        if request.included("projects"):
            included += each.projects
    return included
