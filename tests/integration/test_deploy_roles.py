"""Terraform with the deploy roles' temporary credentials, with IAM enforced by the emulator.

What of the emulator's check is replaced, and why, is in testing/iam/recording_emulator.py. The
tests share the applied layers and depend on their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from modules.deploy_rights import apply_rights, plan_rights
from modules.iam import Statement, policy
from modules.naming import BOOTSTRAP_PATH
from modules.settings.local_aws import LocalAws
from testing.emulator import Credentials, Emulator
from testing.iam.calls import ACCOUNT, BOUNDARY, ENVIRONMENT
from tests.iam.record import SCOPE, STATES, credentials_file, emulator, stacks
from tests.integration.terraform import Installation, Terraform

LAYERS = ("base", "storage", "compute")
ROLE = f"co2-analysis-{ENVIRONMENT}-lambda-execution-role"

pytestmark = [pytest.mark.slow, pytest.mark.integration]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Three layers that the apply role has applied, and the credentials of both roles."""

    emulator: Emulator
    layers: Mapping[str, Terraform]
    roles: Mapping[str, Credentials]
    credentials_file: Path

    def become(self, role: str) -> None:
        """Have Terraform use the credentials of a role from now on."""
        found = self.roles[role]
        self.credentials_file.write_text(
            f"[{LocalAws.profile}]\n"
            f"aws_access_key_id = {found.access_key}\n"
            f"aws_secret_access_key = {found.secret_key}\n"
            f"aws_session_token = {found.session_token}\n",
            encoding="utf-8",
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploy-roles")


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Emulator]:
    with emulator(home, enforce_iam=True) as (running, _):
        yield running


@pytest.fixture(scope="module")
def roles(running: Emulator) -> dict[str, Credentials]:
    return {
        "plan": _add_role(running, "plan", plan_rights(SCOPE)),
        "apply": _add_role(running, "apply", apply_rights(SCOPE)),
    }


@pytest.fixture(scope="module")
def deployment(
    installation: Installation, home: Path, running: Emulator, roles: dict[str, Credentials]
) -> Iterator[Deployment]:
    found = stacks("enforced", home, running)
    chosen = {layer: found[f"{ENVIRONMENT}-{layer}"] for layer in LAYERS}
    with installation.applying(chosen, running) as layers:
        deployment = Deployment(
            emulator=running,
            layers=layers,
            roles=roles,
            credentials_file=credentials_file("enforced", home),
        )
        deployment.become("apply")
        for terraform in layers.values():
            terraform.apply()
        yield deployment


