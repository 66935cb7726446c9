"""Child processes that the command waits for, and the signals that stop the command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from ops.common.errors import OperatorError, StoppedError


class Children:
    """The running child processes. Threads may share it; signals are handled in the main thread."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may call `kill` while its thread holds the lock.
        self._lock = threading.RLock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self._received: list[int] = []
        self._shielded = False
        self.killed = False

    @contextlib.contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Raise StoppedError at the first SIGINT, SIGTERM or SIGHUP; kill the children at the next.

        Children inherit ignored signals, but exec resets handled ones to the default. A shell
        ignores SIGINT and SIGQUIT in its background jobs, and nohup ignores SIGHUP; so an ignored
        signal gets a handler too, if only one that does nothing.

        Raises:
            StoppedError: A signal arrived.

        """
        handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), self._handle)
        for number in (signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) is signal.SIG_IGN:
                handlers[number] = lambda *_: None
        previous = {number: signal.signal(number, handlers[number]) for number in handlers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Defer the first signal until the end of the block.

        Raises:
            StoppedError: The first signal arrived in the block.

        """
        before = len(self._received)
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if before == 0 and self._received:
            self._raise()

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in its own session, so that Ctrl-C at the terminal does not reach it.

        Raises:
            OperatorError: `interrupt` or `kill` was called before.

        """
        with self._lock:
            if self._closed:
                raise OperatorError("stopped")
            process = subprocess.Popen(command, start_new_session=True, **options)
            self._running.add(process)
            return process

    def finish(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a program and return its exit code."""
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)

    def interrupt(self, *, grace_seconds: float) -> None:
        """Send SIGINT to the running children and kill those that outlive the grace period."""
        running = self._close()
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        self.kill()

    def kill(self) -> None:
        """Kill the running children and their process groups; set ``killed`` if there were any."""
        for process in self._close():
            if process.poll() is None:
                self.killed = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _close(self) -> list[subprocess.Popen[bytes]]:
        with self._lock:
            self._closed = True
            return list(self._running)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)
        if len(self._received) > 1:
            self.kill()
        elif not self._shielded:
            self._raise()

    def _raise(self) -> None:
        number = self._received[0]
        raise StoppedError(f"stopped by {signal.Signals(number).name}", signal_number=number)
