"""What follows a run: run triggers and notification configurations."""

from __future__ import annotations

from testing.hcp.api import ApiError, InvalidError, Request, Response, Routes, nothing, one, page
from testing.hcp.model import NotificationConfiguration, NotificationSettings, RunTrigger
from testing.hcp.resource import changed, find, now
from testing.hcp.service import Service

ROUTES = Routes()

_MAX_SOURCES = 100
_DESTINATIONS = ("email", "generic", "microsoft-teams", "slack")
_TRIGGERS = frozenset(
    {
        "assessment:check_failure",
        "assessment:drifted",
        "assessment:failed",
        "run:applying",
        "run:completed",
        "run:created",
        "run:errored",
        "run:needs_attention",
        "run:planning",
        "workspace:auto_destroy_reminder",
        "workspace:auto_destroy_run_results",
    }
)


@ROUTES.add("GET", "/api/v2/workspaces/{id}/run-triggers")
def list_triggers(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    triggers = service.store.run_triggers.values()
    direction = request.query.get("filter[run-trigger][type]")
    if direction == "inbound":
        found = [each for each in triggers if each.workspace is workspace]
    elif direction == "outbound":
        found = [each for each in triggers if each.source is workspace]
    else:
        raise ApiError(400, "filter[run-trigger][type] must be inbound or outbound")
    return page(request, found)


@ROUTES.add("POST", "/api/v2/workspaces/{id}/run-triggers")
def create_trigger(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    source = find(service.store.workspaces, request.related("sourceable") or "")
    if source is workspace:
        raise ApiError(422, "invalid relation", detail="A workspace cannot trigger itself")
    inbound = [each for each in service.store.run_triggers.values() if each.workspace is workspace]
    if any(each.source is source for each in inbound):
        raise ApiError(422, "invalid relation", detail="Sourceable has already been taken")
    if len(inbound) >= _MAX_SOURCES:
        raise ApiError(422, "too many run triggers")
    trigger = RunTrigger(workspace=workspace, source=source)
    service.store.run_triggers[trigger.id] = trigger
    return one(trigger, status=201)


@ROUTES.add("GET", "/api/v2/run-triggers/{id}")
def show_trigger(service: Service, request: Request, id_: str) -> Response:
    return one(find(service.store.run_triggers, id_))


@ROUTES.add("DELETE", "/api/v2/run-triggers/{id}")
def delete_trigger(service: Service, request: Request, id_: str) -> Response:
    del service.store.run_triggers[find(service.store.run_triggers, id_).id]
    return nothing()


@ROUTES.add("GET", "/api/v2/workspaces/{id}/notification-configurations")
def list_notifications(service: Service, request: Request, id_: str) -> Response:
    return page(request, find(service.store.workspaces, id_).notifications)


@ROUTES.add("POST", "/api/v2/workspaces/{id}/notification-configurations")
def create_notification(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    settings = changed(NotificationSettings(), request.attributes())
    _check(settings)
    created = NotificationConfiguration(workspace=workspace, settings=settings)
    _relate(request, created)
    workspace.notifications.append(created)
    service.store.notifications[created.id] = created
    return one(created, status=201)


@ROUTES.add("GET", "/api/v2/notification-configurations/{id}")
def show_notification(service: Service, request: Request, id_: str) -> Response:
    return one(find(service.store.notifications, id_))


@ROUTES.add("PATCH", "/api/v2/notification-configurations/{id}")
def update_notification(service: Service, request: Request, id_: str) -> Response:
    found = find(service.store.notifications, id_)
    settings = changed(found.settings, request.attributes())
    _check(settings)
    found.settings = settings
    _relate(request, found)
    found.updated_at = now()
    return one(found)


@ROUTES.add("DELETE", "/api/v2/notification-configurations/{id}")
def delete_notification(service: Service, request: Request, id_: str) -> Response:
    found = find(service.store.notifications, id_)
    found.workspace.notifications.remove(found)
    del service.store.notifications[id_]
    return nothing()


@ROUTES.add("POST", "/api/v2/notification-configurations/{id}/actions/verify")
def verify_notification(service: Service, request: Request, id_: str) -> Response:
    return one(find(service.store.notifications, id_))


def _check(settings: NotificationSettings) -> None:
    if not settings.name:
        raise InvalidError("name", "can't be blank")
    if settings.destination_type not in _DESTINATIONS:
        raise InvalidError("destination-type", f"is not one of {', '.join(_DESTINATIONS)}")
    if settings.destination_type != "email" and not settings.url:
        raise InvalidError("url", "can't be blank")
    if unknown := set(settings.triggers) - _TRIGGERS:
        raise InvalidError("triggers", f"has unknown values: {', '.join(sorted(unknown))}")


def _relate(request: Request, found: NotificationConfiguration) -> None:
    relationships = request.data().get("relationships") or {}
    if "users" in relationships:
        found.users = [str(each["id"]) for each in relationships["users"]["data"]]
