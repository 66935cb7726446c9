"""Scheduled backups by AWS Backup: a vault, a plan and a role."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.backup_plan import (
    BackupPlan,
    BackupPlanRule,
    BackupPlanRuleCopyAction,
    BackupPlanRuleCopyActionLifecycle,
    BackupPlanRuleLifecycle,
)
from cdktf_cdktf_provider_aws.backup_selection import BackupSelection
from cdktf_cdktf_provider_aws.backup_vault import BackupVault
from cdktf_cdktf_provider_aws.backup_vault_lock_configuration import BackupVaultLockConfiguration

from modules.catalogue import dns_suffix
from modules.iam import Statement
from modules.resources.service_role import ServiceRoleConfig, add_service_role
from modules.settings import BackupSettings
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class BackupConfig:
    """A table and versioned buckets to back up; ``retain`` protects the vault from deletion."""

    table_arn: str
    bucket_arns: Sequence[str]
    retain: bool
    settings: BackupSettings
    permissions_boundary: str | None


def add_backup(stack: LayerStack, id_: str, config: BackupConfig) -> None:
    """Back up on a schedule into a vault; without ``retain`` a destroy deletes the backups."""
    name, settings = stack.naming.backup, config.settings
    vault = BackupVault(
        stack,
        f"{id_}_vault",
        name=name,
        kms_key_arn=settings.kms_key_arn,
        force_destroy=not config.retain,
        lifecycle=TerraformResourceLifecycle(prevent_destroy=True) if config.retain else None,
    )
    vault_name = vault.name
    if lock := settings.lock:
        BackupVaultLockConfiguration(
            stack,
            f"{id_}_lock",
            backup_vault_name=vault_name,
            min_retention_days=lock.minimum_days,
            changeable_for_days=lock.compliance_after_days,
        )
    role = add_service_role(
        stack,
        id_,
        ServiceRoleConfig(
            name=stack.naming.backup_role,
            description="AWS Backup reads the table and the buckets",
            service="backup",
            trust_sid="AllowBackup",
            trust_conditions={"StringEquals": {"aws:SourceAccount": stack.account_id}},
            policy_name=stack.naming.backup_policy,
            statements=[*_rights(stack, config)],
            permissions_boundary=config.permissions_boundary,
        ),
    )
    plan = BackupPlan(stack, f"{id_}_plan", name=name, rule=[_rule(vault_name, settings)])
    BackupSelection(
        stack,
        f"{id_}_selection",
        name=name,
        plan_id=plan.id,
        iam_role_arn=role.arn,
        resources=[config.table_arn, *config.bucket_arns],
        depends_on=[role.rights],
    )


def _rule(vault: str, settings: BackupSettings) -> BackupPlanRule:
    copies = []
    if settings.copy_to_vault_arn:
        keep = BackupPlanRuleCopyActionLifecycle(delete_after=settings.keep_days)
        copies.append(
            BackupPlanRuleCopyAction(
                destination_vault_arn=settings.copy_to_vault_arn, lifecycle=keep
            )
        )
    return BackupPlanRule(
        rule_name="scheduled",
        target_vault_name=vault,
        schedule=settings.schedule,
        lifecycle=BackupPlanRuleLifecycle(delete_after=settings.keep_days),
        copy_action=copies or None,
    )


def _rights(stack: LayerStack, config: BackupConfig) -> Iterator[Statement]:
    """Yield what AWS's managed policies grant for tables and buckets, for these alone.

    Their statements are listed by service in "Managed policies for AWS Backup", section "Customer
    managed policies": docs/decisions/0024-signing-and-backups.md.
    """
    account, partition = stack.account_id, stack.partition
    copy_to = config.settings.copy_to_vault_arn
    buckets = tuple(config.bucket_arns)
    keys = (f"arn:{partition}:kms:*:{account}:key/*",)
    points = (f"arn:{partition}:backup:*:{account}:recovery-point:*",)
    yield Statement(
        sid="BackUpTable",
        actions=(
            "dynamodb:DescribeTable",
            "dynamodb:CreateBackup",
            "dynamodb:StartAwsBackupJob",
            "dynamodb:ListTagsOfResource",
        ),
        resources=(config.table_arn,),
    )
    yield Statement(
        sid="ExpireTableBackups",
        actions=("dynamodb:DescribeBackup", "dynamodb:DeleteBackup"),
        resources=(f"{config.table_arn}/backup/*",),
    )
    # To follow changes, AWS Backup subscribes to the bucket's events, and keeps an inventory.
    yield Statement(
        sid="BackUpBuckets",
        actions=(
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            "s3:GetBucketNotification",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetInventoryConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutBucketNotification",
            "s3:PutInventoryConfiguration",
        ),
        resources=buckets,
    )
    yield Statement(
        sid="ReadObjects",
        actions=(
            "s3:GetObject",
            "s3:GetObjectAcl",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionTagging",
        ),
        resources=tuple(f"{bucket}/*" for bucket in buckets),
    )
    yield Statement(
        sid="FollowBucketChanges",
        actions=(
            "events:DeleteRule",
            "events:DescribeRule",
            "events:DisableRule",
            "events:EnableRule",
            "events:ListTargetsByRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
        ),
        resources=(stack.arn("events", "rule/AwsBackupManagedRule*"),),
    )
    yield Statement(
        sid="FindResources",
        actions=(
            "cloudwatch:GetMetricData",
            "events:ListRules",
            "s3:ListAllMyBuckets",
        ),
        resources=("*",),  # these actions support no resource
    )
    yield Statement(
        sid="TagBackups",
        actions=("backup:TagResource",),
        resources=points,
    )
    if copy_to:
        yield Statement(
            sid="CopyBackups",
            actions=("backup:CopyFromBackupVault",),
            resources=points,
        )
        yield Statement(
            sid="CopyIntoVault",
            actions=("backup:DescribeBackupVault", "backup:CopyIntoBackupVault"),
            resources=(copy_to,),
        )
    yield Statement(
        sid="ReadEncryptedData",
        actions=("kms:Decrypt", "kms:GenerateDataKey"),
        resources=keys,
        conditions={
            "StringLike": {
                "kms:ViaService": [
                    f"{one}.*.{dns_suffix(stack.region)}" for one in ("dynamodb", "s3")
                ]
            }
        },
    )
    yield Statement(sid="FindKeys", actions=("kms:DescribeKey",), resources=keys)
    yield Statement(
        sid="LetBackupUseKeys",
        actions=("kms:CreateGrant",),
        resources=keys,
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
