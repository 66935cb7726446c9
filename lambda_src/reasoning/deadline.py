"""Deadlines: one point in time that bounds everything a request does."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock (seconds), passed down instead of timeouts.

    Consecutive timeouts add up; a deadline does not.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left, 0.0 once the deadline has passed."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """Return the earlier of this deadline and the one `seconds` from now."""
        return Deadline(min(self.at, time.monotonic() + seconds))

    def reserving(self, seconds: float) -> Deadline:
        """Return a deadline `seconds` earlier, to leave time for later steps."""
        return Deadline(self.at - seconds)

    def timeout(self) -> float:
        """Return the seconds left as a socket timeout.

        Raises:
            TimeoutError: The deadline has passed (a timeout of 0 would mean non-blocking).

        """
        remaining = self.remaining()
        if remaining <= 0.0:
            raise TimeoutError("the deadline has passed")
        return remaining
