"""The settings as data: read from their types, with the values of each environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modules.environments import Environment
from modules.schema.fields import Field, fields
from modules.settings import Settings

Value = bool | int | str | list[str]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting, or one section that a file may leave out.

    ``default`` and ``values`` are None where the setting is absent; of a section they are whether
    it is there. ``values`` are by environment.
    """

    name: str
    path: str
    section: bool
    allowed: str
    unit: str
    required: bool
    default: Value | None
    values: Mapping[str, Value | None]
    text: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One table of a settings file; ``path`` is empty for the top level."""

    path: str
    text: str
    optional: bool
    settings: Sequence[Setting]


def sections(environments: Sequence[Environment]) -> list[Section]:
    """Return every section of an environment's file, parents first."""
    chosen: dict[str, object] = {one.naming.environment: one.settings for one in environments}
    return list(_walk(Settings, "", "", chosen, optional=False))


def _walk(
    kind: type, path: str, text: str, chosen: Mapping[str, object], *, optional: bool
) -> Iterator[Section]:
    settings: list[Setting] = []
    inner: list[Section] = []
    for field in fields(kind):
        below = f"{path}.{field.name}" if path else field.name
        values = {name: getattr(section, field.name, None) for name, section in chosen.items()}
        if field.is_section:
            inner += _walk(field.kind, below, field.doc.text, values, optional=field.optional)
        if field.optional or not field.is_section:
            settings.append(_setting(field, below, values))
    yield Section(path=path, text=text, optional=optional, settings=settings)
    yield from inner


def _setting(field: Field, path: str, chosen: Mapping[str, object]) -> Setting:
    values = {name: _plain(value) for name, value in chosen.items()}
    return Setting(
        name=field.name,
        path=path,
        section=field.is_section,
        allowed=field.allowed,
        unit=field.unit,
        required=field.required,
        default=_plain(field.default),
        values={name: bool(value) for name, value in values.items()}
        if field.is_section
        else values,
        text=field.description,
    )


def _plain(value: object) -> Value | None:
    """Return ``value`` as JSON and a table can show it; of a section, that it is there."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return [f"{key} = {item}" for key, item in value.items()]
    return [str(item) for item in value] if isinstance(value, tuple) else True
