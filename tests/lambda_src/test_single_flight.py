"""Single flight: leases, followers, takeover, stale answers and negative caching."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from reasoning.cache import CacheStatus, Failure, Lease
from reasoning.deadline import Deadline
from reasoning.errors import (
    ApiError,
    BudgetExhaustedError,
    NotAskedError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

from tests.lambda_src.builders import KEY, NOW, Api, entry, query

OTHER = Lease(key=KEY, owner="other", until=1000 * (NOW + 22))
ENTRY = entry()


class Follower:
    """An instance that finds the key leased; each of its pauses runs the next of `steps`."""

    def __init__(self, *steps: Callable[[Api], None]) -> None:
        self.api = Api()
        self.api.cache.leases[OTHER.key] = OTHER
        self.pauses: list[float] = []
        self._steps = list(steps)
        self._service = self.api.instance(sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.api.clock.now += seconds
        if self._steps:
            self._steps.pop(0)(self.api)

    def answer(self, seconds: float = 25.0) -> CacheStatus:
        return self._service.answer(query(), Deadline.after(seconds)).status


def stale_follower() -> Follower:
    """Return a follower that has an expired answer."""
    follower = Follower()
    follower.api.cache.entries[KEY] = ENTRY
    follower.api.clock.now = ENTRY.expires_at
    follower.api.cache.leases[KEY] = replace(OTHER, until=1000 * (ENTRY.expires_at + 22))
    return follower


def nothing(_api: Api) -> None:
    """Change nothing."""


def answered(api: Api) -> None:
    api.cache.put(ENTRY, query(), OTHER, Deadline.after(1))


def failed(kind: str) -> Callable[[Api], None]:
    def step(api: Api) -> None:
        failure = Failure(kind=kind, owner=OTHER.owner, retry_after=7)
        api.cache.release(OTHER, failure, Deadline.after(1))

    return step


def died(api: Api) -> None:
    api.clock.now = OTHER.until / 1000 + 1


def test_a_follower_gets_the_answer_of_the_holder() -> None:
    follower = Follower(nothing, nothing, answered)

    assert follower.answer() is CacheStatus.COALESCED
    assert follower.api.model.queries == []
    # The first read may be eventually consistent; polling must see a write at once.
    assert follower.api.cache.reads[1:] == [True] * len(follower.api.cache.reads[1:])


def test_the_polling_interval_grows_with_jitter() -> None:
    follower = Follower(*[nothing] * 20, answered)
    follower.answer()

    assert follower.pauses[0] <= 0.05
    assert 0.25 <= follower.pauses[-1] <= 0.5
    assert len(set(follower.pauses)) > 15, "followers would poll in step"


def test_the_lease_of_a_dead_holder_is_taken_over() -> None:
    follower = Follower(nothing, died)

    assert follower.answer() is CacheStatus.MISS
    assert len(follower.api.model.queries) == 1


def test_a_former_holder_is_fenced() -> None:
    follower = Follower(died)
    follower.answer()
    late = entry(reasoning_json='{"late":1}')

    assert not follower.api.cache.put(late, query(), OTHER, Deadline.after(1))


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
def test_a_follower_shares_the_failure_of_the_holder(kind: str, expected: type[ApiError]) -> None:
    follower = Follower(nothing, failed(kind))

    with pytest.raises(expected):
        follower.answer()
    assert follower.api.model.queries == []


def test_the_next_request_after_a_failure_calls_the_model() -> None:
    api = Api(failure=UpstreamTimeoutError("scripted", retry_after=1))
    with pytest.raises(UpstreamTimeoutError):
        api.service.answer(query(), Deadline.after(5))
    api.model.failure = None

    assert api.service.answer(query(), Deadline.after(5)).status is CacheStatus.MISS


def test_a_follower_that_times_out_has_retry_after() -> None:
    with pytest.raises(UpstreamUnavailableError) as raised:
        Follower().answer(seconds=0.52)
    assert raised.value.retry_after == 2


def test_a_follower_that_times_out_gets_the_stale_answer() -> None:
    assert stale_follower().answer(seconds=0.52) is CacheStatus.STALE


def test_a_follower_with_a_stale_answer_waits_two_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    follower = stale_follower()
    monkeypatch.setattr("time.monotonic", follower.api.clock)

    assert follower.answer() is CacheStatus.STALE
    assert 1.4 < sum(follower.pauses) <= 2


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamUnavailableError("scripted", retry_after=7),
        UpstreamAnswerError("scripted"),
        UpstreamRejectedError("scripted"),
        UpstreamAuthenticationError("scripted"),
    ],
)
def test_a_stale_answer_is_served_if_the_model_fails(failure: ApiError) -> None:
    api = Api(failure=failure)
    api.cache.entries[KEY] = ENTRY
    api.clock.now = ENTRY.expires_at

    outcome = api.service.answer(query(), Deadline.after(5))

    assert (outcome.status, outcome.entry) == (CacheStatus.STALE, ENTRY)
    api.model.failure = None
    api.clock.now += 200
    assert api.service.answer(query(), Deadline.after(5)).status is CacheStatus.MISS


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [(UpstreamRejectedError("scripted"), 120), (UpstreamAnswerError("scripted"), 60)],
)
def test_rejections_and_invalid_answers_are_negatively_cached(
    failure: ApiError, seconds: int
) -> None:
    api = Api(failure=failure)
    for after, calls in ((0, 1), (0, 1), (seconds - 1, 1), (seconds, 2)):
        api.clock.now = NOW + after
        with pytest.raises(type(failure)):
            api.instance().answer(query(), Deadline.after(5))
        assert len(api.model.queries) == calls


def test_a_lost_reply_to_the_lease_does_not_fence_the_answer(soon: Deadline) -> None:
    api = Api()
    api.cache.losing_replies = True

    assert api.service.answer(query(), soon).status is CacheStatus.MISS
    assert api.cache.entries[KEY].key == KEY
    assert api.cache.leases == {}
    assert api.instance().answer(query(), soon).status is CacheStatus.HIT


def test_an_answer_that_is_too_large_ends_its_lease(soon: Deadline) -> None:
    api = Api()
    api.cache.too_small = True

    assert api.service.answer(query(), soon).status is CacheStatus.MISS
    assert api.cache.leases == {}
    # Who waited shares the failure instead of paying for another answer that cannot be stored.
    assert api.cache.failures[KEY].kind == "upstream-answer"
    assert api.cache.failures[KEY].until == 0


def test_no_lease_is_taken_for_a_call_that_would_be_refused(soon: Deadline) -> None:
    api = Api()
    api.model.refusal = BudgetExhaustedError(retry_after=60)

    with pytest.raises(BudgetExhaustedError):
        api.service.answer(query(), soon)
    # Two reads and no write: a snapshot is all that was asked for.
    assert len(api.cache.budgets) == 1
    assert api.model.queries == []


def test_a_refused_call_without_a_cache_is_not_made(soon: Deadline) -> None:
    api = Api()
    api.cache.broken = True
    api.model.refusal = NotAskedError(retry_after=1)

    with pytest.raises(NotAskedError):
        api.service.answer(query(), soon)
    assert api.model.queries == []


def test_a_cached_answer_that_cannot_be_read_is_not_generated_again() -> None:
    api = Api()
    api.cache.entries[KEY] = ENTRY
    api.cache.unreadable = True

    with pytest.raises(UpstreamUnavailableError):
        api.service.answer(query(), Deadline.after(0.6))
    assert api.model.queries == []
    api.cache.unreadable = False
    assert api.service.answer(query(), Deadline.after(5)).status is CacheStatus.HIT


def test_an_unreadable_cache_costs_a_new_question_nothing(soon: Deadline) -> None:
    api = Api()
    api.cache.unreadable = True

    assert api.service.answer(query(), soon).status is CacheStatus.MISS
    assert api.cache.entries[KEY].key == KEY
    assert api.cache.leases == {}


def test_a_call_that_was_not_made_is_no_failure_of_the_model(soon: Deadline) -> None:
    api = Api(failure=NotAskedError(retry_after=1))
    for index in range(8):
        with pytest.raises(NotAskedError):
            api.service.answer(query(lat=str(index)), soon)

    assert len(api.model.queries) == 8, "the breaker opened"


def test_a_rejected_key_opens_the_breaker_at_once(soon: Deadline) -> None:
    api = Api(failure=UpstreamAuthenticationError())
    for index, expected in enumerate((UpstreamAuthenticationError, NotAskedError, NotAskedError)):
        with pytest.raises(expected):
            api.service.answer(query(lat=str(index)), soon)

    assert len(api.model.queries) == 1


def test_negative_caching_applies_to_its_query_only() -> None:
    api = Api(failure=UpstreamRejectedError("scripted"))
    with pytest.raises(UpstreamRejectedError):
        api.service.answer(query(), Deadline.after(5))
    api.model.failure = None

    assert api.service.answer(query(lat="1"), Deadline.after(5)).status is CacheStatus.MISS


def test_an_open_breaker_prevents_calls_and_leases() -> None:
    api = Api(failure=UpstreamUnavailableError("scripted", retry_after=7))
    for index in range(8):
        with pytest.raises(UpstreamUnavailableError):
            api.service.answer(query(lat=str(index)), Deadline.after(5))

    assert len(api.model.queries) == 5
    assert api.cache.leases == {}


def test_an_answer_resets_the_breaker() -> None:
    failure = UpstreamUnavailableError("scripted", retry_after=7)
    api = Api()
    for index in range(9):
        api.model.failure = None if index == 4 else failure
        with contextlib.suppress(UpstreamUnavailableError):
            api.service.answer(query(lat=str(index)), Deadline.after(5))

    assert len(api.model.queries) == 9


def test_an_unexpected_exception_releases_the_lease() -> None:
    api = Api(failure=RuntimeError("unexpected"))
    with pytest.raises(RuntimeError):
        api.service.answer(query(), Deadline.after(5))

    assert api.cache.leases == {}


def test_rejections_do_not_open_the_breaker() -> None:
    api = Api(failure=UpstreamRejectedError("scripted"))
    for index in range(8):
        with pytest.raises(UpstreamRejectedError):
            api.service.answer(query(lat=str(index)), Deadline.after(5))

    assert len(api.model.queries) == 8
