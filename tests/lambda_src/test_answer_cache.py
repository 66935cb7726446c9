"""The in-process LRU cache: lifetime, eviction and its size limit."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st
from reasoning.answer_cache import AnswerCache

from tests.lambda_src.builders import NOW, entry


def text(size: int) -> str:
    return '"' + "x" * size + '"'


def test_an_answer_is_cached_for_a_minute_and_never_beyond_its_expiry() -> None:
    cache = AnswerCache()
    cache.put(entry(key="lasting"), NOW)
    cache.put(entry(key="ending", expires_at=NOW + 5), NOW)

    assert cache.get("lasting", NOW + 59) is not None
    assert cache.get("lasting", NOW + 60) is None
    assert cache.get("ending", NOW + 4) is not None
    assert cache.get("ending", NOW + 5) is None


def test_a_clock_that_went_back_evicts_the_answer() -> None:
    cache = AnswerCache()
    cache.put(entry(key="k"), NOW)

    assert cache.get("k", NOW - 1) is None


def test_the_least_recently_used_answer_is_evicted() -> None:
    cache = AnswerCache(max_bytes=2500)
    for key in ("a", "b", "c"):
        cache.put(entry(key=key), NOW)
    cache.get("a", NOW)
    cache.put(entry(key="d"), NOW)

    assert [key for key in "abcd" if cache.get(key, NOW)] == ["a", "c", "d"]


def test_an_answer_larger_than_the_limit_evicts_nothing() -> None:
    cache = AnswerCache(max_bytes=2500)
    cache.put(entry(key="a"), NOW)
    cache.put(entry(key="huge", reasoning_json=text(3000)), NOW)

    assert cache.get("a", NOW) is not None
    assert cache.get("huge", NOW) is None


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3000)), max_size=40))
def test_the_size_limit_is_never_exceeded(puts: list[tuple[str, int]]) -> None:
    cache = AnswerCache(max_bytes=6000)
    for key, size in puts:
        cache.put(entry(key=key, reasoning_json=text(size)), NOW)

    held = [found.reasoning_json for key in "abcdefgh" if (found := cache.get(key, NOW))]
    assert sum(sys.getsizeof(text) for text in held) <= 6000
