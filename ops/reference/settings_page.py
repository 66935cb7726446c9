"""The page docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modules.schema.setting_docs import PRICES_DATE, PRICES_REGION
from ops.reference.markdown import NOTHING, table, wrapped
from ops.reference.model import Section, Setting, Value

_WIDEST_CELL = 27

_INTRODUCTION = f"""\
# Settings

Every setting of a file in `environments/`. `make docs` writes this page from the types in
`modules/settings/`; edit those, not this page.

The tables show what is allowed, the default, and the value in each environment of this checkout,
set or by default. `{NOTHING}` means that nothing is set or that the section is absent. The list
below a table says what each setting does and costs; values that are too long for the table are in
the list, too. Costs are US dollars a month at the list prices of {PRICES_DATE} in {PRICES_REGION},
without the free tier.
"""


def page(found: Sequence[Section], environments: Sequence[str]) -> str:
    """Return docs/settings.md."""
    return "\n".join((_INTRODUCTION, *(_section(section, environments) for section in found)))


def _section(section: Section, environments: Sequence[str]) -> str:
    depth = "#" * (section.path.count(".") + 2)
    title = f"`[{section.path}]`" if section.path else "Top level"
    parts = [f"{depth} {title}"]
    if section.path:
        parts.append(wrapped(f"{section.text}{' Optional.' if section.optional else ''}"))
    if section.settings:
        parts.append(_table(section.settings, environments))
        parts.append("\n".join(map(_entry, section.settings)))
    return "\n\n".join(parts) + "\n"


def _table(settings: Sequence[Setting], environments: Sequence[str]) -> str:
    rows = (
        [
            f"`{one.name}`",
            f"{one.allowed} {one.unit}".rstrip(),
            "required" if one.required else _cell(one, one.default),
            *(_cell(one, one.values[name]) for name in environments),
        ]
        for one in settings
    )
    return table(["Setting", "Allowed", "Default", *environments], rows)


def _entry(setting: Setting) -> str:
    text = " ".join((f"- `{setting.name}`: {setting.text}", *_long_values(setting)))
    return wrapped(text, indent="  ")


def _long_values(setting: Setting) -> Iterator[str]:
    """Yield what does not fit the table, each value once."""
    owners: dict[str, list[str]] = {}
    for owner, value in (("default", setting.default), *setting.values.items()):
        if value is not None and _is_long(value):
            owners.setdefault(_text(value), []).append(owner)
    for text, names in owners.items():
        yield f"Value ({', '.join(names)}): `{text}`."


def _cell(setting: Setting, value: Value | None) -> str:
    if setting.section:
        return "on" if value else NOTHING
    if value is None or value == []:
        return NOTHING
    return "below" if _is_long(value) else f"`{_text(value)}`"


def _is_long(value: Value) -> bool:
    return len(_text(value)) > _WIDEST_CELL


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)
