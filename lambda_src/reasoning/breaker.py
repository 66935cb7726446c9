"""A circuit breaker: a model that fails again and again is left alone for a while."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from reasoning.errors import UpstreamUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_FAILURES = 5
_OPEN_SECONDS = 10.0


class CircuitBreaker:
    """Opens after five failures in a row; after ten seconds one request may try again."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._closed_at = 0.0

    def check(self) -> None:
        """Return if the model may be asked.

        Raises:
            UpstreamUnavailableError: It failed too often lately.

        """
        seconds = self._closed_at - self._monotonic()
        if seconds > 0:
            raise UpstreamUnavailableError(
                "Gemini failed repeatedly and is not asked at the moment.",
                retry_after=math.ceil(seconds),
                reason="circuit breaker open",
            )

    def failed(self) -> None:
        """Count a failure; the one after a pause opens the breaker again at once."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self._closed_at = self._monotonic() + _OPEN_SECONDS

    def succeeded(self) -> None:
        """Start counting anew."""
        self._failures = 0
