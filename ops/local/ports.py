"""Choosing two neighbouring ports: the emulator's, and after it the Gemini stand-in's."""

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
    """The emulator's port and, by convention its neighbour, the stand-in's."""

    emulator: int

    @property
    def stand_in(self) -> int:
        """Port of the Gemini stand-in."""
        return self.emulator + 1

    @property
    def endpoint(self) -> str:
        """Address of the emulator."""
        return f"http://127.0.0.1:{self.emulator}"


def is_free(port: int) -> bool:
    """Return whether nothing listens on ``port`` and it can be listened on."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as listener:
        # A port whose last connections have just been closed counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(
    wanted: int | None, *, preferred: int = DEFAULT_PORT, free: Callable[[int], bool] = is_free
) -> Ports:
    """Return a free pair: exactly the ``wanted`` one, else the first from ``preferred`` on.

    Raises:
        BadInputError: ``wanted`` is no port that can be used.
        BusyError: ``wanted`` or its neighbour is in use, or no pair is free.

    """
    if wanted is None:
        candidates = range(preferred, min(preferred + 2 * _ATTEMPTS, HIGHEST_PORT + 1), 2)
        for port in candidates:
            if free(port) and free(port + 1):
                return Ports(port)
        raise BusyError(
            f"no two neighbouring ports from {preferred} on are free",
            remedy="name a free one: --port N (N + 1 is used, too)",
        )
    if not LOWEST_PORT <= wanted <= HIGHEST_PORT:
        raise BadInputError(
            f"--port {wanted}: not from {LOWEST_PORT} to {HIGHEST_PORT}",
            remedy="choose another; the port after it is used, too",
        )
    for port in (wanted, wanted + 1):
        if not free(port):
            raise BusyError(
                f"port {port} is in use by another program",
                remedy="choose another with --port N (N + 1 is used, too), or leave --port out",
            )
    return Ports(wanted)
