"""States of release 1.0: this release changes what they hold, and replaces nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modules.catalogue import Layer
from ops.common.local_address import REGION
from testing.emulator import Emulator, running_emulator
from tests.integration.terraform import (
    Installation,
    Terraform,
    remove_endpoints,
    synthesize,
)

# The settings of the environment `full`, and its stacks as release 1.0 synthesized them.
RELEASE = Path(__file__).resolve().parent / "release_1_0"
TABLE = "co2-analysis-full-cache"
BUCKET = "co2-analysis-full-geojson-data"
ITEM = {"cache_key": {"S": "kept"}}

# The function does not query.
REMOVED = {"aws_cloudwatch_metric_alarm.table_slow_query"}
# The emulator reads a composite alarm back without this argument, which forces a replacement.
READ_BACK_DIFFERENTLY = [["actions_enabled"]]

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """An account with data that release 1.0 was applied to, and then this one: its plans."""

    emulator: Emulator
    plans: Mapping[str, list[dict[str, Any]]]

    def removed(self) -> set[str]:
        """Return the addresses of what was deleted or replaced."""
        return {
            change["address"]
            for changes in self.plans.values()
            for change in changes
            if "delete" in change["change"]["actions"]
            and change["change"].get("replace_paths") != READ_BACK_DIFFERENTLY
        }


@pytest.fixture(scope="module")
def upgraded(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgraded]:
    home = tmp_path_factory.mktemp("upgrade")
    with running_emulator(home) as emulator:
        _add_managed_keys(emulator)
        stacks = {
            stack.name: stack
            for stack in synthesize(
                "full",
                settings=RELEASE,
                output=home / "cdktf.out",
                port=emulator.ports.emulator,
            )
        }
        for name, stack in stacks.items():
            _write(stack.folder, _released(name, stack.document))
        with installation.applying(stacks, emulator) as layers:
            for terraform in layers.values():
                terraform.apply()
            emulator.client("dynamodb").put_item(TableName=TABLE, Item=ITEM)
            emulator.client("s3").put_object(Bucket=BUCKET, Key="kept", Body=b"{}")
            plans = {}
            for name, terraform in layers.items():
                _write(terraform.folder, stacks[name].document)
                remove_endpoints(terraform.folder, emulator.ports.endpoint)
                plans[name] = _planned_and_applied(terraform)
            yield Upgraded(emulator=emulator, plans=plans)


def _add_managed_keys(emulator: Emulator) -> None:
    """Add DynamoDB's AWS managed key, which the emulator lacks."""
    for region in (REGION, "eu-west-1"):
        kms = emulator.client("kms", region_name=region)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/aws/dynamodb", TargetKeyId=key)


def _write(folder: Path, document: Mapping[str, Any]) -> None:
    (folder / "cdk.tf.json").write_text(json.dumps(document), encoding="utf-8")


def _released(name: str, new: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stack of release 1.0 with what depends on the machine taken from ``new``."""
    old: dict[str, Any] = json.loads((RELEASE / f"{name}.json").read_text(encoding="utf-8"))
    old["provider"] = new["provider"]
    old["terraform"]["backend"] = new["terraform"]["backend"]
    for id_, function in old["resource"].get("aws_lambda_function", {}).items():
        function["filename"] = new["resource"]["aws_lambda_function"][id_]["filename"]
    return old


def _planned_and_applied(terraform: Terraform) -> list[dict[str, Any]]:
    terraform.run("init", "-input=false", "-no-color")
    terraform.run("plan", "-input=false", "-no-color", "-out=upgrade.plan")
    plan = json.loads(terraform.run("show", "-json", "upgrade.plan"))
    terraform.run("apply", "-input=false", "-no-color", "upgrade.plan")
    changes: list[dict[str, Any]] = plan["resource_changes"]
    return changes


def test_nothing_is_replaced_and_data_is_kept(upgraded: Upgraded) -> None:
    """One test, because a second worker would apply both releases again."""
    layers = set(Layer) - {Layer.BOOTSTRAP}  # release 1.0 had none
    assert set(upgraded.plans) == {f"full-{layer.key}" for layer in layers}
    assert upgraded.removed() == REMOVED

    for name, changes in upgraded.plans.items():
        released = json.loads((RELEASE / f"{name}.json").read_text(encoding="utf-8"))
        addresses = {
            f"{kind}.{id_}" for kind, named in released["resource"].items() for id_ in named
        }
        kept = {
            change["address"] for change in changes if change["change"]["actions"] != ["create"]
        }
        assert addresses - REMOVED <= kept, "every resource keeps its address"

    found = upgraded.emulator.client("dynamodb").get_item(TableName=TABLE, Key=ITEM)
    assert found["Item"] == ITEM
    upgraded.emulator.client("s3").head_object(Bucket=BUCKET, Key="kept")
