"""The guide from an empty account, with no more rights than it lists, and all the way back."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from modules.catalogue import Layer
from ops.common.paths import LocalPaths
from testing.emulator import Credentials, Emulator, running_emulator
from tests.integration.bootstrapping import ACCOUNT, Answer, Site, copy_checkout
from tests.integration.terraform import CHECKOUT, Installation

pytestmark = pytest.mark.integration

GUIDE = (CHECKOUT / "docs" / "getting-started-aws.md").read_text(encoding="utf-8")
EXAMPLE_ACCOUNT = "123456789012"
# What the guide leaves to the rest of the environment's file.
REST = 'retain = false\n[table]\nbilling = "on-demand"\n'
STEP = re.compile(r"^ *\d+\.\d s  ")
UNDO = re.compile(
    r"To \[undo\]\(#undo-everything\) it takes (.*?) on the same resources", re.DOTALL
)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("bootstrap") / "checkout")


# The bucket's policy denies what does not come by TLS, which the emulator does not speak.
AS_IF_BY_TLS = """
import sys
sys.path.append(sys.argv.pop())
from ministack.core.iam_evaluator import EvalContext
from ops.local.services import patched_ministack
EvalContext.secure_transport = property(lambda _: True, lambda *_: None)
patched_ministack.main()
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(
        tmp_path_factory.mktemp("emulator"),
        enforce_iam=True,
        command=[sys.executable, "-P", "-c", AS_IF_BY_TLS, str(CHECKOUT)],
    ) as running:
        yield running


def _rights() -> dict[str, Any]:
    """Return the policy that the guide lists."""
    (text,) = _blocks("json")
    policy: dict[str, Any] = json.loads(text.replace(EXAMPLE_ACCOUNT, ACCOUNT))
    return policy


def _undo_rights() -> dict[str, Any]:
    """Return the policy of the rights that undoing takes besides."""
    (listed,) = UNDO.findall(GUIDE)
    statements = [
        {
            "Effect": "Allow",
            "Action": action,
            "Resource": [
                resource
                for statement in _rights()["Statement"]
                if statement["Action"][0].startswith(action.partition(":")[0])
                for resource in statement["Resource"]
                if resource != "*"
            ],
        }
        for action in re.findall(r"`(\w+:\w+)`", listed)
    ]
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture(scope="module")
def administrator(emulator: Emulator) -> Credentials:
    """Return a user with the rights that the guide lists, and no others."""
    policy = _rights()
    for statement in tuple(policy["Statement"]):
        # The emulator judges by ARNs of roles without their path, and creations by none.
        if {"iam:CreatePolicy", "kms:CreateAlias"} & set(statement["Action"]):
            statement["Resource"] = [
                *(one.replace("/co2-analysis/bootstrap", "") for one in statement["Resource"]),
                *statement["Resource"],
            ]
            policy["Statement"].append(
                {
                    "Effect": "Allow",
                    "Action": [
                        one
                        for one in statement["Action"]
                        if one in {"iam:CreatePolicy", "kms:CreateAlias"}
                    ],
                    "Resource": "*",
                }
            )
    iam = emulator.client("iam")
    iam.create_user(UserName="administrator")
    iam.put_user_policy(
        UserName="administrator", PolicyName="bootstrap", PolicyDocument=json.dumps(policy)
    )
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    return Credentials(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])


@pytest.fixture(scope="module")
def dev(checkout: Path, emulator: Emulator, administrator: Credentials) -> Site:
    """Return the environment of the guide."""
    site = Site(checkout, emulator, "dev", administrator)
    (chosen,) = _blocks("toml")
    text = chosen.replace(f'account_id = "{EXAMPLE_ACCOUNT}"', f'account_id = "{ACCOUNT}"')
    text = text.replace(f"iam::{EXAMPLE_ACCOUNT}", f"iam::{ACCOUNT}")
    # Keys of the root come before the first table.
    first, table, others = text.partition("[")
    root, tables = REST.split("[", 1)
    site.configure(f"{first}{root}{table}{others}\n[{tables}")
    site.bucket = f"{site.bucket}-{tomllib.loads(text)['buckets']['suffix']}"
    return site


