"""What `bootstrap` finds in an account before it changes anything, with the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from modules.catalogue import Layer
from modules.naming import Naming
from ops.bootstrap.existing import Account, Survey, issuer
from ops.bootstrap.state_store import BucketStore
from ops.common.aws import Aws
from ops.common.output import Output
from ops.common.session import Session
from ops.common.target import find
from testing.emulator import Emulator

pytestmark = pytest.mark.integration

ACCOUNT = "000000000000"
NAMING = Naming(environment="strap")
TAGS = NAMING.tags(Layer.BOOTSTRAP)
GITHUB = "token.actions.githubusercontent.com"
TOML = """\
region = "us-east-1"
retain = false
[local_aws]
[state.s3]
{state}
[bootstrap]
[table]
billing = "on-demand"
"""


@pytest.fixture
def open_session(emulator: Emulator, tmp_path: Path) -> Callable[[str], Session]:
    """Return a function that opens a session with lines below [state.s3]."""

    def opened(state: str) -> Session:
        (tmp_path / "strap.toml").write_text(TOML.format(state=state), encoding="utf-8")
        variables = {
            "CO2_SETTINGS": str(tmp_path),
            "CO2_LOCAL_PORT": str(emulator.ports.emulator),
            "CO2_LOCAL_CREDENTIALS": str(emulator.credentials_file),
        }
        target = find("strap", variables=variables)
        return Session(target=target, aws=Aws(target), out=Output(as_json=True))

    return opened


@pytest.fixture
def session(open_session: Callable[[str], Session]) -> Session:
    return open_session("")


def _document(**resources: Mapping[str, Any]) -> dict[str, Any]:
    return {"provider": {"aws": [{"default_tags": [{"tags": TAGS}]}]}, "resource": resources}


def _survey(session: Session, *known: str, **resources: Mapping[str, Any]) -> Survey:
    account = Account(session, _document(**resources), bucket_exists=False)
    return account.survey(frozenset(known))


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _trusting(host: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Federated": [arn]}}]}
    return {"plan": {"name": NAMING.plan_role, "assume_role_policy": json.dumps(policy)}}


@pytest.fixture
def github(emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[str]:
    """Create the OIDC provider of GitHub, with the parameter as its tags."""
    iam = emulator.client("iam")
    created = iam.create_open_id_connect_provider(
        Url=f"https://{GITHUB}", ClientIDList=["sts.amazonaws.com"], Tags=_tags(request.param)
    )
    arn = created["OpenIDConnectProviderArn"]
    yield arn
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


STATEMENT = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
CREATED = {"github": {"url": f"https://{GITHUB}"}}


@pytest.mark.parametrize("github", [TAGS], indirect=True)
def test_an_oidc_provider_of_this_environment_is_imported(session: Session, github: str) -> None:
    found = _survey(session, aws_iam_openid_connect_provider=CREATED)

    assert found == Survey(imports={"aws_iam_openid_connect_provider.github": github}, mistakes=())


@pytest.mark.parametrize(
    "github", [{}, {**TAGS, "Environment": "other"}, {**TAGS, "Project": "other"}], indirect=True
)
def test_an_oidc_provider_of_others_is_to_be_referenced(session: Session, github: str) -> None:
    found = _survey(session, aws_iam_openid_connect_provider=CREATED)

    (mistake,) = found.mistakes
    assert not found.imports
    assert GITHUB in mistake.what
    assert "bootstrap.github.create_provider = false" in mistake.remedy


@pytest.mark.parametrize("github", [{}], indirect=True)
def test_an_oidc_provider_of_others_that_is_referenced_is_right(
    session: Session, github: str
) -> None:
    assert _survey(session, aws_iam_role=_trusting(GITHUB)) == Survey(imports={}, mistakes=())


@pytest.mark.parametrize("github", [{}], indirect=True)
def test_what_the_state_knows_is_not_looked_for(session: Session, github: str) -> None:
    known = "aws_iam_openid_connect_provider.github"

    assert not _survey(session, known, aws_iam_openid_connect_provider=CREATED).mistakes


def test_a_missing_oidc_provider_is_to_be_created(session: Session) -> None:
    (mistake,) = _survey(session, aws_iam_role=_trusting(GITHUB)).mistakes

    assert f"{GITHUB} does not exist" in mistake.what
    assert "bootstrap.github.create_provider = true" in mistake.remedy


def test_a_provider_that_the_stack_creates_is_not_missing(session: Session) -> None:
    found = _survey(
        session, aws_iam_role=_trusting(GITHUB), aws_iam_openid_connect_provider=CREATED
    )

    assert found == Survey(imports={}, mistakes=())


def test_all_mistakes_are_found_at_once(session: Session, emulator: Emulator) -> None:
    iam = emulator.client("iam")
    iam.create_role(RoleName=NAMING.plan_role, AssumeRolePolicyDocument="{}")
    try:
        found = _survey(session, aws_iam_role=_trusting("gitlab.example.org"))
    finally:
        iam.delete_role(RoleName=NAMING.plan_role)

    assert [one.what for one in found.mistakes] == [
        "the OIDC provider of gitlab.example.org does not exist in this account",
        f"{NAMING.plan_role} (aws_iam_role.plan) exists, and is not tagged as this environment's",
    ]


def test_roles_and_policies_of_this_environment_are_imported(
    session: Session, emulator: Emulator
) -> None:
    iam, path = emulator.client("iam"), "/co2-analysis/bootstrap/"
    iam.create_role(
        RoleName="strap-role", Path=path, AssumeRolePolicyDocument="{}", Tags=_tags(TAGS)
    )
    created = iam.create_policy(
        PolicyName="strap-boundary",
        Path=path,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]}),
        Tags=_tags(TAGS),
    )
    try:
        found = _survey(
            session,
            aws_iam_role={"plan": {"name": "strap-role", "assume_role_policy": "{}"}},
            aws_iam_policy={"boundary": {"name": "strap-boundary", "path": path}},
        )
    finally:
        iam.delete_policy(PolicyArn=created["Policy"]["Arn"])
        iam.delete_role(RoleName="strap-role")

    assert found.imports == {
        "aws_iam_policy.boundary": created["Policy"]["Arn"],
        "aws_iam_role.plan": "strap-role",
    }


KEY: dict[str, dict[str, Any]] = {
    "aws_kms_key": {"state_key": {}},
    "aws_kms_alias": {
        "state_key_alias": {
            "name": NAMING.state_key_alias,
            "target_key_id": "${aws_kms_key.state_key.key_id}",
        }
    },
}


@pytest.fixture
def key(emulator: Emulator) -> Iterator[str]:
    """Create a key with the tags of the environment's."""
    kms = emulator.client("kms")
    tags: Any = [{"TagKey": name, "TagValue": value} for name, value in TAGS.items()]
    id_ = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    yield id_
    kms.schedule_key_deletion(KeyId=id_, PendingWindowInDays=7)


