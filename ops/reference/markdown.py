"""The reference as Markdown that can be read in a terminal, too: aligned tables, short lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from modules.schema.setting_docs import PRICES_DATE, PRICES_REGION
from ops.reference.model import Section, Setting, Value

_WIDTH = 100
_WIDEST_CELL = 27
_NOTHING = "-"
_UNIT = 2

_INTRODUCTION = f"""\
# Settings

Everything that a file in `environments/` can choose. `python -m ops reference` writes this page
from the types in `modules/settings/`; edit those, not this page.

The tables show what is allowed, the default, and what each environment of this checkout gets,
chosen or by default. `{_NOTHING}` means that nothing is set, or that the section is absent. Below
a table stands what happens when a setting is changed and what that costs: US dollars a month at the
list prices of {PRICES_DATE} in {PRICES_REGION}, without the free tier. Values that are too long for
the table stand there, too.
"""


def page(found: Sequence[Section], environments: Sequence[str]) -> str:
    """Return docs/settings.md."""
    parts = [_INTRODUCTION]
    for section in found:
        parts += _section(section, environments)
    return "\n".join(parts)


def _section(section: Section, environments: Sequence[str]) -> Iterator[str]:
    depth = section.path.count(".") + (2 if section.path else 1)
    title = f"`[{section.path}]`" if section.path else "Before the first table"
    yield f"{'#' * max(depth, 2)} {title}\n"
    absence = " Optional." if section.optional else ""
    if section.path:
        yield f"{textwrap.fill(section.text + absence, _WIDTH)}\n"
    if section.settings:
        yield _table(section.settings, environments)
        yield "\n".join(_entry(setting) for setting in section.settings) + "\n"


def _table(settings: Sequence[Setting], environments: Sequence[str]) -> str:
    columns = [
        ["Setting", *(f"`{one.name}`" for one in settings)],
        ["Allowed", *(one.allowed.short for one in settings)],
        ["Unit", *(one.unit for one in settings)],
        ["Default", *("required" if one.required else _default(one) for one in settings)],
        *([name, *(_cell(one, one.values[name]) for one in settings)] for name in environments),
    ]
    if not any(columns[_UNIT][1:]):
        del columns[_UNIT]
    widths = [max(map(len, column)) for column in columns]
    rows = [*zip(*columns, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = (
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _entry(setting: Setting) -> str:
    parts = [f"`{setting.name}`: {setting.text}", setting.allowed.more]
    if setting.cost:
        parts.append(f"Cost: {setting.cost}.")
    parts += _long_values(setting)
    return textwrap.fill(
        " ".join(filter(None, parts)),
        _WIDTH,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _long_values(setting: Setting) -> Iterator[str]:
    """Yield what did not fit the table, each value once."""
    owners: dict[str, list[str]] = {}
    for owner, value in (("default", setting.default), *setting.values.items()):
        if value is not None and _is_long(value):
            owners.setdefault(_text(value), []).append(owner)
    for text, names in owners.items():
        yield f"Value ({', '.join(names)}): `{text}`."


def _default(setting: Setting) -> str:
    return _cell(setting, setting.default)


def _cell(setting: Setting, value: Value | None) -> str:
    if setting.section:
        return "on" if value else _NOTHING
    if value is None or value == []:
        return _NOTHING
    return "below" if _is_long(value) else f"`{_text(value)}`"


def _is_long(value: Value) -> bool:
    return len(_text(value)) > _WIDEST_CELL


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)
