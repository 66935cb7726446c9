"""Constraints on one setting, declared beside its type: ``Annotated[int, Between(1, 9), ...]``."""

from __future__ import annotations

import difflib
import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

_LONGEST_SUMMARY = 32


@dataclass(frozen=True)
class Violation:
    """Why a value is rejected, and what to write instead."""

    reason: str
    remedy: str


class Constraint(ABC):
    """Validates one value that already has the right type; of a list or table, each item."""

    unit: str = ""

    @abstractmethod
    def violation(self, value: object, /) -> Violation | None:
        """Return why ``value`` is rejected, or None."""

    @abstractmethod
    def json_schema(self) -> dict[str, object]:
        """Return the same constraint in keywords of JSON Schema."""

    def summary(self) -> str:
        """Return what is allowed in the words of a table's cell; empty if the type says it."""
        return ""

    def sentence(self) -> str:
        """Return what the summary leaves out."""
        return ""


@dataclass(frozen=True)
class Between(Constraint):
    """A number from ``low`` to ``high``, both included; ``source`` names who sets the limits."""

    low: int
    high: int
    unit: str = ""
    source: str = ""

    def violation(self, value: object, /) -> Violation | None:
        """Return why ``value`` is out of range, or None."""
        if isinstance(value, int) and self.low <= value <= self.high:
            return None
        source = f" ({self.source})" if self.source else ""
        limits = f"{self.summary()} {self.unit}".rstrip()
        return Violation(f"it is outside {limits}{source}", f"write a number from {limits}")

    def json_schema(self) -> dict[str, object]:
        """Return the limits."""
        return {"minimum": self.low, "maximum": self.high}

    def summary(self) -> str:
        """Return the limits."""
        return f"{self.low} to {self.high}"

    def sentence(self) -> str:
        """Return who sets the limits."""
        return f"Limits: {self.source}." if self.source else ""


@dataclass(frozen=True)
class OneOf(Constraint):
    """One of the values that ``source`` accepts. For a single string, ``Literal`` does the same."""

    values: tuple[int | str, ...]
    source: str = ""

    def violation(self, value: object, /) -> Violation | None:
        """Return that ``value`` is no choice and which one is nearest, or None."""
        if value in self.values:
            return None
        words = [word for word in self.values if isinstance(word, str)]
        near = difflib.get_close_matches(str(value), words, n=1)
        reason = f"{self.source} does not accept it" if self.source else "there is no such choice"
        listed = ", ".join(map(json.dumps, self.values))
        remedy = f'did you mean "{near[0]}"?' if near else f"write one of {listed}"
        return Violation(reason, remedy)

    def json_schema(self) -> dict[str, object]:
        """Return the values."""
        return {"enum": list(self.values)}

    def summary(self) -> str:
        """Return the values where they are few, else their number."""
        listed = self._listed()
        return listed if len(listed) <= _LONGEST_SUMMARY else f"{len(self.values)} values"

    def sentence(self) -> str:
        """Return the values where they are many."""
        listed = self._listed()
        return f"Choices: {listed}." if len(listed) > _LONGEST_SUMMARY else ""

    def _listed(self) -> str:
        return ", ".join(f"`{value}`" for value in self.values)


@dataclass(frozen=True)
class Matches(Constraint):
    """A string that ``pattern`` matches as a whole; ``form`` describes it, ``example`` is one.

    ``pattern`` must mean the same to Python, for ASCII, and to ECMAScript, for JSON Schema.
    """

    pattern: str
    form: str
    example: str

    def violation(self, value: object, /) -> Violation | None:
        """Return that ``value`` does not match, or None."""
        if isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII):
            return None
        return Violation(f"it is not {self.form}", f'write it like "{self.example}"')

    def json_schema(self) -> dict[str, object]:
        """Return the anchored pattern."""
        return {"pattern": f"^(?:{self.pattern})$"}

    def sentence(self) -> str:
        """Return the form and the example."""
        return f"Write {self.form}, like `{self.example}`."


@dataclass(frozen=True)
class Entries(Constraint):
    """A table of strings: ``keys`` matches each key, ``values`` each value."""

    keys: Matches
    values: Matches

    def violation(self, value: object, /) -> Violation | None:
        """Return why an entry, given as a key and its value, is rejected, or None."""
        assert isinstance(value, tuple)  # noqa: S101 - the reader passes entries
        key, text = value
        return self.keys.violation(key) or self.values.violation(text)

    def json_schema(self) -> dict[str, object]:
        """Return both patterns; anything else is rejected."""
        (key,) = self.keys.json_schema().values()
        return {
            "patternProperties": {str(key): {"type": "string"} | self.values.json_schema()},
            "additionalProperties": False,
        }

    def sentence(self) -> str:
        """Return the forms and an example."""
        return (
            f"Keys: {self.keys.form}. Values: {self.values.form}. "
            f'For example `{self.keys.example} = "{self.values.example}"`.'
        )


_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_IPV6 = r"\[([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}\]"
_LOOPBACK = r"localhost|127\.0\.0\.1|\[::1\]"
# Up to 65535.
_PORT = ":([0-9]{1,4}|[1-5][0-9]{4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))"
_ORIGIN = rf"(https://({_LABEL}(\.{_LABEL})*|{_IPV6})|http://({_LOOPBACK}))({_PORT})?"


def https_origin(*, star: bool = False) -> Matches:
    """Return the constraint of an ``https`` origin, or with ``star`` of one or ``"*"``.

    Loopback hosts may use plain ``http``, because nothing crosses a network.
    """
    pattern, other = (rf"\*|{_ORIGIN}", ', or "*" for any') if star else (_ORIGIN, "")
    form = f"an origin URL (scheme and host, no path){other}"
    return Matches(pattern, form, "https://app.example.org")
