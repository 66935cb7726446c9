"""The settings as data: read from their types, with what each environment chooses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_type_hints

from modules.environments import Environment
from modules.schema.hints import Hint, has_default
from modules.schema.setting_docs import Doc
from modules.settings import Settings
from ops.reference.allowed import Allowed, allowed

Value = bool | int | str | list[str]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting. ``values`` are the environments'; None where its section is absent there.

    ``default`` is None where the setting is absent by default, and where it is ``required``.
    ``section`` marks a section that may be absent; its value says whether it is there.
    """

    name: str
    path: str
    section: bool
    allowed: Allowed
    unit: str
    required: bool
    default: Value | None
    values: Mapping[str, Value | None]
    text: str
    cost: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One table of a settings file; ``path`` is empty for what stands before the first table."""

    path: str
    text: str
    optional: bool
    settings: Sequence[Setting]


def sections(environments: Sequence[Environment]) -> list[Section]:
    """Return every section of an environment's file, parents first."""
    chosen: dict[str, object] = {one.naming.environment: one.settings for one in environments}
    summary = (Settings.__doc__ or "").partition("\n")[0]
    return list(_walk(Settings, "", Doc(summary), chosen, optional=False))


def _walk(
    kind: type, path: str, doc: Doc, chosen: Mapping[str, object], *, optional: bool
) -> Iterator[Section]:
    assert dataclasses.is_dataclass(kind)  # noqa: S101 - a mistake in settings, not in a file
    hints = get_type_hints(kind, include_extras=True)
    settings: list[Setting] = []
    inner: list[Section] = []
    for field in dataclasses.fields(kind):
        hint = Hint.of(hints[field.name])
        (field_doc,) = hint.of_type(Doc)
        values = {name: getattr(section, field.name, None) for name, section in chosen.items()}
        below = f"{path}.{field.name}" if path else field.name
        is_section = isinstance(hint.kind, type) and dataclasses.is_dataclass(hint.kind)
        if is_section:
            assert isinstance(hint.kind, type)  # noqa: S101 - for the type checker
            inner += _walk(hint.kind, below, field_doc, values, optional=hint.optional)
        if not is_section or hint.optional:
            settings.append(_setting(field, hint, field_doc, below, values))
    yield Section(path=path, text=doc.text, optional=optional, settings=settings)
    yield from inner


def _setting(
    field: dataclasses.Field[object],
    hint: Hint,
    doc: Doc,
    path: str,
    chosen: Mapping[str, object],
) -> Setting:
    section = isinstance(hint.kind, type) and dataclasses.is_dataclass(hint.kind)
    may_be = allowed(hint)
    values = {name: _plain(value) for name, value in chosen.items()}
    return Setting(
        name=field.name,
        path=path,
        section=section,
        allowed=may_be,
        unit=may_be.unit or doc.unit,
        required=not has_default(field),
        default=_plain(field.default) if has_default(field) else None,
        values={name: bool(value) for name, value in values.items()} if section else values,
        text=doc.text,
        cost=doc.cost,
    )


def _plain(value: object) -> Value | None:
    """Return what JSON and a table can show; of a section, that it is there."""
    if value is None or isinstance(value, bool | int | str):
        return value
    return [str(item) for item in value] if isinstance(value, tuple) else True
