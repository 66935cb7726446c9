"""Two adjacent ports: the emulator's, and the Gemini stand-in's after it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from ops.common.errors import BadInputError, BusyError

DEFAULT_PORT = 4566
LOWEST_PORT = 1024
HIGHEST_PORT = 65534

_ATTEMPTS = 50


@dataclass(frozen=True)
class Ports:
    """The emulator's port, and the stand-in's, which follows it."""

    emulator: int

    @property
    def stand_in(self) -> int:
        """Port of the Gemini stand-in."""
        return self.emulator + 1

    @property
    def endpoint(self) -> str:
        """URL of the emulator."""
        return f"http://127.0.0.1:{self.emulator}"


def is_free(port: int) -> bool:
    """Return whether a server can listen on ``port`` and none does."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as listener:
        # Connections in TIME_WAIT do not make a port busy.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(
    wanted: int | None, *, preferred: int = DEFAULT_PORT, free: Callable[[int], bool] = is_free
) -> Ports:
    """Return the ``wanted`` pair, or by default the first free one from ``preferred`` on.

    Raises:
        BadInputError: ``wanted`` is out of range.
        BusyError: ``wanted`` or the port after it is in use, or no pair is free.

    """
    if wanted is None:
        candidates = range(preferred, min(preferred + 2 * _ATTEMPTS, HIGHEST_PORT + 1), 2)
        for port in candidates:
            if free(port) and free(port + 1):
                return Ports(port)
        raise BusyError(
            f"no two adjacent ports from {preferred} on are free",
            remedy="choose a free one: --port N (N + 1 is used too)",
        )
    if not LOWEST_PORT <= wanted <= HIGHEST_PORT:
        raise BadInputError(
            f"--port {wanted} is not between {LOWEST_PORT} and {HIGHEST_PORT}",
            remedy="choose another port; the port after it is used too",
        )
    for port in (wanted, wanted + 1):
        if not free(port):
            raise BusyError(
                f"port {port} is in use by another program",
                remedy="choose another with --port N (N + 1 is used too), or omit --port",
            )
    return Ports(wanted)
