"""Planning all layers of an environment: side by side, and as a team does it one after another."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.processes import Usage, clone, run
from bench.results import Result, at_most
from modules.naming import Naming
from ops.common.environment import scrubbed
from ops.common.paths import LocalPaths
from ops.terraform.provider import find_provider
from testing.emulator import Emulator, running_emulator

_NAME = "bench"
_SETTINGS = """\
region = "us-east-1"
account_id = "000000000000"
retain = false
origin_access = "oac"
origin_identity = false
[state.s3]
[table]
billing = "on-demand"
[frontend]
[monitoring]
"""
_HELD = 10
_PIPELINE = [sys.executable, "-m", "ops", "pipeline"]
# What a script does that somebody writes for it.
_ONE_AFTER_ANOTHER = f"""\
set -eu
{sys.executable} main.py --env {_NAME}
for layer in base storage compute frontend monitoring; do
  cd "$CHECKOUT/cdktf.out/stacks/{_NAME}-$layer"
  terraform init -input=false
  terraform plan -input=false -out=plan
  terraform show -json plan > plan.json
done
"""


def measure(runs: int) -> Iterator[Result]:
    """Yield the measurements, init included; the environment is applied on the emulator."""
    with (
        clone() as checkout,
        tempfile.TemporaryDirectory(prefix="co2-bench-") as folder,
        running_emulator(Path(folder)) as emulator,
    ):
        variables = _variables(checkout, emulator)
        (checkout / "environments" / f"{_NAME}.toml").write_text(_SETTINGS, encoding="utf-8")
        emulator.client("s3").create_bucket(Bucket=Naming(environment=_NAME).state_bucket)
        _deploy(checkout, variables)
        alone: list[Usage] = []
        together: list[Usage] = []
        for _ in range(runs):
            shutil.rmtree(checkout / "cdktf.out", ignore_errors=True)
            shutil.rmtree(checkout / ".local" / "terraform", ignore_errors=True)
            alone.append(run(["bash", "-c", _ONE_AFTER_ANOTHER], cwd=checkout, variables=variables))
            command = [*_PIPELINE, "plan", "--env", _NAME, "--dry-run"]
            together.append(run(command, cwd=checkout, variables=variables))
    shares = [one.wall / other.wall for one, other in zip(together, alone, strict=True)]
    seconds = statistics.median(one.wall for one in together)
    yield Result(
        what="`ops pipeline plan`, five layers, synthesis and init included",
        figure=f"{seconds:.3g} s",
    )
    yield at_most(
        "the same, over `terraform init`, `plan` and `show` of one layer after another",
        statistics.median(shares),
        0.65,
    )


def _variables(checkout: Path, emulator: Emulator) -> Mapping[str, str]:
    source = find_provider(LocalPaths(checkout), os.environ)
    return {
        **source.configure(LocalPaths(checkout), os.environ),
        "CHECKOUT": str(checkout),
        "CHECKPOINT_DISABLE": "1",
        "AWS_ACCESS_KEY_ID": emulator.key.id,
        "AWS_SECRET_ACCESS_KEY": emulator.key.secret,
        "AWS_ENDPOINT_URL": emulator.ports.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _deploy(checkout: Path, variables: Mapping[str, str]) -> None:
    """Apply all layers: as often as one waits for another."""
    code = _HELD
    while code == _HELD:
        run([*_PIPELINE, "plan", "--env", _NAME], cwd=checkout, variables=variables)
        command = [*_PIPELINE, "apply", "--env", _NAME, "--yes"]
        code = subprocess.run(
            command, cwd=checkout, env={**scrubbed(os.environ), **variables}, check=False
        ).returncode
    if code:
        raise subprocess.CalledProcessError(code, command)
