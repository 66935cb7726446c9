"""The checks of what `bootstrap` made: the state bucket, the state in it, and the deploy roles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from modules.catalogue import partition
from ops.bootstrap.state_store import state_store
from ops.bootstrap.work import Work
from ops.common.aws_errors import error_code, if_exists
from ops.common.session import Session
from ops.doctor.finding import Finding
from ops.terraform.states import parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TRUSTED = re.compile(r"arn:[\w-]+:iam::\d{12}:oidc-provider/[^\"]+")
# What S3 answers if a bucket has no such configuration.
_UNSET = frozenset(
    {
        *("NoSuchBucketPolicy", "NoSuchLifecycleConfiguration", "OwnershipControlsNotFoundError"),
        *("NoSuchPublicAccessBlockConfiguration", "ServerSideEncryptionConfigurationNotFoundError"),
    }
)


def check(ops: Session) -> Iterator[Finding]:
    """Check what `bootstrap` made, if the settings have [bootstrap]."""
    if ops.target.settings.bootstrap is None:
        return
    if ops.target.settings.creates_state_bucket and state_store(ops).exists:
        yield from _bucket(ops)
    yield from _state(ops)
    yield from _roles(ops)


def remedy(ops: Session) -> str:
    """Return the command that makes or repairs it."""
    return f"python -m ops bootstrap --env {ops.target.name}"


def _bucket(ops: Session) -> Iterator[Finding]:
    """Compare the configuration of the state bucket with that of the layer."""
    name, settings = ops.target.naming.state_bucket, ops.target.settings
    region = (settings.state.s3 and settings.state.s3.region) or settings.region
    s3 = ops.aws.client("s3", region_name=region)
    algorithm = "aws:kms" if settings.state_in_kms_bucket else "AES256"
    missing = [
        what
        for what, holds in _PROPERTIES.items()
        if not _holds(lambda holds=holds: holds(s3, name))  # type: ignore[misc]
    ]
    if not _holds(lambda: _algorithm(s3, name) == algorithm):
        missing.append(f"encryption with {algorithm}")
    yield Finding(
        found=f"{name} has no {', no '.join(missing)}" if missing else f"{name} is protected",
        remedy=remedy(ops) if missing else None,
    )


def _state(ops: Session) -> Iterator[Finding]:
    """Check that the layer's own state is in place, and nowhere else."""
    store, left = state_store(ops), Work(ops.target).state
    mistakes = store.mistakes()
    for one in mistakes:
        yield Finding(found=one.what, remedy=one.remedy)
    if mistakes:
        return
    state = parse(store.read(), store.location)
    yield Finding(
        found=f"{store.location}: {state.text}" if state else f"{store.location} does not exist",
        remedy=None if state else remedy(ops),
    )
    if lock := store.lock():
        yield Finding(
            found=f"the state is locked by {lock.text}",
            remedy=f"if its process is gone: {store.unlocking(lock)}",
            warning=True,
        )
    if left.exists():
        yield Finding(found=f"{left} is a copy of the state that was left", remedy=remedy(ops))


def _roles(ops: Session) -> Iterator[Finding]:
    """Check the deploy roles, whom they trust, and the boundary of the roles of the layers."""
    settings, naming = ops.target.settings, ops.target.naming
    if not (settings.bootstrap and settings.bootstrap.roles):
        return
    iam = ops.aws.client("iam")
    for name in (naming.plan_role, naming.apply_role):
        found = if_exists(lambda name=name: iam.get_role(RoleName=name))  # type: ignore[misc]
        if found is None:
            yield Finding(found=f"the role {name} does not exist", remedy=remedy(ops))
            continue
        document = found["Role"].get("AssumeRolePolicyDocument")
        lost = [arn for arn in _providers(document) if not _provider_exists(ops, arn)]
        for arn in lost:
            yield Finding(
                found=f"the role {name} trusts {arn}, which does not exist", remedy=remedy(ops)
            )
        if not lost:
            yield Finding(found=f"{name}, which trusts what exists")
    boundary = settings.permissions_boundary or naming.bootstrap_arn(
        *("policy", naming.boundary),
        partition=partition(settings.region),
        account_id=ops.aws.account,
    )
    if if_exists(lambda: iam.get_policy(PolicyArn=boundary)) is None:
        yield Finding(found=f"the boundary {boundary} does not exist", remedy=remedy(ops))
    for name in (naming.execution_role, naming.replication_role, naming.backup_role):
        found = if_exists(lambda name=name: iam.get_role(RoleName=name))  # type: ignore[misc]
        has = found and found["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        if found and has != boundary:
            yield Finding(
                found=f"the role {name} has the permissions boundary {has}, not {boundary}",
                remedy="apply the layer of that role with the rights of an administrator",
            )


def _provider_exists(ops: Session, arn: str) -> bool:
    iam = ops.aws.client("iam")
    found = if_exists(lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn))
    return found is not None


def _providers(document: Any) -> list[str]:
    text = document if isinstance(document, str) else json.dumps(document)
    return sorted(set(_TRUSTED.findall(unquote(text))))


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except Exception as error:
        if error_code(error) in _UNSET:
            return False
        raise


def _algorithm(s3: S3Client, bucket: str) -> str:
    found = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    return found["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]


def _versioning(s3: S3Client, bucket: str) -> bool:
    return s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def _blocked(s3: S3Client, bucket: str) -> bool:
    found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    return len(found) == _BLOCKS and all(found.values())


def _tls(s3: S3Client, bucket: str) -> bool:
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    return any(
        one["Effect"] == "Deny"
        and one.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
        for one in policy["Statement"]
    )


def _lifecycle(s3: S3Client, bucket: str) -> bool:
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return any(one["Status"] == "Enabled" and "NoncurrentVersionExpiration" in one for one in rules)


def _owner(s3: S3Client, bucket: str) -> bool:
    found = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    return [one["ObjectOwnership"] for one in found] == ["BucketOwnerEnforced"]


_BLOCKS = 4
_PROPERTIES: Mapping[str, Callable[[S3Client, str], bool]] = {
    "versioning": _versioning,
    "public access block": _blocked,
    "policy that requires TLS": _tls,
    "expiry of old versions": _lifecycle,
    "enforced owner": _owner,
}
