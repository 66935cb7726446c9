"""State versions, their outputs, and the objects that hold their content."""

from __future__ import annotations

from testing.hcp.api import (
    ApiError,
    InvalidError,
    NotFoundError,
    Rendered,
    Request,
    Response,
    Routes,
    one,
    page,
)
from testing.hcp.model import Workspace
from testing.hcp.objects import PATH
from testing.hcp.resource import find
from testing.hcp.service import Service
from testing.hcp.states import (
    StateVersion,
    StateVersionOutput,
)

ROUTES = Routes()


@ROUTES.add("GET", "/api/v2/workspaces/{id}/current-state-version", is_for_runs=True)
def show_current(service: Service, request: Request, id_: str) -> Response:
    state = _current(service, _readable(service, request, id_))
    return one(state, included=_included(request, state))


@ROUTES.add("GET", "/api/v2/workspaces/{id}/current-state-version-outputs", is_for_runs=True)
def list_current_outputs(service: Service, request: Request, id_: str) -> Response:
    return page(request, _current(service, _readable(service, request, id_)).outputs)


@ROUTES.add("POST", "/api/v2/workspaces/{id}/state-versions")
def create_state(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    if workspace.lock is None:
        raise ApiError(409, "workspace is not locked", detail="Lock it before writing a state")
    if workspace.lock.holder != request.caller.id:
        raise ApiError(409, "workspace is locked by someone else", detail=workspace.lock.reason)
    attributes = request.attributes()
    serial, md5 = attributes.get("serial"), attributes.get("md5")
    if not isinstance(serial, int):
        raise InvalidError("serial", "can't be blank")
    if not md5:
        raise InvalidError("md5", "can't be blank")
    if attributes.get("state"):
        raise ApiError(422, "the stand-in takes states through their upload address only")
    created = service.store.add_state(
        workspace,
        serial=serial,
        md5=str(md5),
        lineage=attributes.get("lineage"),
        force=bool(attributes.get("force")),
    )
    return one(created, status=201)


@ROUTES.add("GET", "/api/v2/state-versions")
def list_states(service: Service, request: Request) -> Response:
    service.store.find_organization(request.query.get("filter[organization][name]", ""))
    workspace = service.store.workspace_named(request.query.get("filter[workspace][name]", ""))
    return page(request, service.store.states_of(workspace)[::-1])


@ROUTES.add("GET", "/api/v2/state-versions/{id}", is_for_runs=True)
def show_state(service: Service, request: Request, id_: str) -> Response:
    state = find(service.store.states, id_)
    _readable(service, request, state.workspace.id)
    return one(state, included=_included(request, state))


@ROUTES.add("GET", "/api/v2/state-versions/{id}/outputs", is_for_runs=True)
def list_outputs(service: Service, request: Request, id_: str) -> Response:
    state = find(service.store.states, id_)
    _readable(service, request, state.workspace.id)
    return page(request, state.outputs)


@ROUTES.add("GET", "/api/v2/state-version-outputs/{id}", is_for_runs=True)
def show_output(service: Service, request: Request, id_: str) -> Response:
    outputs = {
        output.id: output for state in service.store.states.values() for output in state.outputs
    }
    output: StateVersionOutput = find(outputs, id_)
    _readable(service, request, output.version.workspace.id)
    return Response(document={"data": output.revealed()})


@ROUTES.add("PUT", PATH + "{key}", is_open=True)
def upload(service: Service, request: Request, key: str) -> Response:
    service.store.objects.put(key, request.body)
    return Response(status=200)


@ROUTES.add("GET", PATH + "{key}", is_open=True)
def download(service: Service, request: Request, key: str) -> Response:
    limit = request.query.get("limit")
    content = service.store.objects.get(
        key, int(request.query.get("offset") or 0), int(limit) if limit else None
    )
    return Response(body=content)


def _readable(service: Service, request: Request, id_: str) -> Workspace:
    workspace = find(service.store.workspaces, id_)
    if not service.may_read_state(request.caller, workspace):
        raise NotFoundError
    return workspace


def _current(service: Service, workspace: Workspace) -> StateVersion:
    state = service.store.current_state(workspace)
    if state is None:
        raise NotFoundError
    return state


def _included(request: Request, state: StateVersion) -> list[Rendered]:
    return list(state.outputs) if request.included("outputs") else []
