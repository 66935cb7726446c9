"""One question to the model, however many ask: single flight across all running instances.

Who misses takes a lease on the key. Who does not get it waits for the answer of who did, and
takes the key over if that one dies. Only the lease's owner can write, so an owner that was
given up on cannot overwrite a later answer.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from reasoning import log, metrics
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
from reasoning.models import SECONDS_A_DAY, CacheEntry
from reasoning.outcome import CacheStatus, Outcome
from reasoning.snapshot import Failure, Lease

if TYPE_CHECKING:
    from collections.abc import Callable

    from reasoning.breaker import CircuitBreaker
    from reasoning.models import Query
    from reasoning.outcome import Cache
    from reasoning.snapshot import Snapshot

# What is left after the model's answer, for the write and the response.
_RESERVED_SECONDS = 0.5
# Of that, what the write leaves for the response.
_RESPONSE_SECONDS = 0.1
_WRITE_BUDGET_SECONDS = 1.0
_LEASE_BUDGET_SECONDS = 1.0
_POLL_BUDGET_SECONDS = 1.0
# Beyond the model's time: the write of the answer, and clocks that differ.
_LEASE_MARGIN_SECONDS = 2.0
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 0.5
_POLL_GROWTH = 2
# Who has an expired answer in hand does not wait long for a new one.
_PATIENCE_WITH_STALE_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 2
# Gemini refuses a query for what it is, so asking again soon gives nothing but cost.
_REFUSAL_SECONDS = 120


class Model(Protocol):
    """Who gives answers; `model` is the name recorded with them."""

    model: str
    timeout_seconds: float

    def explain(self, query: Query, deadline: Deadline) -> str:
        """Return a validated answer as the JSON of an object; raise an ApiError."""


class SingleFlight:
    """Gets an answer that is not in the cache."""

    def __init__(
        self,
        *,
        cache: Cache,
        model: Model,
        breaker: CircuitBreaker,
        ttl_days: int,
        clock: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cache = cache
        self._model = model
        self._breaker = breaker
        self._ttl_seconds = ttl_days * SECONDS_A_DAY
        self._clock = clock
        self._pause = pause

    def answer(self, key: str, query: Query, seen: Snapshot | None, deadline: Deadline) -> Outcome:
        """Return an answer, an expired one if there is no other.

        `seen` is what the cache held, None if it could not be read.

        Raises:
            ApiError: There is none.

        """
        try:
            if seen is None:
                return self._ask(query, key, None, deadline)
            return self._lead_or_follow(key, query, seen, deadline)
        except ApiError as error:
            if seen is None or seen.stale is None:
                metrics.count(Metric.MISS)
                raise
            log.warning("stale_answer", key=key, kind=error.kind, reason=error.reason)
            metrics.count(Metric.STALE)
            return Outcome(status=CacheStatus.STALE, entry=seen.stale, now=int(self._clock()))

    def _lead_or_follow(
        self, key: str, query: Query, seen: Snapshot, deadline: Deadline
    ) -> Outcome:
        patience = deadline.reserving(_RESERVED_SECONDS)
        if seen.stale is not None:
            patience = patience.within(_PATIENCE_WITH_STALE_SECONDS)
        while True:
            if seen.failure is not None and seen.failure.until > self._clock():
                raise shared_failure(seen.failure.kind, seen.failure.retry_after)
            if seen.holder is None:
                self._breaker.check()
                lease = self._new_lease(key, deadline)
                try:
                    taken = self._cache.acquire(
                        lease, seen, self._clock(), deadline.within(_LEASE_BUDGET_SECONDS)
                    )
                except CacheUnavailableError as error:
                    self._write_failed(key, error)
                    return self._ask(query, key, None, deadline)
                if taken:
                    return self._ask(query, key, lease, deadline)
            seen = self._follow(key, patience)
            if seen.fresh is not None:
                metrics.count(Metric.COALESCED)
                return Outcome(status=CacheStatus.HIT, entry=seen.fresh, now=int(self._clock()))

    def _follow(self, key: str, deadline: Deadline) -> Snapshot:
        """Wait until the key has an answer, or nobody is working on one any more."""
        awaited: str | None = None
        interval = _FIRST_POLL_SECONDS
        while True:
            seen = self._poll(key, deadline)
            if seen is not None:
                if seen.fresh is not None:
                    return seen
                failure = seen.failure
                if failure is not None and awaited is not None and failure.owner == awaited:
                    raise shared_failure(failure.kind, failure.retry_after)
                if seen.holder is None:
                    return seen
                awaited = seen.holder
            # At least half of it: followers that started together shall not stay together.
            pause = interval * random.uniform(0.5, 1)  # noqa: S311
            if deadline.remaining() <= pause:
                raise UpstreamUnavailableError(
                    "The answer is being worked on and was not ready in time.",
                    retry_after=_RETRY_AFTER_SECONDS,
                    reason="gave up waiting for the holder of the lease",
                )
            self._pause(pause)
            interval = min(interval * _POLL_GROWTH, _LONGEST_POLL_SECONDS)

    def _poll(self, key: str, deadline: Deadline) -> Snapshot | None:
        try:
            return self._cache.read(
                key, self._clock(), deadline.within(_POLL_BUDGET_SECONDS), consistent=True
            )
        except CacheUnavailableError as error:
            metrics.count(Metric.READ_FAILURE)
            log.warning("cache_read_failed", key=key, reason=str(error))
            return None

    def _ask(self, query: Query, key: str, lease: Lease | None, deadline: Deadline) -> Outcome:
        self._breaker.check()
        started = time.monotonic()
        try:
            reasoning_json = self._model.explain(query, deadline.reserving(_RESERVED_SECONDS))
        except ApiError as error:
            # Without a key, say, Gemini was not even asked.
            if not isinstance(error, ConfigurationError):
                metrics.count(Metric.UPSTREAM_ERROR)
            if isinstance(error, UpstreamUnavailableError | UpstreamAnswerError):
                self._breaker.failed()
            if lease is not None:
                self._release(lease, error, deadline)
            raise
        except Exception:
            # A defect: those who wait for the lease need not wait until it ends.
            if lease is not None:
                self._release(lease, InternalError(), deadline)
            raise
        finally:
            metrics.upstream_latency(time.monotonic() - started)
        self._breaker.succeeded()
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
        # Its owner cannot be alive and at work after that.
        seconds = min(self._model.timeout_seconds, deadline.remaining()) + _LEASE_MARGIN_SECONDS
        return Lease(key=key, owner=uuid.uuid4().hex, until=int(1000 * (self._clock() + seconds)))

    def _write(
        self, entry: CacheEntry, query: Query, lease: Lease | None, deadline: Deadline
    ) -> None:
        try:
            kept = self._cache.put(entry, query, lease, deadline.within(_WRITE_BUDGET_SECONDS))
        except CacheUnavailableError as error:
            self._write_failed(entry.key, error)
            return
        if not kept:
            log.info("cache_write_fenced", key=entry.key)

    def _release(self, lease: Lease, error: ApiError, deadline: Deadline) -> None:
        refused = isinstance(error, UpstreamRejectedError)
        failure = Failure(
            kind=error.kind,
            owner=lease.owner,
            until=int(self._clock()) + _REFUSAL_SECONDS if refused else 0,
            retry_after=error.retry_after if isinstance(error, UpstreamUnavailableError) else 0,
        )
        try:
            self._cache.fail(lease, failure, deadline.within(_WRITE_BUDGET_SECONDS))
        except CacheUnavailableError as problem:
            self._write_failed(lease.key, problem)

    def _write_failed(self, key: str, error: CacheUnavailableError) -> None:
        metrics.count(Metric.WRITE_FAILURE)
        log.warning("cache_write_failed", key=key, reason=str(error))
