"""Each environment's stacks contain exactly the resources of tests/inventories."""

from __future__ import annotations

import pytest
import yaml

from modules import environments
from tests.inventories.regenerate import INVENTORIES, with_counts
from tests.modules.terraform_json import Stack, assert_contains

REMEDY = "if the change is intended, run `make inventories` and review the diff"


@pytest.mark.parametrize("environment", environments.names())
def test_stacks_match_the_inventory(environment: str, shipped: dict[str, Stack]) -> None:
    path = INVENTORIES / f"{environment}.yaml"
    assert path.exists(), f"{path.name} is missing; {REMEDY}"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    for layer, expected in inventory.items():
        stack = shipped[f"{environment}-{layer}"]
        assert stack.counts() == (expected["resources"] or {}), f"{stack.name}: {REMEDY}"
        for address, values in (expected.get("values") or {}).items():
            assert_contains(stack.resource(address), values, f"{stack.name}: {address}")


def test_every_stack_has_an_inventory(shipped: dict[str, Stack]) -> None:
    described = {
        f"{path.stem}-{layer}"
        for path in INVENTORIES.glob("*.yaml")
        for layer in yaml.safe_load(path.read_text(encoding="utf-8"))
    }
    assert described == set(shipped), REMEDY


def test_updated_counts_preserve_handwritten_text() -> None:
    by_hand = """\
  values:
    # Why it matters.
    aws_s3_bucket.logs:
      bucket: logs
"""
    old = f"""\
# Head.
base:
  resources:
    aws_iam_role: 1
    aws_s3_bucket: 3
{by_hand}
monitoring:
  resources:
    aws_kms_key: 1
  values: {{}}
"""
    new = f"""\
# Head.
base:
  resources:
    aws_kms_key: 1
    aws_s3_bucket: 2
{by_hand}
compute:
  resources:
    aws_iam_role: 1
  values: {{}}
"""
    counts = {"base": {"aws_s3_bucket": 2, "aws_kms_key": 1}, "compute": {"aws_iam_role": 1}}
    assert with_counts(old, counts) == new
    assert with_counts(new, counts) == new
