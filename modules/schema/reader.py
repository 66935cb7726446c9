"""Turn a parsed TOML document into frozen dataclasses, reporting every mistake at once.

The common validators stop at the first layer of mistakes: a misspelt key hides a contradiction
between two other settings. Here a wrong field gets a placeholder, so that the rest is still built
and judged; judgements that rest on a placeholder are dropped.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

from modules.problems import Problem
from modules.schema.constraints import Constraint
from modules.schema.hints import Hint, has_default

T = TypeVar("T")


def structure(kind: type[T], document: Mapping[str, object]) -> tuple[T, list[Problem]]:
    """Build ``kind`` from ``document``; with problems, the value holds placeholders."""
    reader = _Reader()
    value = reader.section(kind, document, "")
    wrong = {problem.field for problem in reader.problems} | reader.doubtful
    contradictions = [
        problem
        for problem in _contradictions(value, "")
        if not any(_touches(field, wrong) for field in (problem.field, *problem.involves))
    ]
    return value, reader.problems + contradictions


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        # Fields that a misspelt key was probably meant for; their default is not what was wanted.
        self.doubtful: set[str] = set()

    def section(self, kind: type[T], document: Mapping[str, object], at: str) -> T:
        assert dataclasses.is_dataclass(kind)  # noqa: S101 - a mistake in settings, not in a file
        hints = get_type_hints(kind, include_extras=True)
        fields = {field.name: field for field in dataclasses.fields(kind)}
        for key in document.keys() - fields.keys():
            self._unknown(key, document[key], list(fields), at)
        values: dict[str, object] = {}
        for name, field in fields.items():
            path = _join(at, name)
            if name in document:
                values[name] = self._value(hints[name], document[name], path)
            elif not has_default(field):
                self._missing(hints[name], path)
                values[name] = _placeholder(hints[name])
        return kind(**values)

    def _value(self, annotation: object, raw: object, path: str) -> object:
        hint = Hint.of(annotation)
        found = self._typed(hint.kind, raw, path)
        if found is _WRONG:
            return _placeholder(hint.kind)
        # mypy would have a Protocol taken for an abstract class here.
        for constraint in hint.of_type(Constraint):  # type: ignore[type-abstract]
            for position, item in _items(found, path):
                complaint = constraint.complaint(item)
                if complaint:
                    self._report(position, item, complaint.reason, complaint.remedy)
        return found

    def _typed(self, kind: object, raw: object, path: str) -> object:
        """Return ``raw`` as ``kind``, or report why not and return ``_WRONG``."""
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if isinstance(raw, dict):
                return self.section(kind, raw, path)
            self._report(path, raw, "it is a section, not a value", f"write a table [{path}]")
        elif get_origin(kind) is Literal:
            choices = get_args(kind)
            if isinstance(raw, str) and raw in choices:
                return raw
            near = _nearest(raw, choices)
            remedy = f'did you mean "{near}"?' if near else f"write one of {_list(choices)}"
            self._report(path, raw, "it is no known choice", remedy)
        elif get_origin(kind) is tuple:
            if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
                return tuple(raw)
            self._report(path, raw, "it is not a list of texts", 'write it like ["one", "two"]')
        elif type(raw) is kind:  # not isinstance: a bool is an int in Python, not in a file
            return raw
        else:
            want = _IN_WORDS[kind]
            self._report(path, raw, f"it is not {want}", f"write {want}")
        return _WRONG

    def _unknown(self, key: str, value: object, known: list[str], at: str) -> None:
        near = _nearest(key, known)
        if near:
            self.doubtful.add(_join(at, near))
        remedy = f'did you mean "{near}"?' if near else f"remove it; known here: {', '.join(known)}"
        self._report(_join(at, key), value, "there is no such setting", remedy)

    def _missing(self, hint: object, path: str) -> None:
        kind = Hint.of(hint).kind
        if get_origin(kind) is Literal:
            remedy = f"add it as one of {_list(get_args(kind))}"
        elif dataclasses.is_dataclass(kind):
            remedy = f"add a table [{path}]"
        else:
            remedy = f"add a line `{path.rpartition('.')[2]} = ...`"
        self._report(path, None, "it is required and missing", remedy)

    def _report(self, field: str, value: object, reason: str, remedy: str) -> None:
        self.problems.append(Problem(field=field, value=value, reason=reason, remedy=remedy))


_WRONG = object()
_IN_WORDS: Mapping[object, str] = {
    str: 'a text in "quotes"',
    int: "a whole number",
    bool: "true or false",
}


def _placeholder(hint: object) -> object:
    kind = Hint.of(hint).kind
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return ()
    assert isinstance(kind, type)  # noqa: S101 - a mistake in settings, not in a file
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        required = [field.name for field in dataclasses.fields(kind) if not has_default(field)]
        return kind(**{name: _placeholder(hints[name]) for name in required})
    return kind()


def _contradictions(section: object, at: str) -> Iterator[Problem]:
    assert dataclasses.is_dataclass(section)  # noqa: S101 - called with sections only
    judge = getattr(section, "problems", None)
    if judge is not None:
        yield from judge(at)
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            yield from _contradictions(value, _join(at, field.name))


def _items(value: object, path: str) -> list[tuple[str, object]]:
    if isinstance(value, tuple):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return [(path, value)]


def _touches(field: str, wrong: set[str]) -> bool:
    """Whether ``field`` is, holds or lies in a field that is itself wrong."""
    return any(
        field == other
        or field.startswith((f"{other}.", f"{other}["))
        or other.startswith((f"{field}.", f"{field}["))
        for other in wrong
    )


def _nearest(value: object, known: list[str] | tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)), None)


def _list(choices: tuple[str, ...]) -> str:
    return ", ".join(f'"{choice}"' for choice in choices)


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
