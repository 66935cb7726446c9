"""Background processes: only the recorded process is ever stopped."""

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.common import processes
from ops.common.processes import ProcessIdentity

SLEEP = ["-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessIdentity]:
    process = _start(tmp_path, *SLEEP)
    # Between fork and exec it has no command line yet.
    _wait_until(lambda: (found := processes.identify(process.pid)) is not None and found.command)
    yield process
    processes.stop(process, grace_seconds=1)


def _start(folder: Path, *arguments: str) -> ProcessIdentity:
    return processes.start(
        processes.python(*arguments), environment={}, folder=folder, log=folder / "logs" / "log"
    )


def _wait_until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_recognizes_what_it_started(sleeper: ProcessIdentity) -> None:
    assert processes.is_running(sleeper)
    assert sleeper.command.endswith("time.sleep(60)")
    assert processes.stop(sleeper, grace_seconds=5)
    assert not processes.is_running(sleeper)
    assert not processes.stop(sleeper, grace_seconds=5)


@pytest.mark.parametrize("field", ["started", "command"])
def test_does_not_stop_another_process_with_the_same_id(
    sleeper: ProcessIdentity, field: str
) -> None:
    other = dataclasses.replace(sleeper, **{field: "another"})  # type: ignore[arg-type]
    assert not processes.is_running(other)
    assert not processes.stop(other, grace_seconds=0)
    assert processes.is_running(sleeper)


def test_a_process_between_fork_and_exec_is_running(sleeper: ProcessIdentity) -> None:
    loading = dataclasses.replace(sleeper, command="")
    assert processes.is_running(sleeper, lambda _: loading)


def test_an_unused_id() -> None:
    assert processes.identify(2**22 + 1) is None


def test_a_zombie_is_not_running() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert processes.identify(pid) is None
    finally:
        os.waitpid(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="ps does not count threads")
def test_a_process_runs_until_its_last_thread_has_ended(tmp_path: Path) -> None:
    first_thread_ends = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    process = _start(tmp_path, "-c", first_thread_ends)
    try:
        _wait_until(lambda: _state(process.pid) == "Z")
        assert processes.is_running(process)
    finally:
        processes.stop(process, grace_seconds=5)
    _wait_until(lambda: processes.identify(process.pid) is None)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def test_kills_a_process_that_ignores_sigterm_and_its_children(tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = _start(tmp_path, "-c", stubborn)
    log = tmp_path / "logs" / "log"
    while not log.read_text(encoding="utf-8").endswith("\n"):
        time.sleep(0.02)
    child = int(log.read_text(encoding="utf-8"))
    assert processes.stop(process, grace_seconds=0.1)
    _wait_until(lambda: processes.identify(child) is None)


def test_a_program_that_ends_immediately(tmp_path: Path) -> None:
    process = _start(tmp_path, "-c", "raise SystemExit('no')")
    _wait_until(lambda: not processes.is_running(process))
    assert (tmp_path / "logs" / "log").read_text(encoding="utf-8") == "no\n"


def test_without_proc_it_asks_ps(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    by_ps = processes.identify(sleeper.pid, proc=tmp_path)
    assert by_ps is not None
    assert by_ps.command.endswith(sleeper.command)
    assert by_ps == processes.identify(sleeper.pid, proc=tmp_path)
    os.kill(sleeper.pid, signal.SIGKILL)
    _wait_until(lambda: processes.identify(sleeper.pid, proc=tmp_path) is None)


def test_python_is_this_python() -> None:
    assert processes.python("-V") == [sys.executable, "-V"]


def test_a_process_is_found_by_its_argument(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    assert sleeper.pid in processes.with_argument(SLEEP[1])
    # Not by a part of one.
    assert sleeper.pid not in processes.with_argument("time.sleep(60)")
    assert processes.with_argument(f"-chdir={tmp_path}") == []
