"""What a reviewer sees in the plan of an environment that does not exist yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing.emulator import running_emulator
from tests.integration.terraform import Installation, synthesize

SETTINGS = """
region = "us-east-1"
retain = false
[local_aws]
[state.local]
[table]
billing = "on-demand"
"""

pytestmark = pytest.mark.integration


def test_the_bucket_policies_are_shown_before_the_identity_exists(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "first.toml").write_text(SETTINGS, encoding="utf-8")
    with running_emulator(tmp_path) as emulator:
        stacks = synthesize(
            "first",
            settings=tmp_path,
            output=tmp_path / "cdktf.out",
            port=emulator.ports.emulator,
        )
        storage = {stack.name: stack for stack in stacks if stack.name == "first-storage"}
        with installation.applying(storage, emulator) as layers:
            layers["first-storage"].run("init", "-input=false", "-no-color")
            plan = layers["first-storage"].run("plan", "-input=false", "-no-color")

    for statement in ("DenyPlainHttp", "DenyOldTls", "AllowOriginAccessIdentity"):
        assert plan.count(f'"{statement}"') == len(("static website", "geojson"))
    assert '"arn:aws:s3:::co2-analysis-first-geojson-data/*"' in plan
