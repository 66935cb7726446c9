"""A customer-managed KMS key with rotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey

from modules.policy import Statement, policy, service
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
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)


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
