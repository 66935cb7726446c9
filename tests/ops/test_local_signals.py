"""Signals raise StoppedError outside shielded blocks, and children never ignore them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.common.children import Children
from ops.common.errors import StoppedError

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_an_error_with_its_exit_code(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match=number.name) as error, Children().handling_signals():
        os.kill(os.getpid(), number)
    assert error.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_shielded_block_is_completed_first() -> None:
    children = Children()
    done = []

    def start_and_record() -> None:
        with children.handling_signals(), children.shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("recorded")

    with pytest.raises(StoppedError):
        start_and_record()
    assert done == ["recorded"]


def test_after_the_first_signal_the_cleanup_is_not_interrupted() -> None:
    children = Children()
    done = []
    with children.handling_signals():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except StoppedError:
            os.kill(os.getpid(), signal.SIGINT)
            with children.shielded():
                os.kill(os.getpid(), signal.SIGINT)
            done.append("cleaned up")
    assert done == ["cleaned up"]


# What a shell does in its background jobs, and nohup.
IGNORING = ["/bin/sh", "-c", "trap '' INT QUIT HUP; exec \"$@\"", "sh"]
PROBE = """
import signal
print([s for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP) if signal.getsignal(s) == 1])
"""
STARTERS = {
    "Terraform": """
with children.handling_signals():
    children.finish(children.start(command, stdout=output))
""",
    "a service": """
with children.handling_signals():
    processes.start(command, environment={}, folder=Path(), log=log)
""",
    "a helper of the tests": """
with process_group(command, environment={}, folder=Path(), output=output) as process:
    process.wait()
""",
}


@pytest.mark.parametrize("starter", STARTERS)
def test_children_start_with_default_signal_handlers(starter: str, tmp_path: Path) -> None:
    script = f"""
import sys
import time
from pathlib import Path

from ops.common import processes
from ops.common.children import Children
from testing.emulator import process_group

command, log, children = [sys.executable, "-c", sys.argv[1]], Path(sys.argv[2]), Children()
output = log.open("wb")
{STARTERS[starter]}
"""
    log = tmp_path / "log"
    command = [*IGNORING, sys.executable, "-c", script, PROBE, str(log)]
    subprocess.run(command, cwd=CHECKOUT, check=True, timeout=30)
    give_up = time.monotonic() + 10
    while not log.read_text(encoding="utf-8") and time.monotonic() < give_up:
        time.sleep(0.02)
    assert log.read_text(encoding="utf-8") == "[]\n"


@pytest.mark.parametrize(
    ("number", "outcome"), [("SIGINT", b"stopped by SIGINT"), ("SIGHUP", b"not stopped")]
)
def test_a_signal_that_was_ignored_at_the_start(number: str, outcome: bytes) -> None:
    script = f"""
import os, signal, sys
from ops.common.errors import reported
from ops.common.children import Children

with reported(debug=False), Children().handling_signals():
    os.kill(os.getpid(), signal.{number})
sys.exit("not stopped")
"""
    command = [*IGNORING, sys.executable, "-c", script]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, timeout=30)
    assert outcome in done.stderr