def test_a_key_without_its_alias_is_found_by_its_tags(session: Session, key: str) -> None:
    assert _survey(session, **KEY).imports == {"aws_kms_key.state_key": key}


def test_a_key_is_found_by_its_alias(session: Session, emulator: Emulator, key: str) -> None:
    kms = emulator.client("kms")
    kms.create_alias(AliasName=NAMING.state_key_alias, TargetKeyId=key)
    try:
        found = _survey(session, **KEY)
    finally:
        kms.delete_alias(AliasName=NAMING.state_key_alias)

    assert found.imports == {
        "aws_kms_alias.state_key_alias": NAMING.state_key_alias,
        "aws_kms_key.state_key": key,
    }


def test_a_key_that_is_being_deleted_is_none(
    session: Session, emulator: Emulator, key: str
) -> None:
    emulator.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    assert not _survey(session, **KEY).imports


@pytest.mark.parametrize(
    ("state", "remedies"),
    [
        ("PendingDeletion", ("cancel-key-deletion --key-id", "delete-alias --alias-name")),
        ("Disabled", ("enable-key --key-id",)),
    ],
)
def test_a_key_that_cannot_be_used_is_not_made_a_second_time(
    session: Session, emulator: Emulator, key: str, state: str, remedies: tuple[str, ...]
) -> None:
    kms = emulator.client("kms")
    kms.create_alias(AliasName=NAMING.state_key_alias, TargetKeyId=key)
    if state == "Disabled":
        kms.disable_key(KeyId=key)
    else:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    known = ("aws_kms_key.state_key", "aws_kms_alias.state_key_alias")
    try:
        # Terraform takes a key that is being deleted for none, also if its state has it.
        for addresses in ((), known):
            (mistake,) = _survey(session, *addresses, **KEY).mistakes
            assert key in mistake.what
            assert NAMING.state_key_alias in mistake.what
            assert all(one in mistake.remedy for one in remedies)
    finally:
        kms.delete_alias(AliasName=NAMING.state_key_alias)