def _add_role(
    running: Emulator, kind: str, rights: Mapping[str, tuple[Statement, ...]]
) -> Credentials:
    """Add a deploy role as the bootstrap layer does, and return credentials of it."""
    iam, name = running.client("iam"), f"co2-analysis-{ENVIRONMENT}-{kind}-role"
    trust = Statement(
        sid="Trust",
        actions=("sts:AssumeRole",),
        principals={"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    )
    role = iam.create_role(
        RoleName=name, Path=BOOTSTRAP_PATH, AssumeRolePolicyDocument=policy(trust)
    )["Role"]
    for group, statements in rights.items():
        made = iam.create_policy(
            PolicyName=f"co2-analysis-{ENVIRONMENT}-{kind}-{group}",
            Path=BOOTSTRAP_PATH,
            PolicyDocument=policy(*statements),
        )["Policy"]
        iam.attach_role_policy(RoleName=name, PolicyArn=made["Arn"])
    given = running.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")
    return Credentials(
        access_key=given["Credentials"]["AccessKeyId"],
        secret_key=given["Credentials"]["SecretAccessKey"],
        session_token=given["Credentials"]["SessionToken"],
    )


def test_a_plan_is_stored_once_by_one_role_and_deleted_for_good_by_the_other(
    running: Emulator, roles: dict[str, Credentials]
) -> None:
    plan, apply = (running.called_by(roles[role]).client("s3") for role in ("plan", "apply"))
    prefix = f"{SCOPE.naming.saved_plans}0a1b/"
    key = f"{prefix}20260101T000000Z-0a1b"

    plan.put_object(Bucket=STATES, Key=key, Body=b"reviewed", IfNoneMatch="*")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        plan.put_object(Bucket=STATES, Key=key, Body=b"other", IfNoneMatch="*")
    with pytest.raises(ClientError, match="AccessDenied"):
        plan.put_object(Bucket=STATES, Key=key, Body=b"other")
    with pytest.raises(ClientError, match="AccessDenied"):
        apply.put_object(Bucket=STATES, Key=key, Body=b"other", IfNoneMatch="*")
    for s3 in (plan, apply):
        (found,) = s3.list_objects_v2(Bucket=STATES, Prefix=prefix)["Contents"]
        assert found["Key"] == key
        read = s3.get_object(Bucket=STATES, Key=key)
        assert read["Body"].read() == b"reviewed"
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=STATES, Key=key)  # it would leave the version
    version = read["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        plan.delete_object(Bucket=STATES, Key=key, VersionId=version)
    apply.delete_object(Bucket=STATES, Key=key, VersionId=version)

    left = running.client("s3").list_object_versions(Bucket=STATES, Prefix=prefix)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_no_role_deletes_a_state_or_what_another_environment_stored(
    running: Emulator, roles: dict[str, Credentials]
) -> None:
    for key in (f"{ENVIRONMENT}/bootstrap/terraform.tfstate", "staging/plans/0a1b/one"):
        version = running.client("s3").put_object(Bucket=STATES, Key=key, Body=b"{}")["VersionId"]
        for credentials in roles.values():
            s3 = running.called_by(credentials).client("s3")
            with pytest.raises(ClientError, match="AccessDenied"):
                s3.delete_object(Bucket=STATES, Key=key, VersionId=version)
            with pytest.raises(ClientError, match="AccessDenied"):
                s3.delete_object(Bucket=STATES, Key=key)
        running.client("s3").delete_object(Bucket=STATES, Key=key, VersionId=version)


def test_the_apply_role_has_applied_with_the_boundary(deployment: Deployment) -> None:
    role = deployment.emulator.client("iam").get_role(RoleName=ROLE)["Role"]

    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY


def test_the_plan_role_sees_no_changes(deployment: Deployment) -> None:
    deployment.become("plan")

    for terraform in deployment.layers.values():
        assert terraform.pending_changes() == {}


def test_the_plan_role_cannot_apply(deployment: Deployment) -> None:
    deployment.become("plan")
    base = deployment.layers["base"]

    replaced = "-replace=aws_ssm_parameter.gemini_model"
    printed = base.run("apply", "-no-color", "-auto-approve", replaced, accept=(1,))

    assert "AccessDenied" in printed
    assert "ssm:DeleteParameter" in printed


def test_the_plan_role_cannot_write_a_state(deployment: Deployment) -> None:
    s3 = deployment.emulator.called_by(deployment.roles["plan"]).client("s3")

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=STATES, Key=f"{ENVIRONMENT}/base/terraform.tfstate", Body=b"{}")


def test_the_apply_role_cannot_raise_its_rights(deployment: Deployment) -> None:
    iam = deployment.emulator.called_by(deployment.roles["apply"]).client("iam")
    everything = json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    )
    own = f"co2-analysis-{ENVIRONMENT}-apply-role"

    with pytest.raises(ClientError, match="AccessDenied"):
        iam.put_role_policy(RoleName=own, PolicyName="more", PolicyDocument=everything)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.delete_role_permissions_boundary(RoleName=ROLE)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_role(RoleName="mine", AssumeRolePolicyDocument=everything)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_policy_version(PolicyArn=BOUNDARY, PolicyDocument=everything)


def test_the_apply_role_destroys_what_it_has_applied(deployment: Deployment) -> None:
    deployment.become("apply")

    for terraform in reversed([*deployment.layers.values()]):
        terraform.destroy()

    with pytest.raises(ClientError, match="NoSuchEntity"):
        deployment.emulator.client("iam").get_role(RoleName=ROLE)
