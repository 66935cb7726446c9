"""The AWS emulator for tests and benchmarks: one for each use, removed when the use ends."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import boto3
from botocore.config import Config

from ops.common.local_address import REGION, Key
from ops.common.paths import LocalPaths
from ops.common.processes import wait_until_ready
from ops.local.services import emulator
from ops.local.services.ports import Ports, is_free


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A caller."""

    access_key: str
    secret_key: str
    session_token: str | None = None


class Emulator:
    """A running emulator. The port after its own is free, for a Gemini stand-in.

    Its key is in ``credentials_file``. ``client`` creates boto3 clients without retries; its
    arguments are those of `boto3.client`.
    """

    def __init__(
        self, ports: Ports, credentials_file: Path, caller: Credentials | None = None
    ) -> None:
        self.ports = ports
        self.credentials_file = credentials_file
        self.key = Key.read(credentials_file)
        caller = caller or Credentials(access_key=self.key.id, secret_key=self.key.secret)
        session = boto3.Session(
            caller.access_key, caller.secret_key, caller.session_token, region_name=REGION
        )
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        local = partial(session.client, endpoint_url=ports.endpoint, config=config)
        # A partial would lose the overloads, which give each service's client its type.
        self.client = session.client if TYPE_CHECKING else local

    def called_by(self, caller: Credentials) -> Emulator:
        """Return this emulator with clients of another caller."""
        return Emulator(self.ports, self.credentials_file, caller)


@contextmanager
def running_emulator(
    folder: Path,
    *,
    enforce_iam: bool = False,
    command: list[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Emulator]:
    """Run an emulator with its files in ``folder`` for the length of the block.

    Its key is where stacks look for it that are synthesized to ``folder / "cdktf.out"``. It
    evaluates policies only with ``enforce_iam``. Another ``command`` and further ``variables`` are
    for an emulator that is extended.
    """
    ports, key, credentials_file = _free_ports(), Key.new(), LocalPaths(folder).credentials
    key.write(credentials_file)
    environment = {
        **emulator.variables(os.environ, ports.emulator, key),
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
        "AUTH": "true" if enforce_iam else "false",
        **(variables or {}),
    }
    log = folder / "emulator.log"
    with (
        log.open("wb") as output,
        process_group(
            command or emulator.command(), environment=environment, folder=folder, output=output
        ) as process,
    ):
        wait_until_ready(
            "the emulator",
            ready=lambda: emulator.is_ready(ports),
            running=lambda: process.poll() is None,
            log=log,
        )
        yield Emulator(ports, credentials_file)


@contextmanager
def process_group(
    command: list[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: int | IO[bytes] = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program for the length of the block, and kill its process group at the end.

    The group is killed even if the tests are: its guard waits for the end of a pipe.
    """
    guarded, held = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-IS", "-c", _GUARD, str(guarded), *command],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=[guarded],
        )
        with process:
            try:
                yield process
            finally:
                os.close(held)
    finally:
        os.close(guarded)


_GUARD = """
import os, signal, subprocess, sys, threading

def kill_the_group():
    os.read(int(sys.argv[1]), 1)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=kill_the_group, daemon=True).start()
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # a child would inherit an ignored one
sys.exit(subprocess.call(sys.argv[2:]))
"""


def _free_ports() -> Ports:
    """Return a free pair below the ephemeral ports, which any outgoing connection may take."""
    while True:
        ports = Ports(random.randrange(10_000, 30_000, 2))
        if is_free(ports.emulator) and is_free(ports.stand_in):
            return ports
