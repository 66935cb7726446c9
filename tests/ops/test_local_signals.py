"""Signals become errors, but not in the middle of what belongs together."""

import os
import signal

import pytest

from ops.common.errors import StoppedError
from ops.local.children import Children
from ops.local.signals import Stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_an_error_with_its_exit_code(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match=number.name) as error, Stopping(Children()).listening():
        os.kill(os.getpid(), number)
    assert error.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_shielded_block_is_finished_first() -> None:
    stopping = Stopping(Children())
    done = []

    def start_and_record() -> None:
        with stopping.listening(), stopping.shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("recorded")

    with pytest.raises(StoppedError):
        start_and_record()
    assert done == ["recorded"]


def test_after_the_first_signal_clearing_up_is_not_disturbed() -> None:
    stopping = Stopping(Children())
    done = []
    with stopping.listening():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except StoppedError:
            os.kill(os.getpid(), signal.SIGINT)
            with stopping.shielded():
                os.kill(os.getpid(), signal.SIGINT)
            done.append("cleared up")
    assert done == ["cleared up"]
