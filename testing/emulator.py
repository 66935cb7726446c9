"""The emulator of AWS for tests: one of its own for each use, gone when the use ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config

from ops.common.local_address import ACCESS_KEY, REGION, SECRET_KEY
from ops.local.client import is_ok
from ops.local.emulator import PROGRAM, READY_PATH
from ops.local.environment import local_aws
from ops.local.ports import Ports, is_free

_START_SECONDS = 30.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who calls; by default the emulator's root user."""

    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    session_token: str | None = None


@dataclass(frozen=True)
class Emulator:
    """An emulator that runs; the port after its own is free for a stand-in of Gemini."""

    ports: Ports

    def client(
        self, service: str, credentials: Credentials | None = None, *, region: str = REGION
    ) -> Any:
        """Return a boto3 client of ``service`` that neither retries nor knows another AWS."""
        caller = credentials or Credentials()
        return boto3.client(
            service,
            endpoint_url=self.ports.endpoint,
            region_name=region,
            aws_access_key_id=caller.access_key,
            aws_secret_access_key=caller.secret_key,
            aws_session_token=caller.session_token,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


@contextmanager
def running_emulator(folder: Path, *, enforce_iam: bool = False) -> Iterator[Emulator]:
    """Run an emulator that keeps its files in ``folder`` for the length of the block.

    It allows everyone everything unless ``enforce_iam`` has it judge policies.
    """
    ports = _free_ports()
    environment = {
        **local_aws(os.environ, ports.emulator),
        "GATEWAY_PORT": str(ports.emulator),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
        "AUTH": "true" if enforce_iam else "false",
    }
    with (
        (folder / "emulator.log").open("wb") as log,
        process_group(
            [sys.executable, "-P", str(PROGRAM)], environment=environment, folder=folder, output=log
        ) as process,
    ):
        _wait_until_ready(ports, process, folder / "emulator.log")
        yield Emulator(ports)


@contextmanager
def process_group(
    command: list[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: int | IO[bytes] = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program for the length of the block, and end it with everything that it started.

    It ends, too, if these tests are killed: its guard waits for the end of a pipe.
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

def end_with_the_tests():
    os.read(int(sys.argv[1]), 1)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end_with_the_tests, daemon=True).start()
sys.exit(subprocess.call(sys.argv[2:]))
"""


def _free_ports() -> Ports:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if is_free(port + 1):
            return Ports(port)


def _wait_until_ready(ports: Ports, process: subprocess.Popen[str], log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while not is_ok(ports.emulator, READY_PATH):
        if process.poll() is not None or time.monotonic() > give_up:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"the emulator did not start: {said}")
        time.sleep(_POLL_SECONDS)
