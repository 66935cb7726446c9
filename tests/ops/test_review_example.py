"""The example of docs/plan-review.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.review_peers import FACTS
from ops.review import markdown, sources
from ops.review.acceptance import Acceptances
from ops.review.reviewing import review
from tests.review import picture

CORPUS = Path(__file__).resolve().parents[1] / "review"
LARGEST = 200_000


def test_the_page_shows_what_the_command_writes_today() -> None:
    text = picture.PAGE.read_text(encoding="utf-8")
    assert picture.page(text) == text, "stale: run `make picture` and commit the result"
    assert picture.comment().strip() in text


def test_the_pictures_are_there_and_small() -> None:
    files = sorted((picture.DOCS / "images").glob("plan-review*.png"))
    assert [file.name for file in files] == ["plan-review-dark.png", "plan-review.png"]
    text = picture.PAGE.read_text(encoding="utf-8")
    for file in files:
        assert f"images/{file.name}" in text
        assert file.stat().st_size < LARGEST


def test_without_a_browser_the_text_is_written_and_the_remedy_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "plan-review.md"
    text = picture.PAGE.read_text(encoding="utf-8")
    stale.write_text(text.replace("dev-storage/aws_dynamodb_table.cache:replace", "old"))
    monkeypatch.setattr(picture, "PAGE", stale)
    monkeypatch.setattr(picture, "CHECKOUT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert picture.main() == 1
    assert stale.read_text() == text
    error = capsys.readouterr().err
    assert "no Chromium is on PATH" in error
    assert "apt-get install chromium-headless-shell" in error


def test_the_comparison_with_other_tools_says_what_is_found_today() -> None:
    text = picture.PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+ \| [^|]+) \| (yes|no) \|", text, re.MULTILINE))
    for plan in {fact.plan for fact in FACTS}:
        found = markdown.full(review(sources.load(CORPUS.glob(f"*/{plan}.json")), Acceptances()))
        assert rows[f"{plan} | reads it"] == "yes"
        for fact in FACTS:
            if fact.plan == plan:
                assert rows[f"{plan} | {fact.what}"] == ("yes" if fact.test(found) else "no"), fact
