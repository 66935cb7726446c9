"""How fast to go: as fast as the table takes it, slower where it throttles."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ops.common.aws_errors import code_of
from ops.common.errors import OperatorError

Answer = TypeVar("Answer")

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_RECOVERY = 0.9
_NEGLIGIBLE = 0.01
_GIVE_UP_SECONDS = 120.0

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        # What single statements of a batch say:
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)


class Pace:
    """Shared by the threads of one command: each throttled request slows all of them down.

    The pause before a request doubles when something was throttled and shrinks by a tenth when
    nothing was; its length is random, so that the threads do not come back together.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._pause = 0.0
        self._last_progress = clock()
        self.throttled_requests = 0

    def before_request(self) -> None:
        """Wait for as long as the table needs."""
        if self._pause:
            self._sleep(random.uniform(self._pause / 2, self._pause))  # noqa: S311

    def succeeded(self) -> None:
        """Take note of a request of which everything was done."""
        with self._lock:
            self._last_progress = self._clock()
            faster = self._pause * _RECOVERY
            self._pause = faster if faster > _NEGLIGIBLE else 0.0

    def throttled(self, *, partly: bool) -> None:
        """Take note of a request that was refused, or ``partly`` done.

        Raises:
            OperatorError: Nothing at all went through for two minutes.

        """
        with self._lock:
            self.throttled_requests += 1
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            if partly:
                self._last_progress = self._clock()
            elif self._clock() - self._last_progress > _GIVE_UP_SECONDS:
                raise OperatorError(
                    "the table has throttled everything for two minutes",
                    remedy="raise its capacity or wait, then run this again; it goes on from here",
                )

    def call(self, request: Callable[[], Answer]) -> Answer:
        """Send a request until it is not throttled, and return its answer.

        Raises whatever else the request raises.
        """
        while True:
            self.before_request()
            try:
                answer = request()
            except Exception as error:
                if code_of(error) not in THROTTLED:
                    raise
                self.throttled(partly=False)
            else:
                self.succeeded()
                return answer
