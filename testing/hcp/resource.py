"""What resources of the API have in common: identities, attributes, and how they are shown."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
import string
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from testing.hcp.api import InvalidError, JsonObject, NotFoundError

_ALPHABET = string.ascii_letters + string.digits
_Settings = TypeVar("_Settings")
_Found = TypeVar("_Found", bound="Resource")


def new_id(prefix: str) -> str:
    return f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(16))}"


def now() -> str:
    return dt.datetime.now(tz=dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reference(type_: str, id_: str) -> JsonObject:
    return {"data": {"id": id_, "type": type_}}


def shown(settings: object) -> JsonObject:
    """Return the fields of settings as attributes."""
    return {
        one.name.rstrip("_").replace("_", "-"): getattr(settings, one.name)
        for one in dataclasses.fields(settings)  # type: ignore[arg-type]
    }


def changed(settings: _Settings, attributes: JsonObject) -> _Settings:
    """Return settings with the given attributes; unknown ones are ignored, as the API does."""
    types = get_type_hints(type(settings))
    values: dict[str, Any] = {}
    for one in dataclasses.fields(settings):  # type: ignore[arg-type]
        attribute = one.name.rstrip("_").replace("_", "-")
        if attribute not in attributes:
            continue
        value = attributes[attribute]
        accepted = get_args(types[one.name]) or (types[one.name],)
        plain = tuple(getattr(each, "__origin__", each) for each in accepted)
        if types[one.name] not in (JsonObject, list[str]) and not isinstance(value, plain):
            raise InvalidError(attribute, "has the wrong type")
        values[one.name] = value
    return dataclasses.replace(settings, **values)  # type: ignore[type-var]


@dataclass(kw_only=True, eq=False)
class Resource:
    """Something with an identity."""

    TYPE: ClassVar[str]
    PREFIX: ClassVar[str]

    id: str = ""
    created_at: str = field(default_factory=now)

    def __post_init__(self) -> None:
        self.id = self.id or new_id(self.PREFIX)

    def attributes(self) -> JsonObject:
        return {}

    def relationships(self) -> JsonObject:
        return {}

    def links(self) -> JsonObject:
        return {}

    def reference(self) -> JsonObject:
        return reference(self.TYPE, self.id)

    def render(self) -> JsonObject:
        shown_: JsonObject = {
            "id": self.id,
            "type": self.TYPE,
            "attributes": {**self.attributes(), "created-at": self.created_at},
            "relationships": self.relationships(),
        }
        if links := self.links():
            shown_["links"] = links
        return shown_


def references(resources: list[_Found]) -> JsonObject:
    return {"data": [one.reference()["data"] for one in resources]}


def find(resources: dict[str, _Found], id_: str) -> _Found:
    """Return a resource, or raise the error of one that does not exist."""
    if id_ not in resources:
        raise NotFoundError
    return resources[id_]


def first(found: list[_Found]) -> _Found:
    if not found:
        raise NotFoundError
    return found[0]
