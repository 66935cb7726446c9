"""Adaptive backoff: full speed until the table throttles, then slower until it recovers."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ops.common.aws_errors import error_code
from ops.common.errors import OperatorError

Item = TypeVar("Item")
Response = TypeVar("Response")

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
        # Error codes of single statements in a batch:
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)


class Backoff:
    """Shared by the threads of one command: a throttled request slows all of them down.

    The pause before a request doubles after throttling and shrinks by a tenth after a success.
    It has jitter, so that the threads do not retry at the same moment.
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

    def call(self, request: Callable[[], Response]) -> Response:
        """Retry a request until it is not throttled, and return its response.

        Raises:
            OperatorError: Every request was throttled for two minutes.
            Exception: The request failed for another reason.

        """
        while True:
            if self._pause:
                self._sleep(random.uniform(self._pause / 2, self._pause))  # noqa: S311
            try:
                response = request()
            except Exception as error:
                if error_code(error) not in THROTTLED:
                    raise
                self._throttled(partly=False)
            else:
                self._succeeded()
                return response

    def drain(self, items: Sequence[Item], send: Callable[[Sequence[Item]], list[Item]]) -> None:
        """Send items until none is left; ``send`` returns those that were throttled.

        Raises:
            OperatorError: Every request was throttled for two minutes.

        """
        while items:
            left = send(items)
            if left:
                self._throttled(partly=len(left) < len(items))
            items = left

    def _succeeded(self) -> None:
        with self._lock:
            self._last_progress = self._clock()
            pause = self._pause * _RECOVERY
            self._pause = pause if pause > _NEGLIGIBLE else 0.0

    def _throttled(self, *, partly: bool) -> None:
        with self._lock:
            self.throttled_requests += 1
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            if partly:
                self._last_progress = self._clock()
            elif self._clock() - self._last_progress > _GIVE_UP_SECONDS:
                raise OperatorError(
                    "the table has throttled every request for two minutes",
                    remedy="raise its capacity or wait, then run this again; it resumes",
                )
