"""A lock that admits one command at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from ops.common.errors import BusyError


@contextmanager
def exclusive(lock: Path, uses: str) -> Iterator[None]:
    """Hold the lock; the kernel releases it even if this process is killed.

    ``uses`` says what another command does that holds it.

    Raises:
        BusyError: Another command holds it.

    """
    # State, logs and the snapshot of the emulator are for this user alone.
    for folder in reversed(list(takewhile(lambda one: not one.exists(), lock.parents))):
        folder.mkdir(mode=0o700, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise BusyError(
                f"another command {uses} (process {file.read().strip()})",
                remedy="wait until it has ended, or stop it with Ctrl-C",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
