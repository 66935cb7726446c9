"""The Gemini stand-in as a background process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ops.common.errors import OperatorError
from ops.local import processes
from ops.local.client import is_ok
from ops.local.environment import scrubbed
from ops.local.gemini_standin import HEALTH_PATH
from ops.local.paths import LocalPaths
from ops.local.ports import Ports
from ops.local.processes import ProcessIdentity

STOP_SECONDS = 2.0

_START_SECONDS = 10.0
_POLL_SECONDS = 0.05


def start(paths: LocalPaths, ports: Ports, user_environment: Mapping[str, str]) -> ProcessIdentity:
    """Start the stand-in, which needs a moment until it is ready.

    Raises OSError if it cannot be started.
    """
    return processes.start(
        processes.python("-m", "ops.local.gemini_standin", str(ports.stand_in)),
        environment=scrubbed(user_environment),
        folder=paths.checkout,
        log=paths.logs / "gemini-stand-in.log",
    )


def is_ready(ports: Ports) -> bool:
    """Return whether the stand-in answers."""
    return is_ok(ports.stand_in, HEALTH_PATH)


def wait_until_ready(
    ports: Ports, process: ProcessIdentity, *, ready: Callable[[Ports], bool] = is_ready
) -> None:
    """Wait until the stand-in answers.

    Raises:
        OperatorError: It ended, or is not ready in time.

    """
    deadline = time.monotonic() + _START_SECONDS
    while not ready(ports):
        if not processes.is_running(process) or time.monotonic() > deadline:
            raise OperatorError(
                f"the Gemini stand-in did not start on port {ports.stand_in}",
                remedy="read .local/logs/gemini-stand-in.log; if the port is taken: down, then up",
            )
        time.sleep(_POLL_SECONDS)
