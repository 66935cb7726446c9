"""Background processes that outlive the command: started, recognized again, stopped.

A process id alone is no proof: after a crash or a reboot it may belong to anyone. A process is ours
if its id, its start time and the end of its command line are those that were recorded.
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

_POLL_SECONDS = 0.05
_PS_TIMEOUT_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """What tells a process apart from all others, earlier ones with its id included.

    ``command`` is its command line, or the end of it where that was recorded.
    """

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
    """Return whether the very process that was recorded still runs."""
    found = identify(recorded.pid)
    if found is None or found.started != recorded.started:
        return False
    # For a moment after its start, while the kernel loads its program, it has no command line.
    return not found.command or found.command.endswith(recorded.command)


def start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> ProcessIdentity:
    """Start a background process that leads its own session, so that Ctrl-C does not reach it.

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
    # A Python may start another in its place, but with the same arguments.
    return ProcessIdentity(
        pid=process.pid,
        started=found.started if found else "ended at once",
        command=" ".join(command[1:]),
    )


def stop(recorded: ProcessIdentity, *, grace_seconds: float) -> bool:
    """End a process and what it started; return False if it was not running or is not ours."""
    if not is_running(recorded):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(recorded.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while is_running(recorded) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        # Its children are in its process group, which keeps the id as long as one of them lives.
        os.killpg(recorded.pid, signal.SIGKILL)
    while is_running(recorded):
        time.sleep(_POLL_SECONDS)
    return True


def python(*arguments: str) -> list[str]:
    """Return a command that runs this very Python."""
    return [sys.executable, *arguments]


def _identify_by_proc(pid: int, proc: Path) -> ProcessIdentity | None:
    try:
        status = (proc / str(pid) / "stat").read_text()
        command = (proc / str(pid) / "cmdline").read_bytes()
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may hold anything, so fields are counted from behind it.
    state, *fields = status.rpartition(")")[2].split()
    if state in {"Z", "X"}:
        return None
    return ProcessIdentity(
        pid=pid,
        started=f"{boot} {fields[18]}",
        command=command.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace"),
    )


def _identify_by_ps(pid: int) -> ProcessIdentity | None:
    fields = ("stat=", "lstart=", "command=")
    result = subprocess.run(
        ["ps", "-ww", "-p", str(pid), *(part for field in fields for part in ("-o", field))],
        capture_output=True,
        text=True,
        timeout=_PS_TIMEOUT_SECONDS,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        check=False,
    )
    # The start time is five words, like "Sun Nov 22 16:10:01 2026".
    words = result.stdout.split(maxsplit=6)
    if len(words) < 7 or words[0].startswith("Z"):  # noqa: PLR2004  state, time, command
        return None
    return ProcessIdentity(pid=pid, started=" ".join(words[1:6]), command=words[6].strip())