def test_a_disabled_key_without_its_alias_is_not_made_a_second_time(
    session: Session, emulator: Emulator, key: str
) -> None:
    emulator.client("kms").disable_key(KeyId=key)

    (mistake,) = _survey(session, **KEY).mistakes

    assert f"aws kms enable-key --key-id {key}" in mistake.remedy


@pytest.fixture
def tagged_bucket(emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[None]:
    """Create the state bucket, with the parameter as its tags."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=NAMING.state_bucket)
    if request.param:
        s3.put_bucket_tagging(Bucket=NAMING.state_bucket, Tagging={"TagSet": _tags(request.param)})
    yield
    s3.delete_bucket(Bucket=NAMING.state_bucket)


STATE = {"state": {"bucket": NAMING.state_bucket}}


@pytest.mark.parametrize(
    "tagged_bucket",
    [{}, TAGS, {"Owner": "ann"}, {"Project": TAGS["Project"]}],
    indirect=True,
)
@pytest.mark.usefixtures("tagged_bucket")
def test_the_bucket_of_an_administrator_is_imported(session: Session) -> None:
    found = Account(session, _document(aws_s3_bucket=STATE), bucket_exists=True)

    assert found.survey(frozenset()) == Survey(
        imports={"aws_s3_bucket.state": NAMING.state_bucket}, mistakes=()
    )
    assert not _survey(session, aws_s3_bucket=STATE).imports


@pytest.mark.parametrize(
    "tagged_bucket",
    [{"Project": "other"}, {**TAGS, "Environment": "other"}, {"Environment": "other"}],
    indirect=True,
)
@pytest.mark.usefixtures("tagged_bucket")
def test_the_bucket_of_another_project_is_not_touched(session: Session) -> None:
    found = Account(session, _document(aws_s3_bucket=STATE), bucket_exists=True)

    (mistake,) = found.survey(frozenset()).mistakes
    assert "other" in mistake.what
    assert "buckets.suffix" in mistake.remedy


@pytest.mark.parametrize(
    ("code", "state", "what", "remedy"),
    [
        ("403", "", "belongs to another account", "buckets.suffix"),
        ("403", 'bucket = "theirs"', "belongs to another account", "check state.s3.bucket"),
        ("301", "", "is in another Region", "state.s3.region"),
        ("404", 'bucket = "none"', "does not exist", "remove state.s3.bucket"),
    ],
)
def test_a_bucket_that_cannot_have_the_state(
    open_session: Callable[[str], Session], code: str, state: str, what: str, remedy: str
) -> None:
    store = BucketStore(open_session(state))
    stubber = Stubber(store.s3)
    stubber.add_client_error("head_bucket", code, http_status_code=int(code))
    with stubber:
        (mistake,) = store.mistakes()

    assert what in mistake.what
    assert remedy in mistake.remedy


def test_a_bucket_that_does_not_exist_will_be_created(session: Session) -> None:
    store = BucketStore(session)

    assert (store.mistakes(), store.exists, store.read(), store.lock()) == ([], False, None, None)


def test_a_lock_is_released_only_if_it_is_still_the_same(
    session: Session, emulator: Emulator
) -> None:
    s3, bucket = emulator.client("s3"), NAMING.state_bucket
    s3.create_bucket(Bucket=bucket)
    key = NAMING.state_lock(Layer.BOOTSTRAP)
    store = BucketStore(session)
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b'{"ID": "1"}')
        first = store.lock()
        assert first
        s3.put_object(Bucket=bucket, Key=key, Body=b'{"ID": "2"}')
        store.release(first)
        second = store.lock()
        assert second
        assert second.id == "2"
        assert store.unlocking(second) == f"aws s3 rm s3://{bucket}/{key}"
        store.release(second)
        assert store.lock() is None
    finally:
        s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("host", "table"), [(GITHUB, "github"), ("gitlab.com", "gitlab"), ("git.example.org", "gitlab")]
)
def test_the_setting_of_a_host(session: Session, host: str, table: str) -> None:
    assert issuer(host, session.target.settings) == table
