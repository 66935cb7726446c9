"""Which environment a command works on, and where its AWS is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules import environments
from modules.catalogue import Layer
from modules.naming import Naming
from modules.problems import InputError
from modules.settings import Settings
from ops.common.errors import BadInputError, OperatorError
from ops.common.local_address import RUN_FILE, recorded_port


@dataclass(frozen=True, kw_only=True)
class Target:
    """An environment, and the emulator's address where it is not in AWS."""

    naming: Naming
    settings: Settings
    layers: tuple[Layer, ...]
    endpoint: str | None

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.naming.environment

    @property
    def guarded(self) -> bool:
        """Whether destroying anything asks for the environment's name."""
        return self.settings.retain


def find(
    name: str | None,
    *,
    variables: Mapping[str, str] = os.environ,
    run_file: Path = RUN_FILE,
) -> Target:
    """Return the environment called ``name``.

    ``CO2_SETTINGS`` names another folder of settings; ``CO2_LOCAL_PORT`` the emulator's port, where
    it is not the one that ``local up`` has recorded. The emulator's host is always this machine.

    Raises:
        BadInputError: There is no such environment, its file is wrong, or none was named.
        OperatorError: The local AWS does not run.

    """
    folder = Path(variables.get("CO2_SETTINGS") or environments.FOLDER)
    if not name:
        raise BadInputError(
            "no environment was named",
            remedy=f"add --env NAME or set CO2_ENV; there are {_listed(folder)}",
        )
    port = _number(variables.get("CO2_LOCAL_PORT"))
    environment = _load(name, port, folder)
    if environment.settings.local_aws is not None and port is None:
        port = recorded_port(run_file)
        if port is None:
            raise OperatorError("the local AWS does not run", remedy="make up")
        environment = _load(name, port, folder)
    local = environment.settings.local_aws
    return Target(
        naming=environment.naming,
        settings=environment.settings,
        layers=environment.layers,
        endpoint=local.endpoint if local else None,
    )


def _load(name: str, port: int | None, folder: Path) -> environments.Environment:
    try:
        (environment,) = environments.load([name], local_port=port, folder=folder)
    except InputError as error:
        raise BadInputError(_one_line(error), remedy=error.problems[0].remedy) from error
    return environment


def _listed(folder: Path) -> str:
    return ", ".join(environments.names(folder)) or f"none in {folder}"


def _one_line(error: InputError) -> str:
    first = error.problems[0]
    more = len(error.problems) - 1
    place = f"{first.where}: " if first.where else ""
    rest = f" (and {more} more: python main.py lists them)" if more else ""
    return f"{place}{first.field} = {first.value!r}: {first.reason}{rest}"


def _number(port: str | None) -> int | None:
    if not port:
        return None
    if not (port.isascii() and port.isdigit()):
        raise BadInputError(
            f"CO2_LOCAL_PORT = {port!r} is not a whole number",
            remedy="unset it, or set it to the port that `make status` shows",
        )
    return int(port)
