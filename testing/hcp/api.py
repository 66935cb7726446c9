"""Requests and responses of the API (JSON:API), and the table of its endpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

JsonObject = dict[str, Any]

MEDIA_TYPE = "application/vnd.api+json"

_MAX_PAGE = 100
_DEFAULT_PAGE = 20


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str = "",
        pointer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.pointer = pointer
        self.headers = dict(headers or {})

    def response(self) -> Response:
        error: JsonObject = {"status": str(self.status), "title": self.title}
        if self.detail:
            error["detail"] = self.detail
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        return Response(
            status=self.status, document={"errors": [error]}, headers=dict(self.headers)
        )


class NotFoundError(ApiError):
    """The thing does not exist, or the caller may not see it: the API does not tell which."""

    def __init__(self) -> None:
        super().__init__(404, "not found")


class InvalidError(ApiError):
    """A value of the request is not acceptable."""

    def __init__(self, attribute: str, reason: str) -> None:
        super().__init__(
            422,
            "invalid attribute",
            detail=f"{attribute.replace('-', ' ').capitalize()} {reason}",
            pointer=f"/data/attributes/{attribute}",
        )


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The holder of a token: a user, or a run, which sees less."""

    id: str
    kind: str = "users"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request whose token was accepted."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    caller: Caller

    def document(self) -> JsonObject:
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            raise ApiError(400, "the body is not JSON") from None
        if not isinstance(found, dict):
            raise ApiError(400, "the body is not an object")
        return found

    def data(self) -> JsonObject:
        found = self.document().get("data")
        if not isinstance(found, dict):
            raise ApiError(422, "invalid document", detail="data is missing", pointer="/data")
        return found

    def attributes(self) -> JsonObject:
        """Return the attributes, whose names are written with hyphens or underscores."""
        attributes = self.data().get("attributes") or {}
        return {name.replace("_", "-"): value for name, value in attributes.items()}

    def related(self, name: str) -> str | None:
        """Return the identity of a related resource."""
        relationship = (self.data().get("relationships") or {}).get(name) or {}
        found = (relationship.get("data") or {}).get("id")
        return str(found) if found else None

    def identities(self) -> list[str]:
        """Return the identities in a document that lists resources."""
        found = self.document().get("data")
        if not isinstance(found, list):
            raise ApiError(422, "invalid document", detail="data is not a list", pointer="/data")
        return [str(item.get("id")) for item in found]

    def included(self, name: str) -> bool:
        return name in self.query.get("include", "").replace("-", "_").split(",")


@dataclass(kw_only=True)
class Response:
    """An answer: a document, or bytes."""

    status: int = 200
    document: JsonObject | None = None
    body: bytes = b""
    content_type: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)


class Rendered(Protocol):
    """What can be shown as a JSON:API resource."""

    def render(self) -> JsonObject: ...


def one(resource: Rendered, *, status: int = 200, included: Sequence[Rendered] = ()) -> Response:
    document: JsonObject = {"data": resource.render()}
    if included:
        document["included"] = [item.render() for item in included]
    return Response(status=status, document=document)


def nothing() -> Response:
    return Response(status=204)


def everything(resources: Sequence[Rendered]) -> Response:
    """Answer an endpoint without pages."""
    return Response(document={"data": [item.render() for item in resources]})


def page(
    request: Request, resources: Sequence[Rendered], *, included: Sequence[Rendered] = ()
) -> Response:
    """Answer the requested page."""
    size = min(_positive(request.query.get("page[size]"), _DEFAULT_PAGE), _MAX_PAGE)
    number = _positive(request.query.get("page[number]"), 1)
    pages = max(1, -(-len(resources) // size))
    shown = resources[(number - 1) * size : number * size]
    document: JsonObject = {
        "data": [item.render() for item in shown],
        "meta": {
            "pagination": {
                "current-page": number,
                "page-size": size,
                "prev-page": number - 1 if number > 1 else None,
                "next-page": number + 1 if number < pages else None,
                "total-pages": pages,
                "total-count": len(resources),
            }
        },
    }
    if included:
        document["included"] = [item.render() for item in included]
    return Response(document=document)


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


Handler = Callable[..., Response]


@dataclass(frozen=True, kw_only=True)
class Route:
    """An endpoint; an open one needs no token (its address is the secret)."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    is_open: bool
    is_for_runs: bool


class Routes:
    """Endpoints. A handler gets the service, the request and the variable parts of the path."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(
        self, method: str, path: str, *, is_open: bool = False, is_for_runs: bool = False
    ) -> Callable[[Handler], Handler]:
        pattern = re.compile(re.sub(r"\{\w+\}", "([^/]+)", path))

        def register(handler: Handler) -> Handler:
            self._routes.append(
                Route(
                    method=method,
                    pattern=pattern,
                    handler=handler,
                    is_open=is_open,
                    is_for_runs=is_for_runs,
                )
            )
            return handler

        return register

    def include(self, *others: Routes) -> None:
        for other in others:
            self._routes += other._routes

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groups()
        return None
