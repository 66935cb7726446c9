"""Background processes: only the very one that was recorded is ever stopped."""

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.services import processes
from ops.local.services.processes import ProcessIdentity

SLEEP = ["-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessIdentity]:
    process = _start(tmp_path, *SLEEP)
    yield process
    processes.stop(process, grace_seconds=1)


def _start(folder: Path, *arguments: str) -> ProcessIdentity:
    return processes.start(
        processes.python(*arguments), environment={}, folder=folder, log=folder / "logs" / "log"
    )


def test_recognizes_what_it_started(sleeper: ProcessIdentity) -> None:
    assert processes.is_running(sleeper)
    assert sleeper.command.endswith("time.sleep(60)")
    assert processes.stop(sleeper, grace_seconds=5)
    assert not processes.is_running(sleeper)
    assert not processes.stop(sleeper, grace_seconds=5)


@pytest.mark.parametrize("field", ["started", "command"])
def test_leaves_a_process_alone_that_only_has_the_same_number(
    sleeper: ProcessIdentity, field: str
) -> None:
    other = dataclasses.replace(sleeper, **{field: "another"})  # type: ignore[arg-type]
    assert not processes.is_running(other)
    assert not processes.stop(other, grace_seconds=0)
    assert processes.is_running(sleeper)


def test_a_process_whose_program_is_still_being_loaded_runs(sleeper: ProcessIdentity) -> None:
    loading = dataclasses.replace(sleeper, command="")
    assert processes.is_running(sleeper, lambda _: loading)


def test_a_number_that_nobody_has() -> None:
    assert processes.identify(2**22 + 1) is None


def test_an_ended_child_that_nobody_has_waited_for_does_not_run() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert processes.identify(pid) is None
    finally:
        os.waitpid(pid, 0)


def test_kills_what_does_not_end_and_what_it_started(tmp_path: Path) -> None:
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
    time.sleep(0.1)
    assert processes.identify(child) is None


def test_a_program_that_ends_at_once(tmp_path: Path) -> None:
    process = _start(tmp_path, "-c", "raise SystemExit('no')")
    time.sleep(0.1)
    assert not processes.is_running(process)
    assert (tmp_path / "logs" / "log").read_text(encoding="utf-8") == "no\n"


def test_without_proc_it_asks_ps(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    by_ps = processes.identify(sleeper.pid, proc=tmp_path)
    assert by_ps is not None
    assert by_ps.command.endswith(sleeper.command)
    assert by_ps == processes.identify(sleeper.pid, proc=tmp_path)
    os.kill(sleeper.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert processes.identify(sleeper.pid, proc=tmp_path) is None


def test_python_is_this_python() -> None:
    assert processes.python("-V") == [sys.executable, "-V"]
