"""Background processes that outlive the command: start, recognize and stop them.

After a crash or a reboot a process id may belong to any process. A process is ours if its id, its
start time and the end of its command line are the recorded ones.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.common.errors import OperatorError

_START_SECONDS = 30.0
_POLL_SECONDS = 0.05
_PS_TIMEOUT_SECONDS = 5
_LAST_LINES = 5


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, distinguished from earlier ones with its id. ``command`` ends its command line."""

    pid: int
    started: str
    command: str


def identify(pid: int, proc: Path = Path("/proc")) -> ProcessIdentity | None:
    """Return the identity of a running process, or None."""
    if (proc / "self").exists():
        return _identify_by_proc(pid, proc)
    return _identify_by_ps(pid)


def is_running(
    recorded: ProcessIdentity, identify: Callable[[int], ProcessIdentity | None] = identify
) -> bool:
    """Return whether the recorded process still runs."""
    found = identify(recorded.pid)
    if found is None or found.started != recorded.started:
        return False
    # Between fork and exec a process has no command line.
    return not found.command or found.command.endswith(recorded.command)


def with_argument(argument: str, proc: Path = Path("/proc")) -> list[int]:
    """Return the ids of the running processes that have an argument."""
    if not (proc / "self").exists():
        result = _ps("-ax", "-o", "pid=,command=")
        lines = [line.split(maxsplit=1) for line in result.splitlines()]
        return [int(line[0]) for line in lines if argument in line[-1].split()]
    found = []
    for path in proc.glob("[0-9]*/cmdline"):
        # A process may have ended; and a zombie has no command line.
        with contextlib.suppress(OSError):
            if argument.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> ProcessIdentity:
    """Start a background process in its own session, so that Ctrl-C does not reach it.

    Raises OSError if it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    found = identify(process.pid)
    return ProcessIdentity(
        pid=process.pid,
        started=found.started if found else "ended immediately",
        # A Python launcher may exec another interpreter, with the same arguments.
        command=" ".join(command[1:]),
    )


def wait_until_ready(
    name: str, *, ready: Callable[[], bool], running: Callable[[], bool], log: Path
) -> None:
    """Wait until a started process is ready.

    Raises:
        OperatorError: It ended, or is not ready within 30 seconds.

    """
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        ended = not running()
        if ended or time.monotonic() > deadline:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise OperatorError(
                f"{name} {'ended' if ended else 'is not ready'}:\n"
                + "\n".join(lines[-_LAST_LINES:]),
                remedy=f"read {log}; if a port is in use: python -m ops local down, then up",
            )
        time.sleep(_POLL_SECONDS)


def stop(recorded: ProcessIdentity, *, grace_seconds: float) -> bool:
    """Stop a process and its children; return False if it was not running."""
    if not is_running(recorded):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(recorded.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while is_running(recorded) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        # The process group, and so its id, exists as long as one of the children does.
        os.killpg(recorded.pid, signal.SIGKILL)
    while is_running(recorded):
        time.sleep(_POLL_SECONDS)
    return True


def python(*arguments: str) -> list[str]:
    """Return a command that runs this Python interpreter."""
    return [sys.executable, *arguments]


def _identify_by_proc(pid: int, proc: Path) -> ProcessIdentity | None:
    try:
        status = (proc / str(pid) / "stat").read_text()
        command = (proc / str(pid) / "cmdline").read_bytes()
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may contain anything, so fields are counted from behind it.
    state, *fields = status.rpartition(")")[2].split()
    # A process whose first thread has ended is a zombie, yet the others keep its files and ports.
    threads = int(fields[16])
    if state == "X" or (state == "Z" and threads <= 1):
        return None
    return ProcessIdentity(
        pid=pid,
        started=f"{boot} {fields[18]}",
        command=command.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace"),
    )


def _identify_by_ps(pid: int) -> ProcessIdentity | None:
    columns = ("-o", "stat=", "-o", "lstart=", "-o", "command=")
    # The start time is five words, like "Sun Nov 22 16:10:01 2026".
    words = _ps("-p", str(pid), *columns).split(maxsplit=6)
    if len(words) < 7 or words[0].startswith("Z"):  # noqa: PLR2004  state, time, command
        return None
    return ProcessIdentity(pid=pid, started=" ".join(words[1:6]), command=words[6].strip())


def _ps(*options: str) -> str:
    result = subprocess.run(
        ["ps", "-ww", *options],
        capture_output=True,
        text=True,
        timeout=_PS_TIMEOUT_SECONDS,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        check=False,
    )
    return result.stdout
