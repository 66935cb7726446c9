"""Programs that are waited for: ended in an orderly way when the operator stops the command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from ops.common.errors import OperatorError


class Children:
    """The child processes that run right now; several threads may use it."""

    def __init__(self) -> None:
        # Reentrant, because a signal's handler may call `kill` while its thread holds the lock.
        self._lock = threading.RLock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self.killed = False

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, so that Ctrl-C reaches it only through here.

        Raises:
            OperatorError: Nothing is started any more.

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
        """Start nothing any more, ask what runs to end, and after the grace time kill it."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        self.kill()

    def kill(self) -> None:
        """Kill what runs, with all that it started; ``killed`` tells whether that was any."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            if process.poll() is None:
                self.killed = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
