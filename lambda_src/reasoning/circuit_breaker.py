"""Circuit breaker: stops calling a model that fails repeatedly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from reasoning.errors import NotAskedError

_FAILURE_THRESHOLD = 5
_OPEN_SECONDS = 10.0


class CircuitBreaker:
    """Opens after five consecutive failures; half-open ten seconds later."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._open_until = 0.0

    def check(self) -> None:
        """Raise if the breaker is open.

        Raises:
            NotAskedError: The breaker is open.

        """
        seconds = self._open_until - self._monotonic()
        if seconds > 0:
            raise NotAskedError(
                "Gemini failed repeatedly; calls to it are suspended.",
                retry_after=math.ceil(seconds),
                reason="circuit breaker open",
            )

    def record_failure(self) -> None:
        """Count a failure; while half-open, a single one opens the breaker again."""
        self._failures += 1
        if self._failures >= _FAILURE_THRESHOLD:
            self.open()

    def open(self) -> None:
        """Open the breaker at once."""
        self._failures = _FAILURE_THRESHOLD
        self._open_until = self._monotonic() + _OPEN_SECONDS

    def record_success(self) -> None:
        """Close the breaker."""
        self._failures = 0
