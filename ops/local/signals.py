"""Turning the signals that end a command into an error that leaves things in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ops.common.errors import StoppedError
from ops.local.children import Children

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Raises StoppedError at the first signal, and kills the ``children`` at further ones."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._received: list[int] = []
        self._shielded = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle signals until this ends.

        Raises:
            StoppedError: A signal came.

        """
        # Who ignores the end of the terminal, as `nohup` has it, goes on ignoring it.
        handled = {
            number
            for number in _SIGNALS
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        }
        previous = {number: signal.signal(number, self._handle) for number in handled}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Let no signal come between what happens in here; it is raised at the end instead.

        Raises:
            StoppedError: The first signal came meanwhile.

        """
        before = len(self._received)
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if before == 0 and self._received:
            self._raise()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)
        if len(self._received) > 1:
            self._children.kill()
        elif not self._shielded:
            self._raise()

    def _raise(self) -> None:
        number = self._received[0]
        raise StoppedError(f"stopped by {signal.Signals(number).name}", signal_number=number)
