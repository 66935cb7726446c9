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
    UpstreamAnswerError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
    shared_failure,
)
from reasoning.metrics import Metric
from reasoning.models import SECONDS_A_DAY, CacheEntry, Query

# Left after the model's answer, for the write and the response.
_RESERVED_SECONDS = 0.5
# The part of it that the write leaves for the response.
_RESPONSE_SECONDS = 0.1
_WRITE_BUDGET_SECONDS = 1.0
_LEASE_BUDGET_SECONDS = 1.0
_POLL_BUDGET_SECONDS = 1.0
# Added to the model's timeout, for the write of the answer and clock skew.
_LEASE_MARGIN_SECONDS = 2.0
_FIRST_POLL_SECONDS = 0.05
_MAX_POLL_SECONDS = 0.5
_POLL_GROWTH = 2
_MAX_WAIT_WITH_STALE_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 2
# Gemini would reject the same query again, so repeating it soon only costs.
_NEGATIVE_CACHING_SECONDS = 120


class Model(Protocol):
    """Generates answers; `model` is the name recorded with them."""

    model: str
    timeout_seconds: float

    def explain(self, query: Query, deadline: Deadline) -> str:
        """Return a validated answer, a JSON object; raise an ApiError."""


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

    def answer(
        self, key: str, query: Query, snapshot: Snapshot | None, deadline: Deadline
    ) -> Outcome:
        """Return a new answer, or the stale one if that fails.

        `snapshot` is None if the cache could not be read.

        Raises:
            ApiError: There is neither.

        """
        try:
            if snapshot is None:
                return self._call_model(query, key, None, deadline)
            return self._lead_or_follow(key, query, snapshot, deadline)
        except ApiError as error:
            if snapshot is None or snapshot.stale is None:
                metrics.count(Metric.MISS)
                raise
            log.warning("stale_answer", key=key, kind=error.kind, reason=error.reason)
            metrics.count(Metric.STALE)
            return Outcome(status=CacheStatus.STALE, entry=snapshot.stale, now=int(self._clock()))

    def _lead_or_follow(
        self, key: str, query: Query, snapshot: Snapshot, deadline: Deadline
    ) -> Outcome:
        wait_deadline = deadline.reserving(_RESERVED_SECONDS)
        if snapshot.stale is not None:
            wait_deadline = wait_deadline.within(_MAX_WAIT_WITH_STALE_SECONDS)
        while True:
            if snapshot.failure is not None and snapshot.failure.until > self._clock():
                raise shared_failure(snapshot.failure.kind, snapshot.failure.retry_after)
            if snapshot.holder is None:
                self._breaker.check()
                lease = self._new_lease(key, deadline)
                try:
                    acquired = self._cache.acquire(
                        lease, snapshot, self._clock(), deadline.within(_LEASE_BUDGET_SECONDS)
                    )
                except CacheUnavailableError as error:
                    self._write_failed(key, error)
                    return self._call_model(query, key, None, deadline)
                if acquired:
                    return self._call_model(query, key, lease, deadline)
            snapshot = self._follow(key, wait_deadline)
            if snapshot.fresh is not None:
                metrics.count(Metric.COALESCED)
                now = self._clock()
                return Outcome(status=CacheStatus.COALESCED, entry=snapshot.fresh, now=now)

    def _follow(self, key: str, deadline: Deadline) -> Snapshot:
        """Poll until the key has an answer or its lease is free."""
        awaited: str | None = None
        interval = _FIRST_POLL_SECONDS
        while True:
            snapshot = read_or_bypass(
                self._cache,
                key,
                self._clock(),
                deadline.within(_POLL_BUDGET_SECONDS),
                consistent=True,
            )
            if snapshot is not None:
                if snapshot.fresh is not None:
                    return snapshot
                failure = snapshot.failure
                if failure is not None and awaited is not None and failure.owner == awaited:
                    raise shared_failure(failure.kind, failure.retry_after)
                if snapshot.holder is None:
                    return snapshot
                awaited = snapshot.holder
            # Jitter of up to half the interval, so that followers do not poll in step.
            pause = interval * random.uniform(0.5, 1)  # noqa: S311
            if deadline.remaining() <= pause:
                raise UpstreamUnavailableError(
                    "The answer is still being generated.",
                    retry_after=_RETRY_AFTER_SECONDS,
                    reason="timed out waiting for the holder of the lease",
                )
            self._sleep(pause)
            interval = min(interval * _POLL_GROWTH, _MAX_POLL_SECONDS)

    def _call_model(
        self, query: Query, key: str, lease: Lease | None, deadline: Deadline
    ) -> Outcome:
        self._breaker.check()
        started = time.monotonic()
        try:
            reasoning_json = self._model.explain(query, deadline.reserving(_RESERVED_SECONDS))
        except Exception as error:
            # An unexpected exception releases the lease as well, so that nobody waits for it.
            problem = error if isinstance(error, ApiError) else InternalError()
            # Neither is Gemini's error: without an API key, for example, it was not called.
            if not isinstance(problem, ConfigurationError | InternalError):
                metrics.count(Metric.UPSTREAM_ERROR)
            if isinstance(problem, UpstreamUnavailableError | UpstreamAnswerError):
                self._breaker.record_failure()
            if lease is not None:
                self._release(lease, problem, deadline)
            raise
        finally:
            metrics.upstream_latency(time.monotonic() - started)
        self._breaker.record_success()
        now = int(self._clock())
        entry = CacheEntry(
            key=key,
            reasoning_json=reasoning_json,
            model=self._model.model,
            cached_at=now,
            expires_at=now + self._ttl_seconds,
        )
        self._write(entry, query, lease, deadline.reserving(_RESPONSE_SECONDS))
        metrics.count(Metric.MISS)
        return Outcome(status=CacheStatus.MISS, entry=entry, now=now)

    def _new_lease(self, key: str, deadline: Deadline) -> Lease:
        # Not renewed: after this time its owner has timed out.
        seconds = min(self._model.timeout_seconds, deadline.remaining()) + _LEASE_MARGIN_SECONDS
        return Lease(key=key, owner=uuid.uuid4().hex, until=int(1000 * (self._clock() + seconds)))

    def _write(
        self, entry: CacheEntry, query: Query, lease: Lease | None, deadline: Deadline
    ) -> None:
        try:
            if not self._cache.put(entry, query, lease, deadline.within(_WRITE_BUDGET_SECONDS)):
                log.info("cache_write_fenced", key=entry.key)
        except CacheUnavailableError as error:
            self._write_failed(entry.key, error)

    def _release(self, lease: Lease, problem: ApiError, deadline: Deadline) -> None:
        rejected = isinstance(problem, UpstreamRejectedError)
        failure = Failure(
            kind=problem.kind,
            owner=lease.owner,
            until=int(self._clock()) + _NEGATIVE_CACHING_SECONDS if rejected else 0,
            retry_after=problem.retry_after,
        )
        try:
            self._cache.release(lease, failure, deadline.within(_WRITE_BUDGET_SECONDS))
        except CacheUnavailableError as error:
            self._write_failed(lease.key, error)

    def _write_failed(self, key: str, error: CacheUnavailableError) -> None:
        metrics.count(Metric.WRITE_FAILURE)
        log.warning("cache_write_failed", key=key, reason=str(error))
