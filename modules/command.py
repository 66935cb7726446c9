"""Command line of ``main.py``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules import environments
from modules.catalogue import Layer
from modules.owner_warnings import warnings
from modules.problems import InputError, Problem

EXIT_BAD_INPUT = 2

_EPILOG = """\
Options can also be set by environment variables, for example under the cdktf command line:
CO2_ENVIRONMENTS, CO2_LAYERS (both comma-separated), CO2_LOCAL_PORT, CO2_SETTINGS, CO2_STRICT (1).

Settings that are valid but that an owner has probably forgotten are warnings, one line each on
stderr: placeholders such as example.org, alarms without a recipient, and where data is retained no
budget, account_id, web ACL or domain.

examples:
  python main.py                                 every environment in AWS
  python main.py --env dev --layer storage       one stack
  python main.py --env prod --strict             only if nothing is left to fill in
  CO2_ENVIRONMENTS=local npx cdktf deploy 'local-*'

exit codes: 0 written (with or without warnings), 2 invalid input, a warning with --strict, or a
package that is not installed (nothing written)
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Validated options."""

    environments: Sequence[environments.Environment]
    layers: Sequence[Layer]
    output: Path
    warnings: Sequence[Problem]


def parse(arguments: Sequence[str], variables: Mapping[str, str] = os.environ) -> Request:
    """Return the validated options, which take precedence over environment variables.

    Raises:
        InputError: With every problem of options and settings.

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
    strict = options.strict or _switch("CO2_STRICT", variables, problems)
    found: list[Problem] = []
    try:
        loaded = environments.load(wanted, local_port=local_port, folder=Path(folder))
    except InputError as error:
        problems += error.problems
    else:
        problems += _absent(layers, loaded)
        found = [warning for environment in loaded for warning in warnings(environment)]
        problems += found if strict else []
    if problems:
        raise InputError(problems)
    return Request(environments=loaded, layers=layers, output=Path(output), warnings=found)


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        request = parse(arguments)
        _create(request.output)
        # Imported late: cdktf starts Node, which takes longer than reporting invalid input.
        from modules.app import synthesize  # noqa: PLC0415

        written = synthesize(request.environments, output=request.output, layers=request.layers)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_INPUT
    for warning in request.warnings:
        sys.stderr.write(f"warning: {warning.line}\n")
    sys.stdout.write(f"{request.output}/stacks: {', '.join(written)}\n")
    return 0


def _create(output: Path) -> None:
    """Create the output folder.

    Raises:
        InputError: It cannot be created, or cannot be written to.

    """
    try:
        for folder in (output, output / "stacks"):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        problem = Problem(
            where="--output",
            field="output",
            value=str(output),
            reason=f"it is no folder that can be written to: {error.strerror}",
            remedy="choose another folder, or change what is there",
        )
        raise InputError([problem]) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Write the Terraform JSON of every environment and layer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--env",
        action="append",
        metavar="NAME",
        help="synthesize this environment only (repeatable)",
    )
    parser.add_argument(
        "--layer", action="append", metavar="NAME", help="synthesize this layer only (repeatable)"
    )
    parser.add_argument("--output", metavar="FOLDER", help="output folder (default: cdktf.out)")
    parser.add_argument(
        "--settings",
        metavar="FOLDER",
        help="folder of the environment files (default: environments)",
    )
    parser.add_argument("--local-port", metavar="PORT", help="override the port of the local AWS")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="treat warnings as errors: exit code 2, nothing written",
    )
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
            reason="this layer does not exist",
            remedy=f"choose from {', '.join(known)}",
        )
        for key in keys
        if key not in known
    ]
    return [known[key] for key in keys if key in known] or list(Layer)


def _absent(layers: Sequence[Layer], loaded: Sequence[environments.Environment]) -> list[Problem]:
    """Return a problem for each selected layer that no selected environment has."""
    return [
        Problem(
            where="--layer",
            field="layer",
            value=layer.key,
            reason="none of the selected environments has this layer",
            remedy=f"add a table [{layer.key}] to an environment's file, or select another layer",
        )
        for layer in layers
        if len(layers) < len(Layer) and not any(layer in one.layers for one in loaded)
    ]


def _switch(name: str, variables: Mapping[str, str], problems: list[Problem]) -> bool:
    value = variables.get(name, "")
    if value not in {"", "0", "1"}:
        problems.append(
            Problem(
                where="environment variable",
                field=name,
                value=value,
                reason="it is neither 1 nor 0",
                remedy="set it to 1, or unset it",
            )
        )
    return value == "1"


def _port(value: str | None, problems: list[Problem]) -> int | None:
    if value is None or (value.isascii() and value.isdigit()):
        return int(value) if value else None
    problems.append(
        Problem(
            where="--local-port",
            field="port",
            value=value,
            reason="it is not an integer",
            remedy="use a port from 1024 to 65534",
        )
    )
    return None
