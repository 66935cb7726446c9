"""The example of docs/plan-review.md."""

from __future__ import annotations

import re
import struct
import zlib
from itertools import product
from pathlib import Path

import pytest

from bench.review_peers import FACTS
from ops.review import markdown, sources
from ops.review.acceptance import Acceptances
from ops.review.reviewing import review
from tests.review import picture
from tests.review.small_png import smaller

CORPUS = Path(__file__).resolve().parents[1] / "review"
LARGEST = 150_000


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


def _png(width: int, rows: list[bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(b"".join(rows))),
            (b"IEND", b""),
        )
    )


def test_a_smaller_picture_has_the_same_pixels() -> None:
    """Every filter of a line is undone; what they say of two pixels is from the specification."""
    red, grey, difference = bytes([255, 0, 0]), bytes([9, 9, 9]), bytes([10, 9, 9])
    zero = bytes(3)
    rows = [
        bytes([0]) + red + grey,
        bytes([2]) + zero + zero,  # as above
        bytes([1]) + red + difference,  # added to the left: 255 + 10 is 9
        bytes([4]) + zero + zero,  # Paeth: above, then above again
        bytes([3]) + bytes([128, 0, 0]) + bytes([133, 5, 5]),  # added to the mean
    ]
    small = smaller(_png(2, rows))
    chunks = dict(_chunks(small))
    palette = [tuple(chunks[b"PLTE"][at : at + 3]) for at in range(0, len(chunks[b"PLTE"]), 3)]
    lines = zlib.decompress(chunks[b"IDAT"])
    pixels = [palette[lines[3 * row + 1 + at]] for row, at in product(range(5), range(2))]
    assert pixels == [tuple(red), tuple(grey)] * 5


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def test_the_comparison_with_other_tools_says_what_is_found_today() -> None:
    text = picture.PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+ \| [^|]+) \| (yes|no) \|", text, re.MULTILINE))
    for plan in {fact.plan for fact in FACTS}:
        found = markdown.full(review(sources.load(CORPUS.glob(f"*/{plan}.json")), Acceptances()))
        assert rows[f"{plan} | reads it"] == "yes"
        for fact in FACTS:
            if fact.plan == plan:
                assert rows[f"{plan} | {fact.what}"] == ("yes" if fact.test(found) else "no"), fact
