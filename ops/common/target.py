"""The environment that a command works on, and the endpoint of its AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules import environments
from modules.naming import Naming
from modules.problems import InputError
from modules.settings import Settings
from ops.common.errors import BadInputError, OperatorError
from ops.common.local_address import CREDENTIALS_FILE, RUN_FILE, recorded_port


@dataclass(frozen=True, kw_only=True)
class Target:
    """An environment; ``endpoint`` is the emulator's URL, None for AWS itself.

    The emulator's key is in ``credentials_file``.
    """

    naming: Naming
    settings: Settings
    endpoint: str | None
    credentials_file: Path = CREDENTIALS_FILE

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.naming.environment

    @property
    def guarded(self) -> bool:
        """Whether a change must be confirmed with the environment's name."""
        return self.settings.retain


def find(
    name: str | None,
    *,
    variables: Mapping[str, str] = os.environ,
    run_file: Path = RUN_FILE,
) -> Target:
    """Load the environment called ``name``.

    ``CO2_SETTINGS`` overrides the folder of settings, ``CO2_LOCAL_PORT`` the emulator's port that
    `local up` recorded, ``CO2_LOCAL_CREDENTIALS`` the file with the emulator's key. The emulator's
    host is always this machine.

    Raises:
        BadInputError: No environment was named, it does not exist, or its file is invalid.
        OperatorError: The local AWS is not running.

    """
    folder = Path(variables.get("CO2_SETTINGS") or environments.FOLDER)
    if not name:
        known = ", ".join(environments.names(folder)) or f"none in {folder}"
        raise BadInputError(
            "no environment was named",
            remedy=f"add --env NAME or set CO2_ENV; available: {known}",
        )
    port = _port(variables.get("CO2_LOCAL_PORT"))
    environment = _load(name, port, folder)
    if environment.settings.local_aws is not None and port is None:
        port = recorded_port(run_file)
        if port is None:
            raise OperatorError("the local AWS is not running", remedy="make up")
        environment = _load(name, port, folder)
    local = environment.settings.local_aws
    return Target(
        naming=environment.naming,
        settings=environment.settings,
        endpoint=local.endpoint if local else None,
        credentials_file=Path(variables.get("CO2_LOCAL_CREDENTIALS") or CREDENTIALS_FILE),
    )


def _load(name: str, port: int | None, folder: Path) -> environments.Environment:
    try:
        (environment,) = environments.load([name], local_port=port, folder=folder)
    except InputError as error:
        raise BadInputError(_first_problem(error), remedy=error.problems[0].remedy) from error
    return environment


def _first_problem(error: InputError) -> str:
    first = error.problems[0]
    more = len(error.problems) - 1
    rest = f" (and {more} more: python main.py lists them)" if more else ""
    return f"{first.subject}: {first.reason}{rest}"


def _port(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadInputError(
            f"CO2_LOCAL_PORT = {text!r} is not an integer",
            remedy="unset it, or set it to the port that `make status` shows",
        )
    return int(text)
