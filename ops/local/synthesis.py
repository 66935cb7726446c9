"""Running ``main.py`` for the local environment."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops.common.errors import BadInputError, OperatorError
from ops.common.local_address import ENVIRONMENT
from ops.local.environment import scrubbed
from ops.local.paths import LocalPaths
from ops.local.processes import python
from ops.local.stacks import Stack, read_stacks

_BAD_INPUT = 2
_LAST_LINES = 15


def synthesize(
    paths: LocalPaths, *, output: Path, port: int, user_environment: Mapping[str, str]
) -> list[Stack]:
    """Write the local stacks to ``output`` and return them in order, as if in their place.

    Raises:
        BadInputError: A setting is wrong; the message is the one of ``main.py``.
        OperatorError: It failed otherwise.

    """
    result = subprocess.run(
        python(
            *("main.py", "--env", ENVIRONMENT),
            *("--local-port", str(port), "--output", str(output)),
        ),
        cwd=paths.checkout,
        env=scrubbed(user_environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = result.stderr.strip() or result.stdout.strip()
    if result.returncode == _BAD_INPUT:
        raise BadInputError(f"the stacks were not synthesized.\n{said}")
    if result.returncode:
        last = "\n".join(said.splitlines()[-_LAST_LINES:])
        raise OperatorError(
            f"main.py failed with exit code {result.returncode}:\n{last}",
            remedy=f"run it alone to see all of it: python main.py --env {ENVIRONMENT}",
        )
    return read_stacks(output, place=paths.output)
