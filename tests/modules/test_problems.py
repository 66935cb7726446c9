"""Messages about an input show it as its author wrote it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from modules import environments
from modules.problems import InputError, Problem, toml
from modules.settings import BackupSettings


def _subject(value: object, field: str = "table.x") -> str:
    return Problem(where="a.toml", field=field, value=value, reason="r", remedy="r").subject


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "table.x is unset"),
        (False, "table.x = false"),
        (5, "table.x = 5"),
        ("it's", 'table.x = "it\'s"'),
        (["a", True], 'table.x = ["a", true]'),
        ({}, "[table.x]"),
        ({"a": 1}, "[table.x]"),
        (BackupSettings(), "[table.x]"),
    ],
)
def test_a_value_is_shown_as_in_toml(value: object, shown: str) -> None:
    assert _subject(value) == f"a.toml: {shown}"


def test_a_field_without_a_value_is_shown_alone() -> None:
    problem = Problem(where="a.toml", field="the file", reason="r", remedy="r")
    assert problem.subject == "a.toml: the file"


@pytest.mark.parametrize(
    "value",
    ['a "b"', "back\\slash", "two\nlines", "\x1b[31m\x7f", "M\u00fcnchen", [["a"], {"b": 1}]],
)
def test_what_is_shown_is_toml_on_one_printable_line(value: object) -> None:
    shown = toml(value)
    assert shown.isprintable()
    assert tomllib.loads(f"x = {shown}") == {"x": value}


@pytest.mark.parametrize(
    "value",
    ["https://user:secret@host", "https://secret@host/x", "https://user:se@cret@host",
     "https://user:a secret/@host", "user:secret@host", ["https://user:secret@host"]],
)  # fmt: skip
def test_a_password_in_a_url_is_masked(value: object) -> None:
    shown = _subject(value)
    assert "***@host" in shown
    assert "secret" not in shown


def test_an_email_address_is_not_masked() -> None:
    assert toml("operators@example.org") == '"operators@example.org"'


def test_a_long_value_is_cut() -> None:
    assert len(_subject("x" * 1000)) < 150


def test_a_message_shows_no_value_that_the_file_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("region =", encoding="utf-8")
    (tmp_path / "few.toml").write_text(
        'region = "us-east-1"\nretain = false\n[state]\n[table]\nbilling = "on-demand"\n[backup]\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        environments.load(folder=tmp_path)
    subjects = {problem.subject for problem in caught.value.problems}
    assert subjects == {"bad.toml: the file", "few.toml: [state]", "few.toml: [backup]"}
