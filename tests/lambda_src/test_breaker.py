"""A model that keeps failing is left alone, and asked again after a while."""

from __future__ import annotations

import pytest
from reasoning.breaker import CircuitBreaker
from reasoning.errors import UpstreamUnavailableError

from tests.lambda_src.builders import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failing(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.check()
        breaker.failed()


def test_the_fifth_failure_in_a_row_opens_it(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    failing(breaker, 4)
    breaker.succeeded()
    failing(breaker, 5)

    with pytest.raises(UpstreamUnavailableError) as raised:
        breaker.check()
    assert raised.value.retry_after == 10


def test_after_the_pause_one_failure_opens_it_again(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    failing(breaker, 5)
    clock.now += 10
    failing(breaker, 1)

    with pytest.raises(UpstreamUnavailableError):
        breaker.check()


def test_after_the_pause_a_success_closes_it(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    failing(breaker, 5)
    clock.now += 10
    breaker.check()
    breaker.succeeded()

    failing(breaker, 4)
    breaker.check()
