"""The record of the running local AWS, and the lock."""

import dataclasses
from pathlib import Path

import pytest

from ops.common.errors import BusyError
from ops.common.exclusive import exclusive
from ops.common.processes import ProcessIdentity
from ops.local import runfile
from ops.local.runfile import Run
from ops.local.services.ports import Ports

EMULATOR = ProcessIdentity(pid=12, started="boot 1", command="python -m ministack")
STAND_IN = ProcessIdentity(pid=13, started="boot 2", command="python -m stand_in 4567")


@pytest.mark.parametrize("stand_in", [None, STAND_IN])
def test_reads_what_it_wrote(tmp_path: Path, stand_in: ProcessIdentity | None) -> None:
    run = Run(ports=Ports(4566), emulator=EMULATOR, stand_in=stand_in)
    path = tmp_path / ".local" / "run.json"
    for written in (run, dataclasses.replace(run, applied="0af5")):
        runfile.save(path, written)
        assert runfile.load(path) == written


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"port": 1, "emulator": {}, "stand_in": null}'])
def test_an_unreadable_record_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    assert runfile.load(path) is None
    path.write_text(text, encoding="utf-8")
    assert runfile.load(path) is None


def test_a_second_command_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / ".local" / "lock"
    busy = pytest.raises(BusyError, match=r"another command .*\d")
    with exclusive(lock, "uses the local AWS"), busy, exclusive(lock, "uses the local AWS"):
        pass
    with exclusive(lock, "uses the local AWS"):
        pass
