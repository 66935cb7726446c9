"""Cache-aside: hits, misses, and bypassing a failing cache."""

from __future__ import annotations

import json

import pytest
from reasoning.cache import CacheStatus
from reasoning.deadline import Deadline
from reasoning.errors import UpstreamStatusError

from testing.questions import ANSWER
from tests.lambda_src.builders import DAY, NOW, Api, LogLines, key, query


def test_a_miss_calls_the_model_once_and_is_cached(soon: Deadline) -> None:
    api = Api()

    first = api.service.answer(query(), soon)
    api.clock.now += 10.9
    second = api.service.answer(query(), soon)

    assert (first.status, second.status) == (CacheStatus.MISS, CacheStatus.HIT)
    assert first.entry == second.entry
    assert json.loads(first.entry.reasoning_json) == ANSWER
    assert (first.entry.cached_at, first.entry.expires_at) == (NOW, NOW + 90 * DAY)
    assert first.entry.model == "test-model"
    assert (second.age_seconds, second.remaining_seconds) == (10, 90 * DAY - 11)
    assert api.model.queries == [query()]
    assert api.cache.queries == {key(): query()}


def test_another_query_is_another_entry(soon: Deadline) -> None:
    api = Api()

    api.service.answer(query(), soon)
    assert api.service.answer(query(zscore="3.2"), soon).status is CacheStatus.MISS


def test_an_expired_entry_is_replaced(soon: Deadline) -> None:
    api = Api()
    api.service.answer(query(), soon)
    api.clock.now += 90 * DAY

    renewed = api.service.answer(query(), soon)

    assert renewed.status is CacheStatus.MISS
    assert api.cache.entries[key()].cached_at == NOW + 90 * DAY


def test_a_broken_cache_is_bypassed_and_logged(soon: Deadline, log_lines: LogLines) -> None:
    api = Api()
    api.cache.broken = True

    outcome = api.service.answer(query(), soon)

    assert outcome.status is CacheStatus.MISS
    assert json.loads(outcome.entry.reasoning_json) == ANSWER
    events = [line["event"] for line in log_lines()]
    # The lease and the answer.
    assert events == ["cache_read_failed", "cache_write_failed", "cache_write_failed"]


def test_a_read_only_cache_does_not_prevent_an_answer(soon: Deadline, log_lines: LogLines) -> None:
    api = Api()
    api.cache.read_only = True

    assert api.service.answer(query(), soon).status is CacheStatus.MISS
    events = [line["event"] for line in log_lines()]
    assert events == ["cache_write_failed", "cache_write_failed"]


def test_an_error_of_the_model_is_not_cached(soon: Deadline) -> None:
    api = Api(failure=UpstreamStatusError("scripted"))
    with pytest.raises(UpstreamStatusError):
        api.service.answer(query(), soon)
    api.model.failure = None

    assert api.service.answer(query(), soon).status is CacheStatus.MISS


def test_the_time_for_the_cache_is_bounded() -> None:
    api = Api()

    api.service.answer(query(), Deadline.after(20))

    read, *writes = api.cache.budgets
    assert read <= 2
    assert max(writes) <= 1


def test_a_repeated_hit_does_not_read_the_table(soon: Deadline) -> None:
    api = Api()
    api.service.answer(query(), soon)
    reads = len(api.cache.reads)

    assert api.service.answer(query(), soon).status is CacheStatus.HIT
    assert len(api.cache.reads) == reads


def test_consistent_reads_are_off_unless_configured(soon: Deadline) -> None:
    api = Api()
    api.service.answer(query(), soon)
    assert api.cache.reads[0] is False

    api.consistent_reads = True
    api.instance().answer(query(), soon)
    assert api.cache.reads[-1] is True


def test_a_deleted_answer_is_not_served_after_a_minute(soon: Deadline) -> None:
    api = Api()
    api.service.answer(query(), soon)
    api.cache.entries.clear()
    api.clock.now += 60

    assert api.service.answer(query(), soon).status is CacheStatus.MISS


def test_half_a_second_is_reserved_for_write_and_response() -> None:
    api = Api()

    api.service.answer(query(), Deadline.after(3))

    (seconds,) = api.model.budgets
    assert 2.3 < seconds <= 2.5


def test_the_age_is_never_negative(soon: Deadline) -> None:
    api = Api()
    api.service.answer(query(), soon)
    api.clock.now -= 60

    assert api.service.answer(query(), soon).age_seconds == 0
