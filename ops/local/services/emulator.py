"""MiniStack, the AWS emulator, as a background process that listens on this machine only.

It keeps everything in memory. Stopped with SIGTERM it writes a snapshot, which the next start
loads and deletes: after a crash, an outdated snapshot would restore resources that Terraform has
changed since. So a crashed emulator starts empty, and Terraform creates everything again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ops.common import processes
from ops.common.environment import local_aws
from ops.common.local_address import REGION, Key, write_private
from ops.common.paths import LocalPaths
from ops.common.processes import ProcessIdentity
from ops.local.services.client import is_ok
from ops.local.services.ports import Ports
from ops.local.services.request_filter import READY_PATH

STOP_SECONDS = 10.0

_SNAPSHOT = "snapshot"
_PROGRAM = Path(__file__).with_name("patched_ministack.py")


def command() -> list[str]:
    """Return the command that runs the emulator."""
    return processes.python("-P", str(_PROGRAM))


def variables(user_environment: Mapping[str, str], port: int, key: Key) -> dict[str, str]:
    """Return the environment of an emulator that listens on ``port`` of this machine only.

    Its root user has the ``key``.
    """
    return {
        **local_aws(user_environment, port),
        **key.variables,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
    }


def start(paths: LocalPaths, ports: Ports, user_environment: Mapping[str, str]) -> ProcessIdentity:
    """Start the emulator with a new key, without waiting until it is ready.

    Raises OSError if it cannot be started.
    """
    if not _snapshots(paths):
        shutil.rmtree(paths.emulator, ignore_errors=True)
    temporary = paths.emulator / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    key = Key.new()
    key.write(paths.credentials)
    write_private(
        paths.curl,
        "# Signs a request to a function's URL: curl --config FILE -H 'Host: ...' URL\n"
        f'aws-sigv4 = "aws:amz:{REGION}:lambda"\n'
        f'user = "{key.id}:{key.secret}"\n',
    )
    return processes.start(
        command(),
        environment={
            **variables(user_environment, ports.emulator, key),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(paths.emulator / _SNAPSHOT),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(paths.emulator / "s3"),
            "TMPDIR": str(temporary),
        },
        folder=paths.emulator,
        log=log(paths),
    )


def log(paths: LocalPaths) -> Path:
    """Log file of the emulator and of the Lambda functions in it."""
    return paths.logs / "emulator.log"


def is_ready(ports: Ports) -> bool:
    """Return whether the emulator answers."""
    return is_ok(ports.emulator, READY_PATH)


def wait_until_ready(paths: LocalPaths, ports: Ports, process: ProcessIdentity) -> None:
    """Wait until the emulator answers, and delete the snapshot that it has loaded.

    Raises:
        OperatorError: It ended, or does not answer in time.

    """
    processes.wait_until_ready(
        "the emulator",
        ready=lambda: is_ready(ports),
        running=lambda: processes.is_running(process),
        log=log(paths),
    )
    for file in _snapshots(paths):
        file.unlink()


def _snapshots(paths: LocalPaths) -> list[Path]:
    return list((paths.emulator / _SNAPSHOT).glob("*.json"))
