"""The settings reference says what the settings are, and is up to date."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.testing import CliRunner

from modules import environments
from modules.schema.constraints import Complaint
from modules.schema.hints import Hint
from modules.settings import Settings
from ops.reference import commands
from ops.reference.allowed import allowed
from ops.reference.markdown import page
from ops.reference.model import Section, Setting, sections

WIDTH = 100


@pytest.fixture(scope="module")
def reference() -> list[Section]:
    return sections(environments.load(["dev", "prod", "local"]))


def _setting(reference: list[Section], path: str) -> Setting:
    (found,) = (one for section in reference for one in section.settings if one.path == path)
    return found


def _paths(section: type, at: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(section).items():
        kinds = [kind for kind in (hint, *get_args(hint)) if dataclasses.is_dataclass(kind)]
        for kind in kinds:
            assert isinstance(kind, type)
            yield from _paths(kind, f"{at}{name}.")
        if not kinds:
            yield f"{at}{name}"


def test_the_page_of_this_checkout_is_up_to_date() -> None:
    done = CliRunner().invoke(commands.app, ["--check"])
    assert done.exit_code == 0, "docs/settings.md is stale; remedy: run `make docs`"


def test_a_stale_page_is_an_error_with_a_remedy_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "docs" / "settings.md"
    file.parent.mkdir()
    file.write_text("# Settings\n", encoding="utf-8")
    monkeypatch.setattr(commands, "CHECKOUT", tmp_path)
    run = CliRunner().invoke

    stale = run(commands.app, ["--check"])
    assert (stale.exit_code, file.read_text(encoding="utf-8")) == (1, "# Settings\n")
    assert "remedy: run `make docs`" in stale.stderr

    assert run(commands.app).exit_code == 0
    assert run(commands.app, ["--check"]).exit_code == 0


def test_json_writes_nothing_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "CHECKOUT", tmp_path)

    document = json.loads(CliRunner().invoke(commands.app, ["--json"]).stdout)

    assert not [*tmp_path.iterdir()]
    assert document["environments"] == ["dev", "prod", "staging", "local"]
    settings = {one["path"]: one for part in document["sections"] for one in part["settings"]}
    assert settings["table.capacity.read"]["values"] == {
        "dev": None,
        "prod": 5,
        "staging": None,
        "local": None,
    }


def test_a_wrong_settings_file_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "demo.toml").write_text("retian = true", encoding="utf-8")
    monkeypatch.setattr(commands, "FOLDER", tmp_path)

    done = CliRunner().invoke(commands.app, ["--check"])

    assert done.exit_code == 2
    assert "retian" in done.stderr


def test_every_setting_stands_there_once(reference: list[Section]) -> None:
    plain = [one.path for section in reference for one in section.settings if not one.section]
    assert sorted(plain) == sorted(_paths(Settings))


def test_values_are_what_the_environment_gets_and_not_only_what_it_chose(
    reference: list[Section],
) -> None:
    chosen = _setting(reference, "function.log_retention_days")
    assert (chosen.default, chosen.values["prod"], chosen.values["local"]) == (7, 30, 7)
    assert _setting(reference, "gemini.endpoint").values["local"] == "http://127.0.0.1:4567"
    assert _setting(reference, "local_aws").values == {"dev": False, "prod": False, "local": True}
    assert _setting(reference, "local_aws.port").values["dev"] is None


def test_a_required_setting_has_no_default(reference: list[Section]) -> None:
    retain = _setting(reference, "retain")
    assert (retain.required, retain.default) == (True, None)


def test_limits_and_units_come_from_the_constraints(reference: list[Section]) -> None:
    ttl = _setting(reference, "cache.ttl_days")
    assert (ttl.allowed.short, ttl.unit) == ("1 to 3650", "days")
    assert "731" in _setting(reference, "function.log_retention_days").allowed.more
    assert _setting(reference, "function.log_retention_days").unit == "days"


def test_an_unknown_constraint_is_not_passed_over() -> None:
    class Odd:
        def complaint(self, value: object, /) -> Complaint | None: ...

    with pytest.raises(TypeError, match="Odd"):
        allowed(Hint(kind=int, optional=False, extras=(Odd(),)))


def test_a_terminal_shows_the_page_aligned(reference: list[Section]) -> None:
    lines = page(reference, ["dev", "prod", "local"]).splitlines()
    tables = "\n".join(lines).split("\n\n")
    for table in tables:
        if table.startswith("|"):
            rows = table.splitlines()
            assert {len(row) for row in rows} == {len(rows[0])}, rows[2]
    assert not [line for line in lines if len(line) > WIDTH and not line.startswith("|")]


def test_a_value_too_long_for_the_table_stands_below_it(reference: list[Section]) -> None:
    text = " ".join(page(reference, ["dev", "prod", "local"]).split())
    assert "Value (default, dev, prod): `default-src" in text
