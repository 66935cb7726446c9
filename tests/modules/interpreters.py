"""The Python environments with CDKTF and with CDK Terrain, and how to run the program in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CDKTF = Path(sys.executable)
CDK_TERRAIN = ROOT / "build" / "cdktn" / "bin" / "python"
# Where CDK Terrain is missing, test_cdk_terrain.py says so.
INSTALLED = [python for python in (CDKTF, CDK_TERRAIN) if python.exists()]


def run_python(
    *arguments: str, python: Path = CDKTF, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python`` in the checkout, without the caller's CO2_* variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CO2_")}
    return subprocess.run(
        [str(python), *arguments],
        cwd=ROOT,
        env=clean | (variables or {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


def complaints(done: subprocess.CompletedProcess[str]) -> str:
    """Return what ``main.py`` printed to stderr, without its warnings about settings."""
    return re.sub(r"^warning: [\w-]+\.toml: .*\n", "", done.stderr, flags=re.MULTILINE)


def run_code(code: str, *, python: Path = CDKTF) -> subprocess.CompletedProcess[str]:
    """Run the indented source ``code``."""
    return run_python("-c", textwrap.dedent(code), python=python)
