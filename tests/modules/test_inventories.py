"""Each environment's stacks hold what tests/inventories says, no more and no less."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.modules.conftest import SHIPPED
from tests.modules.terraform_json import Stack, assert_contains

INVENTORIES = Path(__file__).parent.parent / "inventories"


@pytest.mark.parametrize("environment", SHIPPED)
def test_stacks_match_the_inventory(environment: str, shipped: dict[str, Stack]) -> None:
    inventory = yaml.safe_load((INVENTORIES / f"{environment}.yaml").read_text(encoding="utf-8"))
    for layer, expected in inventory.items():
        stack = shipped[f"{environment}-{layer}"]
        assert stack.counts() == expected["resources"], stack.name
        for address, values in expected["values"].items():
            assert_contains(stack.resource(address), values, f"{stack.name}: {address}")


def test_there_is_an_inventory_of_every_stack(shipped: dict[str, Stack]) -> None:
    described = {
        f"{path.stem}-{layer}"
        for path in INVENTORIES.glob("*.yaml")
        for layer in yaml.safe_load(path.read_text(encoding="utf-8"))
    }
    assert described == set(shipped)
