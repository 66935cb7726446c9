"""Many instances miss at once: one asks, the others wait for it, and nobody is left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from reasoning.deadline import Deadline
from reasoning.errors import (
    ApiError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.models import CacheEntry
from reasoning.outcome import CacheStatus
from reasoning.snapshot import Failure, Lease

from tests.lambda_src.builders import DAY, NOW, Api, key, query

OTHER = Lease(key=key(), owner="other", until=1000 * (NOW + 22))
ENTRY = CacheEntry(key=key(), reasoning_json="{}", model="m", cached_at=NOW, expires_at=NOW + DAY)


class Waiting:
    """An instance that finds the key leased; each pause is a moment at which things happen."""

    def __init__(self, *moments: Callable[[Api], None]) -> None:
        self.api = Api()
        self.api.cache.leases[OTHER.key] = OTHER
        self.pauses: list[float] = []
        self._moments = list(moments)
        self._service = self.api.instance(pause=self._pause)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.api.clock.now += seconds
        if self._moments:
            self._moments.pop(0)(self.api)

    def answer(self, seconds: float = 25.0) -> CacheStatus:
        return self._service.answer(query(), Deadline.after(seconds)).status


def nothing(_api: Api) -> None:
    """Let a moment pass."""


def answered(api: Api) -> None:
    api.cache.put(ENTRY, query(), OTHER, Deadline.after(1))


def failed(kind: str) -> Callable[[Api], None]:
    def moment(api: Api) -> None:
        failure = Failure(kind=kind, owner=OTHER.owner, retry_after=7)
        api.cache.fail(OTHER, failure, Deadline.after(1))

    return moment


def died(api: Api) -> None:
    api.clock.now = OTHER.until / 1000 + 1


def test_who_waits_gets_the_answer_of_who_asked() -> None:
    waiting = Waiting(nothing, nothing, answered)

    assert waiting.answer() is CacheStatus.HIT
    assert waiting.api.model.queries == []
    # The first look may be cheap; those that wait must see a write as soon as it is done.
    assert waiting.api.cache.reads[1:] == [True] * len(waiting.api.cache.reads[1:])


def test_pauses_grow_from_a_twentieth_of_a_second_to_half_of_one() -> None:
    waiting = Waiting(*[nothing] * 20, answered)
    waiting.answer()

    assert waiting.pauses[0] <= 0.05
    assert 0.25 <= waiting.pauses[-1] <= 0.5
    assert len(set(waiting.pauses)) > 15, "followers would move in step"


def test_a_dead_holder_is_taken_over() -> None:
    waiting = Waiting(nothing, died)

    assert waiting.answer() is CacheStatus.MISS
    assert len(waiting.api.model.queries) == 1


def test_a_holder_that_was_taken_over_can_write_no_more() -> None:
    waiting = Waiting(died)
    waiting.answer()
    late = CacheEntry(
        key=key(), reasoning_json='{"late":1}', model="m", cached_at=NOW, expires_at=NOW + DAY
    )

    assert not waiting.api.cache.put(late, query(), OTHER, Deadline.after(1))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("upstream-rejected", UpstreamRejectedError),
        ("upstream-authentication", UpstreamAuthenticationError),
        ("upstream-answer", UpstreamAnswerError),
        ("upstream-unavailable", UpstreamUnavailableError),
        ("upstream-timeout", UpstreamUnavailableError),
    ],
)
def test_who_waits_shares_the_failure_too(kind: str, expected: type[ApiError]) -> None:
    waiting = Waiting(nothing, failed(kind))

    with pytest.raises(expected):
        waiting.answer()
    assert waiting.api.model.queries == []


def test_the_next_question_after_a_failure_asks_again() -> None:
    api = Api(failure=UpstreamTimeoutError("scripted", retry_after=1))
    with pytest.raises(UpstreamTimeoutError):
        api.service.answer(query(), Deadline.after(5))
    api.model.failure = None

    assert api.service.answer(query(), Deadline.after(5)).status is CacheStatus.MISS


def test_who_runs_out_of_time_is_told_when_to_come_back() -> None:
    with pytest.raises(UpstreamUnavailableError) as raised:
        Waiting().answer(seconds=0.52)
    assert raised.value.retry_after == 2


def test_who_cannot_wait_gets_the_expired_answer() -> None:
    waiting = Waiting()
    waiting.api.cache.entries[key()] = ENTRY
    waiting.api.clock.now = ENTRY.expires_at
    waiting.api.cache.leases[key()] = Lease(
        key=key(), owner="other", until=1000 * (ENTRY.expires_at + 22)
    )

    assert waiting.answer(seconds=0.52) is CacheStatus.STALE


def test_who_has_an_expired_answer_waits_two_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Waiting()
    waiting.api.cache.entries[key()] = ENTRY
    waiting.api.clock.now = ENTRY.expires_at
    waiting.api.cache.leases[key()] = Lease(
        key=key(), owner="other", until=1000 * (ENTRY.expires_at + 22)
    )
    monkeypatch.setattr("time.monotonic", waiting.api.clock)

    assert waiting.answer() is CacheStatus.STALE
    assert 1.4 < sum(waiting.pauses) <= 2


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamUnavailableError("scripted", retry_after=7),
        UpstreamAnswerError("scripted"),
        UpstreamRejectedError("scripted"),
        UpstreamAuthenticationError("scripted"),
    ],
)
def test_an_expired_answer_is_better_than_none(failure: ApiError) -> None:
    api = Api(failure=failure)
    api.cache.entries[key()] = ENTRY
    api.clock.now = ENTRY.expires_at

    outcome = api.service.answer(query(), Deadline.after(5))

    assert (outcome.status, outcome.entry) == (CacheStatus.STALE, ENTRY)
    api.model.failure = None
    api.clock.now += 200
    assert api.service.answer(query(), Deadline.after(5)).status is CacheStatus.MISS


def test_a_refused_query_is_not_asked_again_for_two_minutes() -> None:
    api = Api(failure=UpstreamRejectedError("scripted"))
    for _ in range(3):
        with pytest.raises(UpstreamRejectedError):
            api.instance().answer(query(), Deadline.after(5))
    assert len(api.model.queries) == 1

    api.clock.now += 120
    with pytest.raises(UpstreamRejectedError):
        api.service.answer(query(), Deadline.after(5))
    assert len(api.model.queries) == 2


def test_a_refusal_concerns_its_query_alone() -> None:
    api = Api(failure=UpstreamRejectedError("scripted"))
    with pytest.raises(UpstreamRejectedError):
        api.service.answer(query(), Deadline.after(5))
    api.model.failure = None

    assert api.service.answer(query(lat="1"), Deadline.after(5)).status is CacheStatus.MISS


def test_a_model_that_keeps_failing_is_not_asked_and_no_lease_is_taken() -> None:
    api = Api(failure=UpstreamUnavailableError("scripted", retry_after=7))
    for index in range(8):
        with pytest.raises(UpstreamUnavailableError):
            api.service.answer(query(lat=str(index)), Deadline.after(5))

    assert len(api.model.queries) == 5
    assert api.cache.leases == {}


def test_an_answer_lets_the_failures_before_it_be_forgotten() -> None:
    failure = UpstreamUnavailableError("scripted", retry_after=7)
    api = Api()
    for index in range(9):
        api.model.failure = None if index == 4 else failure
        with contextlib.suppress(UpstreamUnavailableError):
            api.service.answer(query(lat=str(index)), Deadline.after(5))

    assert len(api.model.queries) == 9


def test_a_defect_keeps_nobody_waiting() -> None:
    api = Api(failure=RuntimeError("a defect"))
    with pytest.raises(RuntimeError):
        api.service.answer(query(), Deadline.after(5))

    assert api.cache.leases == {}


def test_refusals_do_not_count_against_the_model() -> None:
    api = Api(failure=UpstreamRejectedError("scripted"))
    for index in range(8):
        with pytest.raises(UpstreamRejectedError):
            api.service.answer(query(lat=str(index)), Deadline.after(5))

    assert len(api.model.queries) == 8
