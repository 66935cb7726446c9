"""The command line of ``main.py``: what to synthesize, and where to."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules import environments
from modules.catalogue import Layer
from modules.problems import InputError, Problem

EXIT_BAD_INPUT = 2

_EPILOG = """\
Each option can be given as an environment variable instead, which is how the cdktf command line
passes it on: CO2_ENVIRONMENTS, CO2_LAYERS (both comma-separated), CO2_LOCAL_PORT, CO2_SETTINGS.

examples:
  python main.py                                 every environment that lives in AWS
  python main.py --env dev --layer storage       one stack
  CO2_ENVIRONMENTS=local npx cdktf deploy 'local-*'

exit codes: 0 written, 2 bad input (nothing written)
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for, checked."""

    environments: Sequence[environments.Environment]
    layers: Sequence[Layer]
    output: Path


def parse(arguments: Sequence[str], variables: Mapping[str, str] = os.environ) -> Request:
    """Return the checked request; options win over environment variables.

    Raises InputError with everything that is wrong in options and settings.
    """
    options = _parser().parse_args(arguments)
    wanted = options.env or _split(variables.get("CO2_ENVIRONMENTS", ""))
    keys = options.layer or _split(variables.get("CO2_LAYERS", ""))
    port = options.local_port or variables.get("CO2_LOCAL_PORT") or None
    folder = options.settings or variables.get("CO2_SETTINGS") or environments.FOLDER
    output = options.output or variables.get("CDKTF_OUTDIR") or "cdktf.out"

    problems: list[Problem] = []
    layers = _layers(keys, problems)
    local_port = _port(port, problems)
    try:
        loaded = environments.load(wanted, local_port=local_port, folder=Path(folder))
    except InputError as error:
        problems += error.problems
    else:
        problems += _absent(layers, loaded)
    if problems:
        raise InputError(problems)
    return Request(environments=loaded, layers=layers, output=Path(output))


def main(arguments: Sequence[str]) -> int:
    """Synthesize what ``arguments`` ask for and return the exit code."""
    try:
        request = parse(arguments)
        # Imported late: cdktf starts a Node process, which bad input should not wait for.
        from modules.app import synthesize  # noqa: PLC0415

        written = synthesize(request.environments, output=request.output, layers=request.layers)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_INPUT
    sys.stdout.write(f"{request.output}/stacks: {', '.join(written)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Write the Terraform JSON of every environment and layer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--env", action="append", metavar="NAME", help="only this environment (repeatable)"
    )
    parser.add_argument(
        "--layer", action="append", metavar="NAME", help="only this layer (repeatable)"
    )
    parser.add_argument("--output", metavar="FOLDER", help="where to write (default: cdktf.out)")
    parser.add_argument(
        "--settings", metavar="FOLDER", help="the environments' files (default: environments)"
    )
    parser.add_argument("--local-port", metavar="PORT", help="port of the local AWS")
    return parser


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _layers(keys: Sequence[str], problems: list[Problem]) -> list[Layer]:
    known = {layer.key: layer for layer in Layer}
    problems += [
        Problem(
            where="--layer",
            field="layer",
            value=key,
            reason="there is no such layer",
            remedy=f"choose from {', '.join(known)}",
        )
        for key in keys
        if key not in known
    ]
    return [known[key] for key in keys if key in known] or list(Layer)


def _absent(layers: Sequence[Layer], loaded: Sequence[environments.Environment]) -> list[Problem]:
    """Report chosen layers that none of the chosen environments has."""
    return [
        Problem(
            where="--layer",
            field="layer",
            value=layer.key,
            reason="none of the chosen environments has this layer",
            remedy=f"add a table [{layer.key}] to its file, or choose another",
        )
        for layer in layers
        if len(layers) < len(Layer) and not any(layer in one.layers for one in loaded)
    ]


def _port(value: str | None, problems: list[Problem]) -> int | None:
    if value is None or (value.isascii() and value.isdigit()):
        return int(value) if value else None
    problems.append(
        Problem(
            where="--local-port",
            field="port",
            value=value,
            reason="it is not a whole number",
            remedy="write a port from 1024 to 65534",
        )
    )
    return None
