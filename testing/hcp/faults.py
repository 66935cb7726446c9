"""Faults that the stand-in shows on request."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from testing.hcp.api import ApiError


class RateLimit:
    """Refuses requests beyond a number in each second, as the real API does beyond 30."""

    def __init__(self, per_second: int | None) -> None:
        self._per_second = per_second
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def check(self) -> None:
        if self._per_second is None:
            return
        now = time.monotonic()
        with self._lock:
            while self._times and self._times[0] <= now - 1:
                self._times.popleft()
            if len(self._times) >= self._per_second:
                raise ApiError(429, _TITLES[429], headers={"Retry-After": "1"})
            self._times.append(now)


class Cut(Enum):
    """A connection that ends early."""

    UPLOAD = "after half of the request's body"
    DOWNLOAD = "after half of the answer's body"


@dataclass(kw_only=True)
class Fault:
    """What happens to the next ``times`` requests whose method and path match.

    ``route`` is a regular expression for "METHOD /path". ``seen`` counts the requests that met it.
    """

    route: re.Pattern[str]
    times: int
    error: ApiError | None = None
    cut: Cut | None = None
    seconds: float = 0.0
    seen: int = field(default=0, init=False)


class Faults:
    """The faults that are switched on; the first that matches a request happens."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        route: str,
        *,
        times: int = 1,
        status: int | None = None,
        title: str = "",
        retry_after: float | None = None,
        cut: Cut | None = None,
        seconds: float = 0.0,
    ) -> Fault:
        """Switch on an error status, a cut connection or a slow answer; return the fault."""
        error = None
        if status is not None:
            headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
            error = ApiError(status, title or _TITLES[status], headers=headers)
        fault = Fault(route=re.compile(route), times=times, error=error, cut=cut, seconds=seconds)
        with self._lock:
            self._faults.append(fault)
        return fault

    def next(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.seen < fault.times and fault.route.search(f"{method} {path}"):
                    fault.seen += 1
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()


_TITLES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    409: "conflict",
    422: "unprocessable content",
    429: "too many requests",
    500: "internal server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
}
