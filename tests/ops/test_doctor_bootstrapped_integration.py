"""What `doctor` says of the state bucket, the state and the deploy roles, on the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.catalogue import Layer
from modules.naming import BOOTSTRAP_PATH, Naming
from ops.bootstrap.work import Work
from ops.common.aws import Aws
from ops.common.output import Output
from ops.common.session import Session
from ops.common.target import find
from ops.doctor import bootstrapped
from ops.doctor.finding import Finding, run
from testing.emulator import Emulator

pytestmark = pytest.mark.integration

ACCOUNT = "000000000000"
NAMING = Naming(environment="judged")
BUCKET = NAMING.state_bucket
ISSUER = "gitlab.example.org"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy{BOOTSTRAP_PATH}{NAMING.boundary}"
REMEDY = "python -m ops bootstrap --env judged"
TOML = f"""\
region = "us-east-1"
account_id = "{ACCOUNT}"
retain = false
[local_aws]
[state.s3]
[bootstrap]
principals = ["arn:aws:iam::{ACCOUNT}:user/ann"]
[table]
billing = "on-demand"
"""
STATE = {"version": 4, "lineage": "a", "serial": 1, "resources": [], "outputs": {}}
NOT_BY_HTTP = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.fixture
def session(emulator: Emulator, tmp_path: Path) -> Session:
    (tmp_path / "judged.toml").write_text(TOML, encoding="utf-8")
    variables = {
        "CO2_SETTINGS": str(tmp_path),
        "CO2_LOCAL_PORT": str(emulator.ports.emulator),
        "CO2_LOCAL_CREDENTIALS": str(emulator.credentials_file),
    }
    target = find("judged", variables=variables)
    return Session(target=target, aws=Aws(target), out=Output(as_json=True))


@pytest.fixture
def bucket(emulator: Emulator) -> Iterator[Any]:
    """Create the state bucket as the layer configures it, with a state."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=_blocks(on=True))
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Statement": [NOT_BY_HTTP]}))
    expiry: Any = {
        "ID": "states",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 365},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [expiry]})
    key = NAMING.state_key(Layer.BOOTSTRAP)
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(STATE).encode())
    yield s3
    versions: Any = s3.list_object_versions(Bucket=BUCKET)
    for one in (*versions.get("Versions", []), *versions.get("DeleteMarkers", [])):
        s3.delete_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=BUCKET)


def _blocks(*, on: bool) -> Any:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return {**dict.fromkeys(names, True), "BlockPublicPolicy": on}


@pytest.fixture
def roles(emulator: Emulator) -> Iterator[Any]:
    """Create the deploy roles, their provider and the boundary; yield IAM."""
    iam = emulator.client("iam")
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    trust = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRole"}
    iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["a"])
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    iam.create_policy(
        PolicyName=NAMING.boundary,
        Path=BOOTSTRAP_PATH,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    names = (NAMING.plan_role, NAMING.apply_role)
    for name in names:
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, Path=BOOTSTRAP_PATH, AssumeRolePolicyDocument=document)
    yield iam
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"].startswith("co2-analysis-judged-"):
            iam.delete_role(RoleName=role["RoleName"])
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        if policy["Arn"] == BOUNDARY:
            iam.delete_policy(PolicyArn=BOUNDARY)
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])


def _wrong(session: Session) -> list[str]:
    """Return what is wrong; bootstrap is the remedy of all."""
    wrong = [one for one in run(bootstrapped.check, session) if one.status == "WRONG"]
    assert {one.remedy for one in wrong} <= {REMEDY}
    return [one.found for one in wrong]


def _found(session: Session) -> list[Finding]:
    return list(run(bootstrapped.check, session))


def test_what_bootstrap_made_is_right(session: Session, bucket: Any, roles: Any) -> None:
    found = _found(session)

    assert {one.status for one in found} == {"ok"}
    assert f"{BUCKET} is protected" in [one.found for one in found]


UNDO: dict[str, Callable[[Any], object]] = {
    "versioning": lambda s3: s3.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    ),
    "public access block": lambda s3: s3.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration=_blocks(on=False)
    ),
    "policy that requires TLS": lambda s3: s3.delete_bucket_policy(Bucket=BUCKET),
    "expiry of old versions": lambda s3: s3.delete_bucket_lifecycle(Bucket=BUCKET),
    "enforced owner": lambda s3: s3.delete_bucket_ownership_controls(Bucket=BUCKET),
    "encryption with AES256": lambda s3: s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        },
    ),
}


@pytest.mark.parametrize("what", UNDO)
def test_what_the_bucket_has_lost_is_named(
    session: Session, bucket: Any, roles: Any, what: str
) -> None:
    UNDO[what](bucket)

    assert _wrong(session) == [f"{BUCKET} has no {what}"]


def test_a_missing_state_is_wrong(session: Session, bucket: Any, roles: Any) -> None:
    bucket.delete_object(Bucket=BUCKET, Key=NAMING.state_key(Layer.BOOTSTRAP))

    assert _wrong(session) == [f"s3://{BUCKET}/judged/bootstrap/terraform.tfstate does not exist"]


def test_a_lock_is_a_warning(session: Session, bucket: Any, roles: Any) -> None:
    lock = json.dumps({"ID": "1", "Who": "ann@laptop"}).encode()
    bucket.put_object(Bucket=BUCKET, Key=NAMING.state_lock(Layer.BOOTSTRAP), Body=lock)

    (warning,) = (one for one in _found(session) if one.status == "WARN")

    assert "locked by ann@laptop" in warning.found


def test_a_copy_that_was_left_is_wrong(
    session: Session, bucket: Any, roles: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    work = Work(session.target, checkout=tmp_path)
    monkeypatch.setattr(bootstrapped, "Work", lambda _: work)
    work.folder.mkdir(parents=True)
    work.state.write_text("{}", encoding="utf-8")

    assert _wrong(session) == [f"{work.state} is a copy of the state that was left"]


def test_without_roles_and_boundary_they_are_missing(session: Session, bucket: Any) -> None:
    assert _wrong(session) == [
        f"the role {NAMING.plan_role} does not exist",
        f"the role {NAMING.apply_role} does not exist",
        f"the boundary {BOUNDARY} does not exist",
    ]


def test_a_provider_that_is_trusted_must_exist(session: Session, bucket: Any, roles: Any) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    roles.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)

    assert _wrong(session) == [
        f"the role {role} trusts {arn}, which does not exist"
        for role in (NAMING.plan_role, NAMING.apply_role)
    ]


def test_the_roles_of_the_layers_have_the_boundary(
    session: Session, bucket: Any, roles: Any
) -> None:
    name = NAMING.execution_role
    roles.create_role(
        RoleName=name, AssumeRolePolicyDocument="{}", PermissionsBoundary=f"{BOUNDARY}-other"
    )

    (wrong,) = (one for one in _found(session) if one.status == "WRONG")

    assert wrong.found == (
        f"the role {name} has the permissions boundary {BOUNDARY}-other, not {BOUNDARY}"
    )
