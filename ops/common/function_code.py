"""The cache Lambda's package, whose rules some commands apply."""

from __future__ import annotations

import sys
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2] / "lambda_src"


def make_importable() -> None:
    """Let `reasoning` be imported from where it is deployed from; it is not installed."""
    if str(_SOURCE) not in sys.path:
        sys.path.append(str(_SOURCE))
