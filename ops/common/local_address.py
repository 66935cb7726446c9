"""Address of the local AWS: its environment, credentials, Region and recorded port."""

from __future__ import annotations

import json
from pathlib import Path

ENVIRONMENT = "local"
REGION = "us-east-1"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105  the emulator accepts any key

CHECKOUT = Path(__file__).resolve().parents[2]
# Written by `local up`, deleted by `local down`.
RUN_FILE = CHECKOUT / ".local" / "run.json"


def recorded_port(run_file: Path = RUN_FILE) -> int | None:
    """Return the emulator's port that `local up` recorded, None if it does not run."""
    try:
        return int(json.loads(run_file.read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
