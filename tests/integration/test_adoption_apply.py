"""Adoption of existing resources: none is replaced, no data is lost, and a second plan is empty.

The environment has no frontend: base, storage and compute do not depend on it. The tests share one
applied environment and depend on their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modules.adoption import imports
from modules.environments import load
from testing.emulator import Emulator, running_emulator
from tests.integration.terraform import VARIANTS, Installation, Terraform, synthesize

TABLE = "co2-analysis-adopted-cache"
PAGES = "co2-analysis-adopted-static-website"
DATA = "co2-analysis-adopted-geojson-data"
SECRET = "co2-analysis-adopted-gemini-api-key"
ROLE = "co2-analysis-adopted-lambda-execution-role"
LOG = "/aws/lambda/co2-analysis-adopted-reasoning-function"
MODEL = "/co2-analysis/adopted/config/gemini/model"
TABLE_NAME = "/co2-analysis/adopted/storage/dynamodb/cache-table-name"

ITEM = {
    "cache_key": {"S": "k"},
    "cached_date": {"S": "2026-05-14"},
    "cached_at": {"S": "2026-05-14T09:30:00Z"},
}

pytestmark = pytest.mark.integration


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """An account with existing resources, Terraform on each layer, and the first plan of each."""

    home: Path
    installation: Installation
    emulator: Emulator
    layers: Mapping[str, Terraform]
    plans: Mapping[str, list[dict[str, Any]]]
    wanted: set[str]


@pytest.fixture(scope="module")
def adoption(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Adoption]:
    home = tmp_path_factory.mktemp("adoption")
    with running_emulator(home) as emulator:
        settings = _settings(home, secret_arn=_create_resources(emulator))
        stacks = synthesize(
            "adopted", settings=settings, output=home / "cdktf.out", port=emulator.ports.emulator
        )
        (environment,) = load(["adopted"], folder=settings)
        by_layer = {stack.name.removeprefix("adopted-"): stack for stack in stacks}
        with installation.applying(by_layer, emulator) as layers:
            plans = {name: _first_plan_applied(terraform) for name, terraform in layers.items()}
            yield Adoption(
                home=home,
                installation=installation,
                emulator=emulator,
                layers=layers,
                plans=plans,
                wanted={one.to for one in imports(environment.naming, environment.settings.adopt)},
            )


def _settings(home: Path, *, secret_arn: str) -> Path:
    """Return a folder with the variant's settings file, with the ARN of the created secret."""
    text = (VARIANTS / "adopted.toml").read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if line.startswith("gemini_secret"))
    folder = home / "environments"
    folder.mkdir()
    changed = text.replace(line, f'gemini_secret = "{secret_arn}"')
    (folder / "adopted.toml").write_text(changed, encoding="utf-8")
    return folder


def _create_resources(emulator: Emulator) -> str:
    """Create the resources to adopt, with data in them; return the secret's ARN."""
    dynamodb, s3 = emulator.client("dynamodb"), emulator.client("s3")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "cache_key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "cache_key", "AttributeType": "S"}],
    )
    dynamodb.put_item(TableName=TABLE, Item=ITEM)
    for bucket in (PAGES, DATA):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="kept.txt", Body=b"kept")
    s3.put_bucket_versioning(Bucket=DATA, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(
        Bucket=DATA,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_public_access_block(
        Bucket=DATA,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": False,
            "RestrictPublicBuckets": False,
        },
    )
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    policy = {
        "Version": "2012-10-17",
        "Statement": [{**allow, "Resource": f"arn:aws:s3:::{DATA}/*"}],
    }
    s3.put_bucket_policy(Bucket=DATA, Policy=json.dumps(policy))
    s3.put_bucket_cors(
        Bucket=DATA,
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    )
    for name, value in ((MODEL, "gemini-of-old"), (TABLE_NAME, TABLE)):
        emulator.client("ssm").put_parameter(Name=name, Value=value, Type="String")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    emulator.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=_policy(trust))
    emulator.client("logs").create_log_group(logGroupName=LOG)
    made = emulator.client("secretsmanager").create_secret(Name=SECRET, SecretString="the key")
    return str(made["ARN"])


def _policy(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _first_plan_applied(terraform: Terraform) -> list[dict[str, Any]]:
    terraform.run("init", "-input=false", "-no-color")
    terraform.run("plan", "-input=false", "-no-color", "-out=first.plan")
    changes: list[dict[str, Any]] = json.loads(terraform.run("show", "-json", "first.plan"))[
        "resource_changes"
    ]
    terraform.run("apply", "-input=false", "-no-color", "first.plan")
    return changes


def test_only_the_existing_resources_are_imported(adoption: Adoption) -> None:
    imported = {
        change["address"]
        for changes in adoption.plans.values()
        for change in changes
        if "importing" in change["change"]
    }
    assert imported == adoption.wanted


def test_the_first_plan_destroys_and_replaces_nothing(adoption: Adoption) -> None:
    actions = {
        change["address"]: change["change"]["actions"]
        for changes in adoption.plans.values()
        for change in changes
    }
    assert not {address for address, done in actions.items() if "delete" in done}
    assert {address for address in adoption.wanted if "create" in actions[address]} == set()


def test_a_second_plan_is_empty(adoption: Adoption) -> None:
    pending = [terraform.pending_changes() for terraform in adoption.layers.values()]
    assert not any(pending), "\n".join(said for one in pending for said in one.values())


def test_the_data_is_still_there(adoption: Adoption) -> None:
    client = adoption.emulator.client
    assert (
        client("dynamodb").get_item(TableName=TABLE, Key={"cache_key": {"S": "k"}})["Item"] == ITEM
    )
    for bucket in (PAGES, DATA):
        assert client("s3").get_object(Bucket=bucket, Key="kept.txt")["Body"].read() == b"kept"
    kept = client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
    assert kept == "the key"


def test_adopted_resources_conform_to_the_settings(adoption: Adoption) -> None:
    client = adoption.emulator.client
    found = client("dynamodb").query(
        TableName=TABLE,
        IndexName="cached-at-index",
        KeyConditionExpression="cached_date = :day",
        ExpressionAttributeValues={":day": ITEM["cached_date"]},
    )
    assert found["Items"] == [ITEM]
    assert client("ssm").get_parameter(Name=MODEL)["Parameter"]["Value"] == "gemini-3.8-flash"
    policy = json.loads(client("s3").get_bucket_policy(Bucket=DATA)["Policy"])
    assert {"DenyPlainHttp", "DenyOldTls"} <= {one.get("Sid") for one in policy["Statement"]}


def test_the_section_can_be_removed_afterwards(adoption: Adoption) -> None:
    file = adoption.home / "environments" / "adopted.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("[adopt]")], encoding="utf-8")
    stacks = synthesize(
        "adopted",
        settings=file.parent,
        # The path of the state is relative, and this folder has the depth of the first.
        output=adoption.home / "without",
        port=adoption.emulator.ports.emulator,
    )
    (storage,) = (stack for stack in stacks if stack.name == "adopted-storage")
    with adoption.installation.applying({"storage": storage}, adoption.emulator) as layers:
        layers["storage"].run("init", "-input=false", "-no-color")
        pending = layers["storage"].pending_changes()

    # Only the permission to overwrite the parameter goes.
    assert pending.keys() == {"aws_ssm_parameter.cache_table_name"}
    assert "overwrite" in pending["aws_ssm_parameter.cache_table_name"]
    assert "0 to add, 1 to change, 0 to destroy" in pending["aws_ssm_parameter.cache_table_name"]
