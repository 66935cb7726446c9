"""Read a parsed TOML document into frozen dataclasses, reporting every mistake at once.

Most validators stop at the first layer of mistakes: a misspelt key hides two settings that exclude
each other. Here an invalid field gets a placeholder, so that cross-field validation still runs;
cross-field errors that depend on an invalid field are suppressed.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from modules.problems import Problem
from modules.schema.constraints import OneOf, Violation
from modules.schema.fields import Field, fields

T = TypeVar("T")

_EXPECTED: Mapping[type, str] = {
    bool: "true or false",
    int: "an integer",
    str: 'a string in "quotes"',
    tuple: 'a list of strings, like ["one", "two"]',
    dict: 'a table of strings, like { key = "value" }',
}


def structure(kind: type[T], document: Mapping[str, object]) -> tuple[T, list[Problem]]:
    """Return ``document`` as ``kind``, with placeholders where there are problems."""
    reader = _Reader()
    value = reader.section(kind, document, "")
    invalid = {problem.field for problem in reader.problems} | reader.misspelt
    cross_field = [
        problem
        for problem in _cross_field(value, "")
        if not any(
            _overlap(field, other)
            for field in (problem.field, *problem.involves)
            for other in invalid
        )
    ]
    return value, reader.problems + cross_field


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        # Fields that a misspelt key probably meant: their default is not what was intended.
        self.misspelt: set[str] = set()

    def section(self, kind: type[T], document: Mapping[str, object], at: str) -> T:
        known = {field.name: field for field in fields(kind)}
        for key in document:
            if key not in known:
                self._unknown(key, document[key], list(known), at)
        values: dict[str, object] = {}
        for name, field in known.items():
            path = _join(at, name)
            if name in document:
                values[name] = self._value(field, document[name], path)
            elif field.required:
                self._report(path, None, _missing(field, path))
                values[name] = _placeholder(field)
        return kind(**values)

    def _value(self, field: Field, raw: object, path: str) -> object:
        if field.is_section and isinstance(raw, dict):
            return self.section(field.kind, raw, path)
        wrong_type = _wrong_type(field, raw, path)
        if wrong_type:
            self._report(path, raw, wrong_type)
            return _placeholder(field)
        for position, item in _items(raw, path):
            value = item[1] if isinstance(item, tuple) else item
            violation = field.constraint and field.constraint.violation(item)
            if isinstance(raw, list | dict) and not isinstance(value, str):
                violation = Violation("it is not a string", f"write {_EXPECTED[str]}")
            if violation:
                self._report(position, value, violation)
        if isinstance(raw, list):
            return tuple(item for item in raw if isinstance(item, str))
        if isinstance(raw, dict):
            return {key: item for key, item in raw.items() if isinstance(item, str)}
        return raw

    def _unknown(self, key: str, value: object, known: list[str], at: str) -> None:
        near = difflib.get_close_matches(key, known, n=1)
        self.misspelt.update(_join(at, name) for name in near)
        remedy = (
            f'did you mean "{near[0]}"?' if near else f"remove it; known here: {', '.join(known)}"
        )
        self._report(_join(at, key), value, Violation("there is no such setting", remedy))

    def _report(self, field: str, value: object, violation: Violation) -> None:
        self.problems.append(
            Problem(field=field, value=value, reason=violation.reason, remedy=violation.remedy)
        )


def _wrong_type(field: Field, raw: object, path: str) -> Violation | None:
    if field.is_section:
        return Violation("it is a table, not a value", f"write a table [{path}]")
    if isinstance(raw, list):
        valid = field.kind is tuple
        if valid and field.required and not raw:
            return Violation("it must not be empty", "list at least one")
    else:
        valid = type(raw) is field.kind  # not isinstance: in Python a bool is an int
    expected = _EXPECTED[field.kind]
    return None if valid else Violation(f"it is not {expected}", f"write {expected}")


def _missing(field: Field, path: str) -> Violation:
    remedy = f"add a table [{path}]" if field.is_section else f"add a line `{field.name} = ...`"
    if isinstance(field.constraint, OneOf):
        remedy = f"{remedy} with one of {field.allowed}"
    return Violation("it is required and missing", remedy)


def _placeholder(field: Field) -> object:
    if not field.is_section:
        return field.kind()
    return field.kind(**{one.name: _placeholder(one) for one in fields(field.kind) if one.required})


def _cross_field(section: object, at: str) -> Iterator[Problem]:
    assert dataclasses.is_dataclass(section)  # noqa: S101 - called with sections only
    validate = getattr(section, "problems", None)
    if validate is not None:
        yield from validate(at)
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            yield from _cross_field(value, _join(at, field.name))


def _items(value: object, path: str) -> list[tuple[str, object]]:
    if isinstance(value, list):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return [(f"{path}.{key}", (key, item)) for key, item in value.items()]
    return [(path, value)]


def _overlap(one: str, other: str) -> bool:
    """Whether two fields are the same, or one of them contains the other."""
    outer, inner = sorted((one, other), key=len)
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
