"""Configuration versions, and runs with their plans and applies."""

from __future__ import annotations

from testing.hcp import runs
from testing.hcp.api import (
    ApiError,
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
from testing.hcp.model import Workspace
from testing.hcp.resource import changed, find
from testing.hcp.runs import Apply, Comment, ConfigurationVersion, Plan, Run, RunSettings
from testing.hcp.service import Service

ROUTES = Routes()


@ROUTES.add("GET", "/api/v2/workspaces/{id}/configuration-versions")
def list_configurations(service: Service, request: Request, id_: str) -> Response:
    return page(request, service.store.configurations_of(find(service.store.workspaces, id_))[::-1])


@ROUTES.add("POST", "/api/v2/workspaces/{id}/configuration-versions")
def create_configuration(service: Service, request: Request, id_: str) -> Response:
    workspace = find(service.store.workspaces, id_)
    attributes = request.attributes()
    created = ConfigurationVersion(
        workspace=workspace,
        speculative=bool(attributes.get("speculative")),
        provisional=bool(attributes.get("provisional")),
        auto_queue_runs=attributes.get("auto-queue-runs") is not False,
    )

    def take(content: bytes) -> None:
        service.runner.accept(created, content)
        if created.auto_queue_runs and created.content is not None:
            settings = RunSettings(
                auto_apply=workspace.settings.auto_apply, plan_only=created.speculative
            )
            service.runner.queue(
                Run(
                    workspace=workspace,
                    configuration=created,
                    settings=settings,
                    created_by=request.caller.id,
                    source="tfe-configuration-version",
                )
            )

    created.upload_url = service.store.objects.to_put(take)
    if not created.provisional:
        workspace.related["current-configuration-version"] = created
    service.store.configurations[created.id] = created
    return one(created, status=201)


@ROUTES.add("GET", "/api/v2/configuration-versions/{id}")
def show_configuration(service: Service, request: Request, id_: str) -> Response:
    return one(find(service.store.configurations, id_))


@ROUTES.add("POST", "/api/v2/runs")
def create_run(service: Service, request: Request) -> Response:
    workspace = find(service.store.workspaces, request.related("workspace") or "")
    if workspace.settings.execution_mode == "local":
        raise ApiError(
            422, "invalid", detail="Runs cannot be created in a workspace with local execution"
        )
    configuration = _configuration(service, request, workspace)
    attributes = request.attributes()
    settings = changed(RunSettings(auto_apply=workspace.settings.auto_apply), attributes)
    if configuration.speculative and not settings.plan_only:
        settings = changed(settings, {"plan-only": True})
    if settings.is_destroy and not workspace.settings.allow_destroy_plan:
        raise ApiError(422, "invalid", detail="Destroy plans are not allowed in this workspace")
    run = Run(
        workspace=workspace,
        configuration=configuration,
        settings=settings,
        created_by=request.caller.id,
        variables=attributes.get("variables") or [],
    )
    service.runner.queue(run)
    return one(run, status=201)


@ROUTES.add("GET", "/api/v2/workspaces/{id}/runs")
def list_runs(service: Service, request: Request, id_: str) -> Response:
    return _list(request, service.store.runs_of(find(service.store.workspaces, id_))[::-1])


@ROUTES.add("GET", "/api/v2/organizations/{name}/runs")
def list_organization_runs(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    return _list(request, [*service.store.runs.values()][::-1])


@ROUTES.add("GET", "/api/v2/organizations/{name}/runs/queue")
def show_queue(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    return page(request, [each for each in service.store.runs.values() if not each.is_final])


@ROUTES.add("GET", "/api/v2/organizations/{name}/capacity")
def show_capacity(service: Service, request: Request, name: str) -> Response:
    service.store.find_organization(name)
    statuses = [each.status for each in service.store.runs.values()]
    return Response(
        document={
            "data": {
                "id": name,
                "type": "organization-capacity",
                "attributes": {
                    "pending": statuses.count(runs.PENDING),
                    "running": statuses.count(runs.PLANNING) + statuses.count(runs.APPLYING),
                },
            }
        }
    )


@ROUTES.add("GET", "/api/v2/runs/{id}")
def show_run(service: Service, request: Request, id_: str) -> Response:
    run = find(service.store.runs, id_)
    return one(run, included=_included(request, [run]))


@ROUTES.add("POST", "/api/v2/runs/{id}/actions/apply")
def confirm(service: Service, request: Request, id_: str) -> Response:
    run = find(service.store.runs, id_)
    run.require(run.is_confirmable, "apply")
    _comment(request, run)
    service.runner.confirm(run)
    return Response(status=202)


@ROUTES.add("POST", "/api/v2/runs/{id}/actions/discard")
def discard(service: Service, request: Request, id_: str) -> Response:
    run = find(service.store.runs, id_)
    run.require(run.is_discardable, "discard")
    _comment(request, run)
    service.runner.discard(run)
    return Response(status=202)


@ROUTES.add("POST", "/api/v2/runs/{id}/actions/cancel")
def cancel(service: Service, request: Request, id_: str) -> Response:
    run = find(service.store.runs, id_)
    run.require(run.is_cancelable, "cancel")
    _comment(request, run)
    service.runner.cancel(run)
    return Response(status=202)


@ROUTES.add("POST", "/api/v2/runs/{id}/actions/force-cancel")
def force_cancel(service: Service, request: Request, id_: str) -> Response:
    run = find(service.store.runs, id_)
    run.require(run.is_force_cancelable, "force-cancel")
    service.runner.cancel(run, force=True)
    return Response(status=202)


@ROUTES.add("GET", "/api/v2/runs/{id}/run-events")
def list_events(service: Service, request: Request, id_: str) -> Response:
    return everything(find(service.store.runs, id_).events)


@ROUTES.add("GET", "/api/v2/runs/{id}/comments")
def list_comments(service: Service, request: Request, id_: str) -> Response:
    return page(request, find(service.store.runs, id_).comments)


@ROUTES.add("POST", "/api/v2/runs/{id}/comments")
def create_comment(service: Service, request: Request, id_: str) -> Response:
    created = Comment(body=str(request.attributes()["body"]))
    find(service.store.runs, id_).comments.append(created)
    return one(created, status=201)


@ROUTES.add("GET", "/api/v2/runs/{id}/task-stages")
def list_task_stages(service: Service, request: Request, id_: str) -> Response:
    find(service.store.runs, id_)
    return page(request, [])


@ROUTES.add("GET", "/api/v2/runs/{id}/plan")
def show_plan_of_run(service: Service, request: Request, id_: str) -> Response:
    return one(find(service.store.runs, id_).plan)


@ROUTES.add("GET", "/api/v2/runs/{id}/plan/json-output")
def show_json_of_run(service: Service, request: Request, id_: str) -> Response:
    return _json(service, find(service.store.runs, id_).plan.json)


@ROUTES.add("GET", "/api/v2/plans/{id}")
def show_plan(service: Service, request: Request, id_: str) -> Response:
    return one(_plan(service, id_))


@ROUTES.add("GET", "/api/v2/plans/{id}/json-output")
def show_json(service: Service, request: Request, id_: str) -> Response:
    return _json(service, _plan(service, id_).json)


@ROUTES.add("GET", "/api/v2/plans/{id}/json-output-redacted")
def show_redacted_json(service: Service, request: Request, id_: str) -> Response:
    redacted = _plan(service, id_).redacted
    return nothing() if redacted is None else Response(body=redacted)


@ROUTES.add("GET", "/api/v2/applies/{id}")
def show_apply(service: Service, request: Request, id_: str) -> Response:
    applies: dict[str, Apply] = {each.apply.id: each.apply for each in service.store.runs.values()}
    return one(find(applies, id_))


def _configuration(
    service: Service, request: Request, workspace: Workspace
) -> ConfigurationVersion:
    """Return the named configuration, or the newest that is not speculative."""
    if named := request.related("configuration-version"):
        configuration = find(service.store.configurations, named)
        if configuration.workspace is not workspace:
            raise NotFoundError
    else:
        latest = service.store.latest_configuration(workspace)
        if latest is None:
            raise ApiError(422, "invalid", detail="Configuration version is missing")
        configuration = latest
    if configuration.content is None:
        raise ApiError(422, "invalid", detail="Configuration version has not been uploaded")
    return configuration


def _comment(request: Request, run: Run) -> None:
    if comment := request.document().get("comment"):
        run.comments.append(Comment(body=str(comment)))


def _plan(service: Service, id_: str) -> Plan:
    return find({each.plan.id: each.plan for each in service.store.runs.values()}, id_)


def _json(service: Service, content: bytes | None) -> Response:
    if content is None:
        return nothing()
    address = service.store.objects.to_get(lambda: content)
    return Response(status=307, headers={"Location": address})


def _list(request: Request, found: list[Run]) -> Response:
    if statuses := request.query.get("filter[status]"):
        found = [each for each in found if each.status in statuses.split(",")]
    if sources := request.query.get("filter[source]"):
        found = [each for each in found if each.source in sources.split(",")]
    if operations := request.query.get("filter[operation]"):
        found = [each for each in found if each.operation in operations.split(",")]
    return page(request, found, included=_included(request, found))


def _included(request: Request, found: list[Run]) -> list[Rendered]:
    included: list[Rendered] = []
    for run in found:
        if request.included("workspace"):
            included.append(run.workspace)
        if request.included("plan"):
            included.append(run.plan)
        if request.included("apply"):
            included.append(run.apply)
        if request.included("configuration_version"):
            included.append(run.configuration)
    return included
