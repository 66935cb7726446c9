"""A customer-managed KMS key with rotation, and the statements that let others use one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey

from modules.catalogue import dns_suffix
from modules.iam import Condition, Statement, policy, service
from modules.stack import LayerStack

_DELETION_DAYS = 30

# In a key's own policy: the key itself.
_THIS_KEY = ("*",)

# Administration of the key by the account, without the right to decrypt.
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_ENCRYPTION = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
# Services that use a key with the rights of their caller.
_ON_BEHALF = ("dynamodb", "lambda", "s3", "secretsmanager")


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyConfig:
    """A key and its alias; ``retain`` protects it, ``statements`` say who may use it."""

    alias: str
    description: str
    statements: Sequence[Statement]
    retain: bool = False


def add_encryption_key(stack: LayerStack, id_: str, config: EncryptionKeyConfig) -> KmsKey:
    """Add a key and its alias; the account administers it, which gives no right to decrypt."""
    key = KmsKey(
        stack,
        id_,
        description=config.description,
        enable_key_rotation=True,
        deletion_window_in_days=_DELETION_DAYS,
        policy=policy(
            Statement(
                sid="AdministerThisKey",
                principals=_account(stack),
                actions=_ADMINISTRATION,
                resources=_THIS_KEY,
            ),
            *config.statements,
        ),
        lifecycle=TerraformResourceLifecycle(prevent_destroy=True) if config.retain else None,
    )
    KmsAlias(stack, f"{id_}_alias", name=config.alias, target_key_id=key.key_id)
    return key


def data_statements(stack: LayerStack) -> list[Statement]:
    """Return what a key of the environment's data must allow.

    All of it, whatever the settings encrypt with the key today: what it encrypted before must stay
    readable when a setting changes.
    """
    log_group = stack.arn("logs", f"log-group:{stack.naming.log_group}")
    distributions = f"arn:{stack.partition}:cloudfront::{stack.account_id}:distribution/*"
    return [
        Statement(
            # The account and not its principals: each also needs the right in a policy of its own.
            sid="UseThroughServices",
            principals=_account(stack),
            # Grants are how DynamoDB and Lambda use the key when nobody calls them.
            actions=(*_ENCRYPTION, "kms:CreateGrant"),
            resources=_THIS_KEY,
            conditions=_through(stack.region, *_ON_BEHALF),
        ),
        Statement(
            sid="EncryptLogs",
            principals=service(f"logs.{stack.region}.{dns_suffix(stack.region)}"),
            actions=_ENCRYPTION,
            resources=_THIS_KEY,
            conditions={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": log_group}},
        ),
        Statement(
            sid="ServeObjects",
            principals=service("cloudfront.amazonaws.com"),
            actions=("kms:Decrypt",),
            resources=_THIS_KEY,
            conditions={"ArnLike": {"aws:SourceArn": distributions}},
        ),
    ]


def object_statements(stack: LayerStack) -> list[Statement]:
    """Return what a key of a bucket must allow whose objects the account's principals use."""
    return [
        Statement(
            sid="UseThroughS3",
            principals=_account(stack),
            actions=_ENCRYPTION,
            resources=_THIS_KEY,
            conditions=_through(stack.region, "s3"),
        )
    ]


def use_keys(
    sid: str, key_arns: Sequence[str], *actions: str, through: str, region: str
) -> Statement:
    """Return the right of a role to use keys, through one service in one Region only."""
    return Statement(
        sid=sid, actions=actions, resources=tuple(key_arns), conditions=_through(region, through)
    )


def publisher_statement(sid: str, publisher: str) -> Statement:
    """Return what the key of a topic must allow for each service that publishes to it."""
    return Statement(
        sid=sid,
        principals=service(publisher),
        # No condition on the account: the topic policy decides who publishes, and a key that denies
        # access silences every alarm.
        actions=("kms:Decrypt", "kms:GenerateDataKey"),
        resources=_THIS_KEY,
    )


def _account(stack: LayerStack) -> dict[str, str]:
    return {"AWS": f"arn:{stack.partition}:iam::{stack.account_id}:root"}


def _through(region: str, *services: str) -> Condition:
    hosts = [f"{one}.{region}.{dns_suffix(region)}" for one in services]
    return {"StringEquals": {"kms:ViaService": hosts}}
