"""Provider, tags, state and references between the stacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from tests.modules.terraform_json import Json, Stack, mapping, sequence

MINIMAL: dict[str, object] = {
    "region": "eu-central-1",
    "retain": False,
    "table": {"billing": "on-demand"},
}


def _with_state(state: Mapping[str, object], **more: object) -> dict[str, object]:
    return {**MINIMAL, "state": state, **more}


def _remote_state(stack: Stack) -> Json:
    return stack.at("data", "terraform_remote_state")


def test_every_stack_takes_provider_5_100_up_to_7(shipped: dict[str, Stack]) -> None:
    for stack in shipped.values():
        wanted = stack.at("terraform", "required_providers", "aws", "version")
        assert wanted == ">= 5.100.0, < 7.0.0"


@pytest.mark.parametrize(
    ("name", "layer"),
    [("prod-base", "1-Foundation"), ("prod-storage", "3-Data"), ("prod-compute", "4-Compute")],
)
def test_default_tags_follow_the_contract(name: str, layer: str, shipped: dict[str, Stack]) -> None:
    assert shipped[name].provider()["default_tags"] == [
        {
            "tags": {
                "Project": "co2-analysis",
                "Environment": "prod",
                "Application": "CO2 Anomaly Analysis",
                "ManagedBy": "terraform",
                "Layer": layer,
            }
        }
    ]


def test_environments_differ_only_in_values_not_in_addresses(shipped: dict[str, Stack]) -> None:
    for layer in ("base", "storage", "compute", "frontend"):
        dev, staging, prod = (
            set(shipped[f"{environment}-{layer}"].resources())
            for environment in ("dev", "staging", "prod")
        )
        assert dev == staging
        assert dev <= prod


def test_only_the_local_environment_names_endpoints(shipped: dict[str, Stack]) -> None:
    for stack in shipped.values():
        provider = stack.provider()
        if stack.name.startswith("local-"):
            (endpoints,) = sequence(provider["endpoints"])
            assert set(mapping(endpoints).values()) == {"http://127.0.0.1:4566"}
        else:
            assert "endpoints" not in provider


def test_only_the_local_environment_names_a_profile(shipped: dict[str, Stack]) -> None:
    for stack in shipped.values():
        provider = stack.provider()
        local = stack.name.startswith("local-")
        assert provider.get("profile") == ("co2-analysis-local" if local else None)
        files = ["../../../.local/aws/credentials"] if local else None
        assert provider.get("shared_credentials_files") == files
        # A key would be in Git, and the same in each run.
        assert not {"access_key", "secret_key", "token"} & provider.keys()


def test_local_endpoints_cover_every_service_in_use(every: dict[str, Stack]) -> None:
    services = {
        "aws_appautoscaling": "appautoscaling",
        "aws_backup": "backup",
        "aws_budgets": "budgets",
        "aws_cloudfront": "cloudfront",
        "aws_cloudwatch": "cloudwatch",
        "aws_cloudwatch_log": "logs",
        "aws_dynamodb": "dynamodb",
        "aws_iam": "iam",
        "aws_kms": "kms",
        "aws_lambda": "lambda",
        "aws_s3": "s3",
        "aws_secretsmanager": "secretsmanager",
        "aws_signer": "signer",
        "aws_sns": "sns",
        "aws_ssm": "ssm",
        "aws_wafv2": "wafv2",
    }
    (endpoints,) = sequence(every["local-base"].provider()["endpoints"])
    for stack in every.values():
        for kind in stack.counts():
            prefix = max((p for p in services if kind.startswith(f"{p}_")), key=len)
            service = services[prefix]
            assert service in mapping(endpoints), f"{kind} in {stack.name} would ask AWS itself"


def test_account_id_is_the_only_one_allowed(synthesized: Callable[..., dict[str, Stack]]) -> None:
    stacks = synthesized(_with_state({"s3": {}}, account_id="123456789012"))
    for stack in stacks.values():
        provider = stack.provider()
        assert provider["allowed_account_ids"] == ["123456789012"]
        assert stack.at("terraform", "backend", "s3", "allowed_account_ids") == ["123456789012"]


def test_s3_state_is_locked_by_s3_and_apart_for_each_layer(shipped: dict[str, Stack]) -> None:
    for layer in ("base", "storage", "compute"):
        assert shipped[f"prod-{layer}"].at("terraform", "backend") == {
            "s3": {
                "bucket": "co2-analysis-prod-terraform-state",
                "key": f"prod/{layer}/terraform.tfstate",
                "region": "us-east-1",
                "encrypt": True,
                "use_lockfile": True,
            }
        }


def test_s3_state_can_live_elsewhere(synthesized: Callable[..., dict[str, Stack]]) -> None:
    state = {"s3": {"bucket": "shared-state", "region": "eu-west-1"}}
    backend = mapping(synthesized(_with_state(state))["base"].at("terraform", "backend", "s3"))
    assert (backend["bucket"], backend["region"]) == ("shared-state", "eu-west-1")


def test_references_under_s3_state_read_the_producers_key(shipped: dict[str, Stack]) -> None:
    states = json.dumps(_remote_state(shipped["prod-compute"]))
    assert "prod/storage/terraform.tfstate" in states


def test_references_under_hcp_read_the_producers_workspace(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    hcp = {"organization": "my-company", "project": "co2"}
    stacks = synthesized(_with_state({"hcp": hcp}))
    for layer, stack in stacks.items():
        cloud = mapping(stack.at("terraform", "cloud"))
        assert cloud["organization"] == "my-company"
        assert cloud["workspaces"] == {"name": f"co2-analysis-unit-{layer}", "project": "co2"}
    states = json.dumps(_remote_state(stacks["compute"]))
    assert "co2-analysis-unit-storage" in states


def test_references_under_local_state_use_relative_paths(shipped: dict[str, Stack]) -> None:
    path = shipped["local-storage"].at("terraform", "backend", "local", "path")
    assert path == "../../../.local/state/local/storage.tfstate"
    states = json.dumps(_remote_state(shipped["local-compute"]))
    assert json.dumps(path) in states


def test_layers_depend_on_those_before_them(shipped: dict[str, Stack]) -> None:
    manifest = json.loads(
        (shipped["dev-base"].folder.parent.parent / "manifest.json").read_text(encoding="utf-8")
    )["stacks"]
    assert manifest["dev-base"]["dependencies"] == []
    assert manifest["dev-storage"]["dependencies"] == ["dev-base"]
    assert sorted(manifest["dev-compute"]["dependencies"]) == ["dev-base", "dev-storage"]


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_lie_in_the_regions_partition(
    region: str, partition: str, synthesized: Callable[..., dict[str, Stack]]
) -> None:
    stacks = synthesized(_with_state({"local": {}}, region=region))
    text = json.dumps(stacks["storage"].document) + json.dumps(stacks["compute"].document)
    found = {part.split(":")[0] for part in text.split("arn:")[1:]}
    assert found == {partition}


def test_extra_tags_are_on_every_provider(hardened: dict[str, Stack]) -> None:
    wanted = {
        "Owner": "data-platform@example.com",
        "CostCenter": "4711",
        "DataClassification": "internal",
        "Environment": "hardened",
    }
    providers = [
        mapping(one) for stack in hardened.values() for one in sequence(stack.at("provider", "aws"))
    ]
    assert any("alias" in one for one in providers)
    for provider in providers:
        (tags,) = map(mapping, sequence(provider["default_tags"]))
        assert wanted.items() <= mapping(tags["tags"]).items()
