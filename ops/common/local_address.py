"""Where the local AWS is: its environment's name, its credentials, and its recorded port."""

from __future__ import annotations

import json
from pathlib import Path

ENVIRONMENT = "local"
REGION = "us-east-1"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105  the emulator accepts it from anyone

CHECKOUT = Path(__file__).resolve().parents[2]
# Written by `local up`, deleted by `local down`.
RUN_FILE = CHECKOUT / ".local" / "run.json"


def recorded_port(run_file: Path = RUN_FILE) -> int | None:
    """Return the emulator's port as `local up` recorded it, or None if it has not."""
    try:
        return int(json.loads(run_file.read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