def _shown(printed: str) -> list[str]:
    """Return the lines of a command, without the seconds."""
    return [STEP.sub("N s  ", line).strip() for line in printed.splitlines() if line.strip()]


def _examples() -> list[tuple[str, str]]:
    """Return the commands of the guide that are shown with what they print."""
    return [
        (block.splitlines()[0].removeprefix("$ "), "\n".join(block.splitlines()[1:]))
        for block in _blocks("console")
        if block.startswith("$ ")
    ]


def test_each_step_prints_what_the_guide_shows(dev: Site) -> None:
    examples = _examples()
    assert len(examples) == 3
    for command, expected in examples:
        words = shlex.split(command)
        assert words[:6] == ["python", "-m", "ops", "bootstrap", "--env", "dev"]
        options = words[6:]
        # Without a terminal nobody could answer the prompt.
        answer = dev.run(*options, *([] if {"--yes", "--dry-run"} & set(options) else ["--yes"]))
        assert answer.code == 0, answer.err
        shown = [line for line in _shown(expected) if line != "..."]
        steps = [line for line in shown if line.startswith("N s")]
        assert [line for line in _shown(answer.err) if line.startswith("N s")] == steps
        others = iter(_shown(answer.out))
        # In their order, among others.
        missing = [line for line in shown if line not in steps and line not in others]
        assert not missing, answer.out[-1000:]
    dev.check()


