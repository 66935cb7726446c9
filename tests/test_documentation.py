"""Links in the documentation lead somewhere, and the version is the changelog's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.catalogue import ALARMS, Alarm
from modules.packaging import ROOT

LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
RELEASE = re.compile(r"^## \[(\d+\.\d+\.\d+)\]", re.MULTILINE)


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def _anchors(page: Path) -> Iterator[str]:
    """Yield the anchors that GitHub gives to the headings."""
    for heading in HEADING.findall(page.read_text(encoding="utf-8")):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in set(_anchors(target)), f"{path}#{anchor}"


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.id)
def test_every_alarm_has_a_section_of_the_runbook_that_names_it(alarm: Alarm) -> None:
    runbook = ROOT / "docs" / "runbook.md"
    sections = re.split(r"^#+ ", runbook.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    (section,) = (s for s, anchor in zip(sections, _anchors(runbook), strict=True)
                  if anchor == alarm.runbook)  # fmt: skip
    assert f"`{alarm.id.format('{bucket}')}`" in section


def test_the_version_is_the_latest_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert RELEASE.findall(changelog)[0] == project["version"]


def test_the_tree_shows_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page.partition("## The house")[2].partition("### ")[0]
    rooms = {
        path.parent.name
        for folder in ("modules", "ops", "testing", "lambda_src")
        for path in (ROOT / folder).glob("*/__init__.py")
    }
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}

    assert len(rooms) > 15
    missing = {room for room in rooms if f"{room}/" not in tree}
    assert missing | (pages - {"architecture.md"} - set(tree.replace(",", " ").split())) == set()
