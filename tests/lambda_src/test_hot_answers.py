"""The answers kept in the process: never expired ones, never more than fit."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st
from reasoning.hot import HotAnswers
from reasoning.models import CacheEntry

from tests.lambda_src.builders import NOW


def entry(key: str, *, size: int = 10, expires_at: int = NOW + 1000) -> CacheEntry:
    text = '"' + "x" * size + '"'
    return CacheEntry(key=key, reasoning_json=text, model="m", cached_at=NOW, expires_at=expires_at)


def test_an_answer_is_kept_for_a_minute_and_never_beyond_its_expiry() -> None:
    hot = HotAnswers()
    hot.keep(entry("lasting"), NOW)
    hot.keep(entry("ending", expires_at=NOW + 5), NOW)

    assert hot.get("lasting", NOW + 59) is not None
    assert hot.get("lasting", NOW + 60) is None
    assert hot.get("ending", NOW + 4) is not None
    assert hot.get("ending", NOW + 5) is None


def test_a_clock_that_went_back_drops_the_answer() -> None:
    hot = HotAnswers()
    hot.keep(entry("k"), NOW)

    assert hot.get("k", NOW - 1) is None


def test_the_answer_used_longest_ago_makes_room() -> None:
    hot = HotAnswers(max_bytes=2500)
    for key in ("a", "b", "c"):
        hot.keep(entry(key), NOW)
    hot.get("a", NOW)
    hot.keep(entry("d"), NOW)

    assert [key for key in "abcd" if hot.get(key, NOW)] == ["a", "c", "d"]


def test_an_answer_larger_than_all_the_room_pushes_nothing_out() -> None:
    hot = HotAnswers(max_bytes=2500)
    hot.keep(entry("a"), NOW)
    hot.keep(entry("huge", size=3000), NOW)

    assert hot.get("a", NOW) is not None
    assert hot.get("huge", NOW) is None


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3000)), max_size=40))
def test_what_is_kept_never_exceeds_the_bound(kept: list[tuple[str, int]]) -> None:
    hot = HotAnswers(max_bytes=6000)
    for key, size in kept:
        hot.keep(entry(key, size=size), NOW)

    held = [found.reasoning_json for key in "abcdefgh" if (found := hot.get(key, NOW))]
    assert sum(sys.getsizeof(text) for text in held) <= 6000
