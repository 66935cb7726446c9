"""Which version of an object is wanted back."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.restore.versions import Step, Version, Wish, step

BEGIN = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
HISTORY = st.lists(st.sampled_from("abX"), min_size=1, max_size=8)


def _history(letters: str | list[str]) -> list[Version]:
    """Return versions of the contents a, b...; X is a deletion. One a minute, the latest first."""
    return [
        Version(
            key="k",
            id=str(number),
            modified=BEGIN + dt.timedelta(minutes=number),
            marker=letter == "X",
            latest=number == len(letters) - 1,
            etag=letter,
        )
        for number, letter in enumerate(letters)
    ][::-1]


def _result(versions: list[Version], done: Step) -> str:
    """Return the content after a step; X if the object is not there."""
    if done.copy:
        return done.copy.etag
    if done.delete:
        return "X"
    left = [version for version in versions if version.id not in done.markers]
    return left[0].etag if left else "X"


@pytest.mark.parametrize(
    ("history", "after"),
    [("aX", "a"), ("abX", "b"), ("aXX", "a"), ("aXbX", "b"), ("ab", "b"), ("X", "X")],
)
def test_undelete(history: str, after: str) -> None:
    versions = _history(history)
    assert _result(versions, step("k", versions, Wish.UNDELETE, None)) == after


@pytest.mark.parametrize(
    ("history", "after"), [("ab", "a"), ("aXb", "a"), ("a", "a"), ("abX", "X"), ("X", "X")]
)
def test_previous(history: str, after: str) -> None:
    versions = _history(history)
    assert _result(versions, step("k", versions, Wish.PREVIOUS, None)) == after


@given(HISTORY, st.integers(min_value=-1, max_value=8))
def test_as_it_was_at_any_time(letters: list[str], minute: int) -> None:
    versions = _history(letters)
    at = BEGIN + dt.timedelta(minutes=minute, seconds=30)
    wanted = letters[min(minute, len(letters) - 1)] if minute >= 0 else "X"
    done = step("k", versions, Wish.AT, at)
    assert _result(versions, done) == wanted
    if wanted == letters[-1]:
        assert not done.needed