def test_the_layers_bucket_has_what_doctor_asks_for(dev: Site) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops", "doctor", "--env", "dev", "--json"],
        cwd=dev.checkout,
        env={**dev.environment, **_root(dev)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [one for one in json.loads(done.stdout)["findings"] if one["what"] == "bootstrap"]

    assert len(found) == 4, found
    assert {one["status"] for one in found} == {"ok"}, found


def _root(site: Site) -> dict[str, str]:
    return site.emulator.key.variables


def test_a_second_run_is_refused(dev: Site) -> None:
    first = dev.start("--dry-run")
    dev.wait_until((dev.folder / "stacks").exists, first)
    second = dev.run("--dry-run")
    dev.kill(first)

    assert second.code == 4
    assert f"another command bootstraps dev (process {first.pid})" in second.err


def test_what_stands_in_the_way_is_said_at_once(checkout: Path, emulator: Emulator) -> None:
    site = Site(checkout, emulator, "crowded")
    host = "token.actions.githubusercontent.com"
    emulator.client("iam").create_open_id_connect_provider(
        Url=f"https://{host}", ClientIDList=["sts.amazonaws.com"]
    )
    text = (checkout / "environments" / "crowded.toml").read_text("utf-8")
    tables = """
[bootstrap.github]
owner = "my-company"
owner_id = 123456
repository = "co2-analysis"
repository_id = 456789
create_provider = true
[bootstrap.gitlab]
project = "my-company/co2-analysis"
project_id = 456789
"""
    site.configure(f"{text}{tables}")

    answer = site.run("--yes")

    assert answer.code == 5
    assert f"the OIDC provider of {host} exists already" in answer.err
    assert "the OIDC provider of gitlab.com does not exist" in answer.err
    assert "set bootstrap.github.create_provider = false" in answer.err
    assert "set bootstrap.gitlab.create_provider = true" in answer.err
    assert not [
        one for one in emulator.client("s3").list_buckets()["Buckets"] if "crowded" in one["Name"]
    ]


def test_an_environment_without_the_layer_is_refused(checkout: Path, emulator: Emulator) -> None:
    site = Site(checkout, emulator, "plain")
    site.configure(f'region = "us-east-1"\n{REST}[state.s3]\n')

    answer = site.run()

    assert answer.code == 2
    assert "remedy: add a table [bootstrap] to environments/plain.toml" in answer.err


def test_a_setting_that_would_delete_the_key_is_refused(dev: Site) -> None:
    keys = dev.keys()
    file = dev.checkout / "environments" / "dev.toml"
    before = file.read_text("utf-8")
    file.write_text(re.sub(r"(?m)^kms_key.*$", "", before), encoding="utf-8")
    try:
        answer = dev.run("--yes")
    finally:
        file.write_text(before, encoding="utf-8")

    assert answer.code == 5
    assert "aws_kms_key.state_key would be deleted" in answer.err
    assert "terraform state rm" in answer.err
    assert dev.keys() == keys
    assert [path.name for path in dev.folder.iterdir()] == ["lock"]


def test_everything_is_undone_as_the_guide_says(dev: Site, installation: Installation) -> None:
    lines = [line.strip() for block in _blocks("console") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("terraform ")]
    assert [words[0] for words in commands] == ["init", "state", "destroy"]
    dev.emulator.client("iam").put_user_policy(
        UserName="administrator", PolicyName="undo", PolicyDocument=json.dumps(_undo_rights())
    )
    subprocess.run(
        [sys.executable, "main.py", "--env", "dev"],
        cwd=dev.checkout,
        env=dev.environment,
        capture_output=True,
        check=True,
    )
    stack = dev.checkout / "cdktf.out" / "stacks" / dev.naming.stack(Layer.BOOTSTRAP)
    config = LocalPaths(dev.checkout).terraform_config
    for words in commands:
        confirmed = [*words, "-auto-approve"] if words[0] == "destroy" else words
        done = subprocess.run(
            [installation.program, *confirmed],
            cwd=stack,
            env={**dev.environment, "TF_CLI_CONFIG_FILE": str(config)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    iam = dev.emulator.client("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    assert not [name for name in roles if "co2-analysis-dev" in name]
    s3: Any = _client(dev, "s3")
    versions = s3.list_object_versions(Bucket=dev.bucket)
    for one in (*versions.get("Versions", []), *versions.get("DeleteMarkers", [])):
        s3.delete_object(Bucket=dev.bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=dev.bucket)
    kms: Any = _client(dev, "kms")
    alias = dev.naming.state_key_alias
    assert f"ALIAS={alias}\n" in GUIDE
    key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key)
    # The emulator judges this request without its resource, and denies it to the administrator.
    dev.emulator.client("kms").delete_alias(AliasName=alias)


def _client(site: Site, service: str) -> Any:
    """Return a client of the administrator."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url=site.emulator.ports.endpoint,
        aws_access_key_id=site.caller.access_key,
        aws_secret_access_key=site.caller.secret_key,
    )


@pytest.mark.slow
def test_a_bucket_that_was_made_by_hand_is_imported_with_its_states(
    checkout: Path, emulator: Emulator
) -> None:
    site = Site(checkout, emulator, "byhand")
    s3, kms = emulator.client("s3"), emulator.client("kms")
    s3.create_bucket(Bucket=site.bucket)
    s3.put_bucket_versioning(Bucket=site.bucket, VersioningConfiguration={"Status": "Enabled"})
    state = site.naming.state_key(Layer.BASE)
    s3.put_object(Bucket=site.bucket, Key=state, Body=b"the state of a layer")
    # And a run was killed between the key and its alias.
    tags = site.naming.tags(Layer.BOOTSTRAP)
    key = kms.create_key(Tags=[{"TagKey": name, "TagValue": tags[name]} for name in tags])
    elsewhere = key["KeyMetadata"]["KeyId"]

    answer: Answer = site.run("--yes")

    assert answer.code == 0, answer.err
    assert f"aws_s3_bucket.state: (imported from {site.bucket!r})".split(":")[0] in answer.out
    assert "2 to import" in answer.err
    assert site.keys() == [elsewhere]
    assert site.objects.pop(state) == b"the state of a layer"
    assert {site.key, state} == set(site.objects)
