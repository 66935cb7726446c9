"""Times and durations as operators type them."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.common import times
from ops.common.errors import BadInputError

NOW = dt.datetime(2026, 5, 17, 6, 40, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-05-14", "2026-05-14T00:00:00Z"),
        ("2026-05-14T12:00:00Z", "2026-05-14T12:00:00Z"),
        ("2026-05-14T12:00:00+02:00", "2026-05-14T10:00:00Z"),
        ("90m", "2026-05-17T05:10:00Z"),
        ("2w", "2026-05-03T06:40:00Z"),
    ],
)
def test_times(typed: str, meant: str) -> None:
    assert times.format_time(times.parse_time(typed, NOW)) == meant


@pytest.mark.parametrize(
    "typed", ["", "soon", "1", "0h", "-1h", "1.5h", "2026-02-30", "9999999d", "999999w"]
)
def test_invalid_times(typed: str) -> None:
    with pytest.raises(BadInputError) as error:
        times.parse_time(typed, NOW)
    assert error.value.remedy


@pytest.mark.parametrize("typed", ["2026-05-14T12:00:00", "20260514"])
def test_a_time_that_could_be_local_is_refused(typed: str) -> None:
    with pytest.raises(BadInputError, match="local time or UTC") as error:
        times.parse_time(typed, NOW)
    assert error.value.remedy == f"write {typed}Z for UTC"


@given(st.text())
def test_any_text_is_a_time_or_bad_input(typed: str) -> None:
    with contextlib.suppress(BadInputError):
        assert times.parse_time(typed, NOW).tzinfo is dt.UTC


SECONDS = st.integers(min_value=0, max_value=250_000_000_000)


@given(SECONDS, SECONDS)
def test_texts_sort_as_the_times_do(one: int, other: int) -> None:
    first, second = (times.format_time(dt.datetime.fromtimestamp(s, dt.UTC)) for s in (one, other))
    assert (first < second) == (one < other)
