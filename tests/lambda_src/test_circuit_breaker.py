"""The circuit breaker: closed, open and half-open."""

from __future__ import annotations

import pytest
from reasoning.circuit_breaker import CircuitBreaker
from reasoning.errors import UpstreamUnavailableError

from tests.lambda_src.builders import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.check()
        breaker.record_failure()


def test_the_fifth_consecutive_failure_opens_it(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    fail(breaker, 4)
    breaker.record_success()
    fail(breaker, 5)

    with pytest.raises(UpstreamUnavailableError) as raised:
        breaker.check()
    assert raised.value.retry_after == 10


def test_a_failure_while_half_open_opens_it_again(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    fail(breaker, 5)
    clock.now += 10
    fail(breaker, 1)

    with pytest.raises(UpstreamUnavailableError):
        breaker.check()


def test_a_success_while_half_open_closes_it(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    fail(breaker, 5)
    clock.now += 10
    breaker.check()
    breaker.record_success()

    fail(breaker, 4)
    breaker.check()
