"""The JSON Schema of the settings files agrees with their reader, where JSON Schema can."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft7Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from modules.environments import FOLDER
from modules.schema.constraints import Between, Constraint, Entries, Matches, OneOf, https_origin
from modules.schema.fields import Field, fields
from modules.schema.json_schema import json_schema
from modules.schema.reader import structure
from modules.schema.setting_docs import Doc
from modules.settings import Settings
from tests.modules.conftest import VARIANTS
from tests.modules.test_settings import CONTRADICTIONS, GOOD, INVALID, VALID, changed

SCHEMA = json_schema(Settings)
DOC = Doc("A setting of a test.")


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """Match as ECMAScript does: ASCII digits, and `$` only at the end."""
    assert pattern.endswith("$")
    if isinstance(value, str) and not re.search(rf"{pattern[:-1]}\Z", value, re.ASCII):
        yield ValidationError(f"{value!r} does not match {pattern}")


# What an editor may validate with.
DRAFTS: list[type[Validator]] = [
    extend(draft, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    for draft in (Draft4Validator, Draft7Validator)
]


def _accepts(schema: dict[str, object], document: Any) -> bool:
    verdicts = {draft(schema).is_valid(document) for draft in DRAFTS}
    assert len(verdicts) == 1, f"draft 4 and draft-07 disagree on {document}"
    return verdicts.pop()


def test_it_is_a_schema_of_either_draft() -> None:
    for draft in DRAFTS:
        draft.check_schema(SCHEMA)


@pytest.mark.parametrize("file", [*FOLDER.glob("*.toml"), *VARIANTS.glob("*.toml")], ids=str)
def test_every_environment_is_valid(file: Path) -> None:
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    assert _accepts(SCHEMA, document)


@pytest.mark.parametrize("file", list(FOLDER.glob("*.toml")), ids=str)
def test_every_shipped_environment_names_the_schema(file: Path) -> None:
    directive = file.read_text(encoding="utf-8").splitlines()[0]
    assert directive.startswith("#:schema "), "the first line names no schema, see the other files"
    assert (file.parent / directive.removeprefix("#:schema ")).samefile(
        FOLDER / "settings.schema.json"
    )


@pytest.mark.parametrize(("path", "value"), [row[:2] for row in INVALID])
def test_an_invalid_value_is_refused(path: str, value: object) -> None:
    assert _accepts(SCHEMA, GOOD)
    assert not _accepts(SCHEMA, changed(path, value))


@pytest.mark.parametrize(("path", "value"), VALID)
def test_a_limit_itself_is_accepted(path: str, value: object) -> None:
    assert _accepts(SCHEMA, changed(path, value))


@pytest.mark.parametrize(("path", "value"), [row[:2] for row in CONTRADICTIONS])
def test_contradictions_are_left_to_the_reader(path: str, value: object) -> None:
    assert _accepts(SCHEMA, changed(path, value))


def _leaves(section: type) -> Iterator[Field]:
    for field in fields(section):
        yield from _leaves(field.kind) if field.is_section else (field,)


# Every combination of type and constraint that a setting has.
KINDS = {(field.kind, field.constraint, field.required): field for field in _leaves(Settings)}


def _near(constraint: Constraint | None) -> st.SearchStrategy[object]:
    """Values on either side of a constraint."""
    match constraint:
        case Between(low=low, high=high):
            return st.sampled_from([low - 1, low, high, high + 1])
        case OneOf(values=values):
            return st.sampled_from(values)
        case Matches(pattern=pattern):
            fitting = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
            return fitting | st.builds(str.__add__, fitting, st.text(max_size=1))
        case Entries(values=values):
            key = st.sampled_from(["Owner", "aws:a", "AWS:a", "a b", "a?", "k" * 128, "k" * 129])
            return st.dictionaries(key, _near(values) | st.integers(), max_size=2)
        case _:
            return st.nothing()


_TOML: st.SearchStrategy[object] = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number % 1)
    | st.text(max_size=4)
    | st.just({})
)


@pytest.mark.parametrize("examples", [12, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("field", KINDS.values(), ids=lambda field: field.name)
def test_reader_and_schema_agree_on_each_kind_of_setting(field: Field, examples: int) -> None:
    hint = Annotated[field.kind, field.constraint, DOC]  # type: ignore[name-defined]
    default = (
        dataclasses.field()
        if field.required
        else dataclasses.field(default_factory=lambda: field.default)
    )
    one = dataclasses.make_dataclass("One", [(field.name, hint, default)])
    schema = json_schema(one)
    near = _near(field.constraint)

    @settings(max_examples=examples)
    @given(value=_TOML | near | st.lists(near | _TOML, max_size=2))
    def agree(value: object) -> None:
        document = {field.name: value}
        assert _accepts(schema, document) == (not structure(one, document)[1])

    agree()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    """A section of the sample."""

    needed: Annotated[int, Between(1, 3), DOC]
    words: Annotated[tuple[str, ...], OneOf(("a", "b")), DOC]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """A file with each kind of field."""

    inner: Annotated[Inner, DOC]
    choice: Annotated[Literal["x", "y"], DOC]
    other: Annotated[Inner | None, DOC] = None
    origins: Annotated[tuple[str, ...], https_origin(star=True), DOC] = ()
    switch: Annotated[bool, DOC] = False


_NUMBERS = st.integers(0, 4) | st.booleans()
_INNER = st.fixed_dictionaries(
    {},
    optional={
        "needed": _NUMBERS,
        "words": st.lists(st.sampled_from("abc"), max_size=2) | st.just("a"),
        "neded": _NUMBERS,
    },
)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "inner": _INNER | _NUMBERS,
        "other": _INNER | st.lists(_INNER, max_size=1),
        "choice": st.sampled_from(["x", "y", "z", 1]),
        "origins": st.lists(st.sampled_from(["*", "https://a.org", "a"]), max_size=2),
        "switch": _NUMBERS,
    },
)


@given(document=_DOCUMENTS)
def test_reader_and_schema_agree_on_whole_documents(document: dict[str, object]) -> None:
    assert _accepts(json_schema(Sample), document) == (not structure(Sample, document)[1])
