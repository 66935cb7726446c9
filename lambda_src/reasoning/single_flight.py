"""Single flight across all running instances: of concurrent misses, one calls the model.

A miss takes a lease on the key. Requests that do not get it poll for the answer of its holder,
and take the lease over when it expires. Writes are fenced: only the current owner can write, so
a former owner cannot overwrite a later answer (docs/decisions/0015).
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from reasoning import log, metrics
from reasoning.cache import (
    LEASE_MARGIN_SECONDS,
    Cache,
    CacheStatus,
    Failure,
    Lease,
    Outcome,
    Snapshot,
    read_or_bypass,
)
from reasoning.circuit_breaker import CircuitBreaker
from reasoning.deadline import Deadline
from reasoning.errors import (
    ApiError,
    CacheUnavailableError,
    ConfigurationError,
    InternalError,
    ItemTooLargeError,
    NotAskedError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamStatusError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    shared_failure,
)
from reasoning.metrics import Metric
from reasoning.models import SECONDS_A_DAY, CacheEntry, Explanation, Query

# Left after the model's answer, for the write and the response.
_RESERVED_SECONDS = 0.5
# The part of it that the write leaves for the response.
_RESPONSE_SECONDS = 0.1
_WRITE_BUDGET_SECONDS = 1.0
_LEASE_BUDGET_SECONDS = 1.0
_POLL_BUDGET_SECONDS = 1.0
_FIRST_POLL_SECONDS = 0.05
_MAX_POLL_SECONDS = 0.5
_POLL_GROWTH = 2
_MAX_WAIT_WITH_STALE_SECONDS = 2.0
# For everything, if there is a stale answer.
_MAX_SECONDS_WITH_STALE = 5.0
# After a timeout with a stale answer, which is then served at once.
_TIMEOUT_CACHING_SECONDS = 60
_RETRY_AFTER_SECONDS = 2


class Model(Protocol):
    """Generates answers; `model` is the name recorded with them."""

    model: str
    timeout_seconds: float

    def check(self, deadline: Deadline) -> None:
        """Raise a NotAskedError if the model must not be called now."""

    def explain(self, query: Query, deadline: Deadline) -> Explanation:
        """Return a validated answer; raise an ApiError."""


class SingleFlight:
    """Generates an answer that is not in the cache."""

    def __init__(
        self,
        *,
        cache: Cache,
        model: Model,
        breaker: CircuitBreaker,
        ttl_days: int,
        clock: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cache = cache
        self._model = model
        self._breaker = breaker
        self._ttl_seconds = ttl_days * SECONDS_A_DAY
        self._clock = clock
        self._sleep = sleep

    def answer(self, key: str, query: Query, snapshot: Snapshot, deadline: Deadline) -> Outcome:
        """Return a new answer, or the stale one if that fails or takes more than five seconds.

        Raises:
            ApiError: There is neither.

        """
        if snapshot.stale is not None:
            deadline = deadline.within(_MAX_SECONDS_WITH_STALE)
        try:
            return self._lead_or_follow(key, query, snapshot, deadline)
        except ApiError as error:
            if snapshot.stale is None:
                metrics.count(Metric.MISS)
                raise
            log.warning("stale_answer", key=key, kind=error.kind, reason=error.reason)
            metrics.count(Metric.STALE)
            return Outcome(status=CacheStatus.STALE, entry=snapshot.stale, now=int(self._clock()))

    def _lead_or_follow(
        self, key: str, query: Query, snapshot: Snapshot, deadline: Deadline
    ) -> Outcome:
        """Call the model if the lease is free, else poll until it is or there is an answer."""
        wait_deadline = deadline.reserving(_RESERVED_SECONDS)
        if snapshot.stale is not None:
            wait_deadline = wait_deadline.within(_MAX_WAIT_WITH_STALE_SECONDS)
        latest: Snapshot | None = snapshot
        awaited: str | None = None
        interval = _FIRST_POLL_SECONDS
        while True:
            if latest is not None:
                if latest.fresh is not None:
                    metrics.count(Metric.COALESCED)
                    return Outcome(
                        status=CacheStatus.COALESCED, entry=latest.fresh, now=self._clock()
                    )
                failure = latest.failure
                if failure and (failure.until > self._clock() or failure.owner == awaited):
                    raise shared_failure(failure.kind, failure.retry_after)
                if latest.holder is None and (lease := self._acquire(key, latest, deadline)):
                    stale = snapshot.stale is not None
                    return self._call_model(query, lease, deadline, stale=stale)
                awaited = latest.holder
            # Jitter of up to half the interval, so that followers do not poll in step.
            pause = interval * random.uniform(0.5, 1)  # noqa: S311
            if wait_deadline.remaining() <= pause:
                raise UpstreamUnavailableError(
                    "The answer is still being generated.",
                    retry_after=_RETRY_AFTER_SECONDS,
                    reason="timed out waiting for the holder of the lease",
                )
            self._sleep(pause)
            interval = min(interval * _POLL_GROWTH, _MAX_POLL_SECONDS)
            latest = read_or_bypass(
                self._cache,
                key,
                query,
                self._clock(),
                wait_deadline.within(_POLL_BUDGET_SECONDS),
                consistent=True,
            )

    def _acquire(self, key: str, snapshot: Snapshot, deadline: Deadline) -> Lease | None:
        """Return the lease, None if another request has it."""
        # Checked here too, so that no lease is taken in vain.
        self._check(deadline)
        lease = self._new_lease(key, deadline)
        try:
            budget = deadline.within(_LEASE_BUDGET_SECONDS)
            return lease if self._cache.acquire(lease, snapshot, self._clock(), budget) else None
        except CacheUnavailableError as error:
            self._write_failed(key, error)
            # The response may have been lost, so the write must name the lease's owner.
            return lease

    def _check(self, deadline: Deadline) -> None:
        self._breaker.check()
        self._model.check(deadline.reserving(_RESERVED_SECONDS))

    def _call_model(
        self, query: Query, lease: Lease, deadline: Deadline, *, stale: bool
    ) -> Outcome:
        answer = self._explain(query, lease, deadline, stale=stale)
        now = int(self._clock())
        entry = CacheEntry(
            key=lease.key,
            reasoning_json=answer.reasoning_json,
            model=self._model.model,
            model_version=answer.model_version,
            cached_at=now,
            expires_at=now + self._ttl_seconds,
        )
        self._write(entry, query, lease, deadline.reserving(_RESPONSE_SECONDS))
        metrics.count(Metric.MISS)
        return Outcome(status=CacheStatus.MISS, entry=entry, now=now)

    def _explain(
        self, query: Query, lease: Lease, deadline: Deadline, *, stale: bool
    ) -> Explanation:
        """Call the model; release the lease if that fails."""
        model_deadline = deadline.reserving(_RESERVED_SECONDS)
        # A timeout after less than half of the model's time is this request's, not the model's.
        hurried = model_deadline.remaining() < self._model.timeout_seconds / 2
        started = time.monotonic()
        try:
            self._check(deadline)
            answer = self._model.explain(query, model_deadline)
        except Exception as error:
            # An unexpected exception releases the lease as well, so that nobody waits for it.
            problem = error if isinstance(error, ApiError) else InternalError()
            # None is Gemini's error: without an API key, for example, it was not called.
            if not isinstance(problem, ConfigurationError | InternalError | NotAskedError):
                metrics.count(Metric.UPSTREAM_ERROR)
                _record_latency(started)
                if not (hurried and isinstance(problem, UpstreamTimeoutError)):
                    self._record_failure(problem)
            seconds = problem.negative_caching_seconds
            if stale and isinstance(problem, UpstreamTimeoutError):
                seconds = _TIMEOUT_CACHING_SECONDS
            self._release(lease, problem, seconds, deadline.reserving(_RESPONSE_SECONDS))
            raise
        _record_latency(started)
        self._breaker.record_success()
        return answer

    def _record_failure(self, problem: ApiError) -> None:
        if isinstance(problem, UpstreamAuthenticationError):
            self._breaker.open()
        elif isinstance(problem, UpstreamUnavailableError | UpstreamAnswerError):
            self._breaker.record_failure()

    def _new_lease(self, key: str, deadline: Deadline) -> Lease:
        # Not renewed: after this time its owner has timed out.
        seconds = min(self._model.timeout_seconds, deadline.remaining()) + LEASE_MARGIN_SECONDS
        return Lease(key=key, owner=uuid.uuid4().hex, until=int(1000 * (self._clock() + seconds)))

    def _write(self, entry: CacheEntry, query: Query, lease: Lease, deadline: Deadline) -> None:
        try:
            if not self._cache.put(entry, query, lease, deadline.within(_WRITE_BUDGET_SECONDS)):
                log.info("cache_write_fenced", key=entry.key)
        except CacheUnavailableError as error:
            self._write_failed(entry.key, error)
            if isinstance(error, ItemTooLargeError):
                self._release(lease, UpstreamStatusError(), 0, deadline)

    def _release(self, lease: Lease, problem: ApiError, seconds: int, deadline: Deadline) -> None:
        """End the lease; its failure is negatively cached for `seconds`."""
        failure = Failure(
            kind=problem.kind,
            owner=lease.owner,
            until=int(self._clock()) + seconds if seconds else 0,
            retry_after=problem.retry_after,
        )
        try:
            self._cache.release(lease, failure, deadline.within(_WRITE_BUDGET_SECONDS))
        except CacheUnavailableError as error:
            self._write_failed(lease.key, error)

    def _write_failed(self, key: str, error: CacheUnavailableError) -> None:
        metrics.count(Metric.WRITE_FAILURE)
        log.warning("cache_write_failed", key=key, reason=str(error))


def _record_latency(started: float) -> None:
    milliseconds = 1000 * (time.monotonic() - started)
    metrics.record(Metric.UPSTREAM_LATENCY, round(milliseconds, 1))
