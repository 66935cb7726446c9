"""The settings reference says what the settings are, and is up to date."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modules import catalogue, environments
from modules.naming import Naming
from modules.schema.fields import fields
from modules.settings import Settings
from ops.reference import catalogue_page, commands
from ops.reference.model import Section, Setting, sections
from ops.reference.settings_page import page

WIDTH = 100
GENERATED = ["docs/settings.md", "docs/catalogue.md", "environments/settings.schema.json"]


@pytest.fixture(scope="module")
def reference() -> list[Section]:
    return sections(environments.load(["dev", "prod", "local"]))


def _setting(reference: list[Section], path: str) -> Setting:
    (found,) = (one for section in reference for one in section.settings if one.path == path)
    return found


def _paths(section: type, at: str = "") -> Iterator[str]:
    for field in fields(section):
        if field.is_section:
            yield from _paths(field.kind, f"{at}{field.name}.")
        else:
            yield f"{at}{field.name}"


def test_the_generated_files_of_this_checkout_are_up_to_date() -> None:
    done = CliRunner().invoke(commands.app, ["--check"])
    assert done.exit_code == 0, f"{done.stderr}; remedy: run `make docs`"


@pytest.mark.parametrize("file", GENERATED)
def test_a_stale_file_is_an_error_with_a_remedy_until_it_is_written(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("docs", "environments"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(commands, "CHECKOUT", tmp_path)
    run = CliRunner().invoke
    assert run(commands.app).exit_code == 0
    (tmp_path / file).write_text("stale\n", encoding="utf-8")

    stale = run(commands.app, ["--check"])
    assert (stale.exit_code, (tmp_path / file).read_text(encoding="utf-8")) == (1, "stale\n")
    assert f"stale: {file}" in stale.stderr
    assert "remedy: run `make docs`" in stale.stderr

    assert run(commands.app).exit_code == 0
    assert run(commands.app, ["--check"]).exit_code == 0


def test_json_writes_nothing_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "CHECKOUT", tmp_path)

    document = json.loads(CliRunner().invoke(commands.app, ["--json"]).stdout)

    assert not [*tmp_path.iterdir()]
    assert document["environments"][-1] == "local", "those in AWS come first"
    assert sorted(document["environments"]) == environments.names()
    settings = {one["path"]: one for part in document["sections"] for one in part["settings"]}
    units = settings["table.capacity.read"]["values"]
    assert (units["dev"], units["prod"], units["local"]) == (None, 5, None)


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
    assert (ttl.allowed, ttl.unit) == ("1 to 3650", "days")
    assert _setting(reference, "function.reserved_concurrency").unit == "calls"
    assert "731" in _setting(reference, "function.log_retention_days").text


def test_a_new_setting_changes_one_row(reference: list[Section]) -> None:
    (section,) = (one for one in reference if one.path == "cache")
    wide = dataclasses.replace(section.settings[0], name="a_setting_with_a_very_long_name")
    extended = dataclasses.replace(section, settings=(*section.settings, wide))

    before = page([section], ["dev", "prod", "local"]).splitlines()
    after = page([extended], ["dev", "prod", "local"]).splitlines()

    assert set(before) <= set(after)
    assert len([line for line in after if line.startswith("| `")]) == len(extended.settings)


def test_lines_outside_tables_fit_a_terminal(reference: list[Section]) -> None:
    lines = page(reference, ["dev", "prod", "local"]).splitlines()
    assert not [line for line in lines if len(line) > WIDTH and not line.startswith("|")]


def test_a_value_too_long_for_the_table_stands_below_it(reference: list[Section]) -> None:
    text = " ".join(page(reference, ["dev", "prod", "local"]).split())
    assert "Value (default, dev, prod): `generativelanguage.googleapis.com`" in text


def test_every_row_of_the_catalogue_stands_there() -> None:
    naming = Naming(environment="{env}")
    text = catalogue_page.page()
    alarms = {
        alarm.id.format(bucket.key)
        for alarm in catalogue.ALARMS
        for bucket in catalogue.BUCKETS
        if bucket.measured or alarm.resource != "bucket"
    }
    for row in (
        *map(naming.bucket, catalogue.BUCKETS),
        *map(naming.parameter, catalogue.PARAMETERS),
        *map(naming.alarm, alarms),
        *(metric.name for metric in catalogue.METRICS),
        *(one.address for one in catalogue.ADOPTABLE),
        *catalogue.VARIABLES,
    ):
        assert f"| `{row}` |" in text, row


def test_a_threshold_is_the_default_of_its_setting() -> None:
    (line,) = (line for line in catalogue_page.page().splitlines() if "-geojson-refused`" in line)
    assert "| `4xxErrors` in percent of `AllRequests` | Sum | 5 by default |" in line
    assert "| 2 x 15 min | 20 |" in line, "periods, and the least number of samples"
