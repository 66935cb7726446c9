"""A cold start imports only what a cache hit needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LAMBDA_SRC = Path(__file__).parents[2] / "lambda_src"
FORBIDDEN = ("boto3", "s3transfer", "fastjsonschema", "google", "pydantic", "requests")
FORBIDDEN_IN_BOTOCORE = ("client", "session", "loaders", "credentials", "parsers", "model")


def loaded_with_the_handler() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, reasoning.handler; print(*sys.modules)"],
        # No other variables: the import must not need the function's configuration, either.
        env={"PYTHONPATH": str(LAMBDA_SRC), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_handler_loads_no_sdk_client_and_no_validator() -> None:
    modules = loaded_with_the_handler()

    assert "botocore.auth" in modules, "the subprocess did not import the handler"
    top_level = {name.partition(".")[0] for name in modules}
    assert top_level.isdisjoint(FORBIDDEN)
    assert modules.isdisjoint(f"botocore.{name}" for name in FORBIDDEN_IN_BOTOCORE)
