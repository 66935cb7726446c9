"""MiniStack, the emulator of AWS: started bound to this machine only, watched, asked for health.

It keeps everything in memory. Stopped in an orderly way it leaves a snapshot, from which the next
start goes on. The snapshot is deleted once it is loaded: after a crash an outdated one would bring
back resources that Terraform has changed since, so a crashed emulator starts empty, and Terraform
creates everything anew.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ops.common.errors import OperatorError
from ops.local import processes
from ops.local.client import is_ok
from ops.local.environment import local_aws
from ops.local.paths import LocalPaths
from ops.local.ports import Ports
from ops.local.processes import ProcessIdentity

# MiniStack, mended where it now and then loses a response; see there.
PROGRAM = Path(__file__).with_name("whole_responses.py")
READY_PATH = "/_ministack/ready"
STOP_SECONDS = 10.0

_START_SECONDS = 30.0
_POLL_SECONDS = 0.1
_LAST_LINES = 5


def start(paths: LocalPaths, ports: Ports, user_environment: Mapping[str, str]) -> ProcessIdentity:
    """Start the emulator, which needs a moment until it is ready.

    Raises OSError if it cannot be started.
    """
    snapshot = paths.emulator / "snapshot"
    if not _snapshot_files(snapshot):
        shutil.rmtree(paths.emulator, ignore_errors=True)
    temporary = paths.emulator / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return processes.start(
        processes.python("-P", str(PROGRAM)),
        environment={
            **local_aws(user_environment, ports.emulator),
            "GATEWAY_PORT": str(ports.emulator),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(snapshot),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(paths.emulator / "s3"),
            "TMPDIR": str(temporary),
        },
        folder=paths.emulator,
        log=log(paths),
    )


def log(paths: LocalPaths) -> Path:
    """File that the emulator, and the Lambdas in it, write to."""
    return paths.logs / "emulator.log"


def is_ready(ports: Ports) -> bool:
    """Return whether the emulator answers."""
    return is_ok(ports.emulator, READY_PATH)


def wait_until_ready(
    paths: LocalPaths,
    ports: Ports,
    process: ProcessIdentity,
    *,
    ready: Callable[[Ports], bool] = is_ready,
) -> None:
    """Wait until the emulator answers, and forget the snapshot that it has loaded.

    Raises:
        OperatorError: It ended, or is not ready in time.

    """
    deadline = time.monotonic() + _START_SECONDS
    while not ready(ports):
        ended = not processes.is_running(process)
        if ended or time.monotonic() > deadline:
            lines = log(paths).read_text(encoding="utf-8", errors="replace").splitlines()
            raise OperatorError(
                f"the emulator {'ended' if ended else 'is not ready'}:\n"
                + "\n".join(lines[-_LAST_LINES:]),
                remedy=f"all that it said is in {paths.shown(log(paths))}",
            )
        time.sleep(_POLL_SECONDS)
    for file in _snapshot_files(paths.emulator / "snapshot"):
        file.unlink()


def _snapshot_files(snapshot: Path) -> list[Path]:
    return list(snapshot.glob("*.json"))
