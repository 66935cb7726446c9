"""Errors in an input: the field, its value, why it is invalid, and the remedy."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LONGEST_VALUE = 120
_NO_VALUE = object()
# User and password of a URL, or of a host that should have been one.
_USERINFO = re.compile(r"(?<=://).*@|[^\s:/]+:[^\s:/@]+@", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One error in an input.

    ``where`` is the file or option, ``field`` the dotted path inside it. ``value`` is its value as
    TOML is read, None if it is unset, a mapping or a section if it is a table; leave it out where
    the field has none. ``involves`` lists further fields that the error depends on: it is
    suppressed where one of them is itself invalid.
    """

    field: str
    value: object = _NO_VALUE
    reason: str
    remedy: str
    where: str = ""
    involves: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The problem in one line, without the value."""
        return f"{self._place}{self.field}: {self.reason}; {self.remedy}"

    @property
    def subject(self) -> str:
        """The place, the field and its value, as in a TOML file."""
        if self.value is _NO_VALUE:
            return f"{self._place}{self.field}"
        if self.value is None:
            return f"{self._place}{self.field} is unset"
        is_table = isinstance(self.value, Mapping) or dataclasses.is_dataclass(self.value)
        if is_table and not self.field.endswith("]"):
            return f"{self._place}[{self.field}]"
        value = toml(self.value)
        if len(value) > _LONGEST_VALUE:
            value = f"{value[:_LONGEST_VALUE]}..."
        return f"{self._place}{self.field} = {value}"

    @property
    def _place(self) -> str:
        return f"{self.where}: " if self.where else ""

    def __str__(self) -> str:
        return f"{self.subject}\n    why:    {self.reason}\n    remedy: {self.remedy}"


def toml(value: object) -> str:
    """Return ``value`` as TOML has it, on one line; user and password of a URL are masked."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = json.dumps(_USERINFO.sub("***@", value), ensure_ascii=False)
        return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {toml(item)}' for key, item in value.items())} }}"
    return str(value)


class InputError(Exception):
    """All errors in an input; ``str()`` is the message for the user."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an InputError needs at least one problem")
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n\n  ".join(str(problem) for problem in problems)
        super().__init__(f"{count} found; nothing was written.\n\n  {lines}")
