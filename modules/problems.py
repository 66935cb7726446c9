"""Errors in an input: the field, its value, why it is invalid, and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_VALUE = 120


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One error in an input.

    ``where`` is the file or option, ``field`` the dotted path inside it. ``involves`` lists further
    fields that the error depends on: it is suppressed where one of them is itself invalid.
    """

    field: str
    value: object
    reason: str
    remedy: str
    where: str = ""
    involves: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The problem in one line, without the value."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.field}: {self.reason}; {self.remedy}"

    def __str__(self) -> str:
        value = repr(self.value)
        if len(value) > _LONGEST_VALUE:
            value = f"{value[:_LONGEST_VALUE]}..."
        place = f"{self.where}: " if self.where else ""
        return (
            f"{place}{self.field} = {value}\n    why:    {self.reason}\n    remedy: {self.remedy}"
        )


class InputError(Exception):
    """All errors in an input; ``str()`` is the message for the user."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an InputError needs at least one problem")
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n\n  ".join(str(problem) for problem in problems)
        super().__init__(f"{count} found; nothing was written.\n\n  {lines}")
