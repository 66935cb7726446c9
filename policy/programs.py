"""Programs that the gate runs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.common.errors import OperatorError


def run(command: Sequence[str], *, folder: Path, variables: Mapping[str, str]) -> str:
    """Run a program and return what it prints.

    Raises:
        OperatorError: It fails; the message has its output.

    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperatorError(f"{' '.join(command[:2])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
