"""The names of the local environment, from the one place that builds them."""

from __future__ import annotations

from pathlib import Path

from modules.catalogue import Layer
from modules.naming import Naming
from ops.common.local_address import ENVIRONMENT
from ops.local.paths import LocalPaths

NAMING = Naming(environment=ENVIRONMENT)


def state_files(paths: LocalPaths) -> dict[str, Path]:
    """Return the existing state files by the names of their stacks, in the layers' order."""
    files = {
        NAMING.stack(layer): paths.state / Path(NAMING.state_file("", layer)).name
        for layer in Layer
    }
    return {name: file for name, file in files.items() if file.exists()}
