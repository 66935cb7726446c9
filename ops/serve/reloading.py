"""A worker process that is restarted whenever its code changes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ops.common.errors import OperatorError

_POLL_SECONDS = 0.5
_STOP_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process, and the folder of its code."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    code: Path


def keep_running(
    worker: Worker,
    say: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Run the worker until a signal arrives, and restart it after every change of its code.

    A worker that fails after a change is restarted after the next change.

    Raises:
        OperatorError: The worker ended before the first change.

    """
    seen = _fingerprint(worker.code)
    process = _start(worker)
    restarted = False
    try:
        while True:
            pause(_POLL_SECONDS)
            ended = process.poll() is not None
            found = _fingerprint(worker.code)
            if found != seen:
                say("the code has changed: restarting")
                _stop(process)
                process, seen, restarted = _start(worker), found, True
            elif ended and not restarted:
                raise OperatorError(
                    f"the function's process ended with exit code {process.returncode}",
                    remedy="read its output above",
                )
    finally:
        _stop(process)


def _start(worker: Worker) -> subprocess.Popen[bytes]:
    # In its own session, so that Ctrl-C reaches it only through `_stop`.
    return subprocess.Popen(
        worker.command, env=dict(worker.environment), cwd=worker.folder, start_new_session=True
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _fingerprint(code: Path) -> dict[Path, int]:
    found = {}
    for path in code.rglob("*.py"):
        with suppress(FileNotFoundError):  # an editor replaces files
            found[path] = path.stat().st_mtime_ns
    return found
