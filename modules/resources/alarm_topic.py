"""Where alarms are published: an encrypted topic and its subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription

from modules.policy import Statement, policy, service
from modules.stack import LayerStack

_KEY_DELETION_DAYS = 30
_ALARMS = "cloudwatch.amazonaws.com"
_BUDGETS = "budgets.amazonaws.com"

# Administration of the key by the account, without the right to decrypt.
_KEY_ADMINISTRATION = (
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
class AlarmTopicConfig:
    """The subscribers, and whether AWS Budgets publishes to the topic, too."""

    emails: Sequence[str]
    budget: bool


def add_alarm_topic(stack: LayerStack, id_: str, config: AlarmTopicConfig) -> SnsTopic:
    """Add the topic with its own key, and a subscription for each e-mail address.

    The key that AWS manages for SNS cannot be used by CloudWatch: alarms would fail silently. A
    subscription is pending until its owner confirms it by the link that AWS sends.
    """
    publishers = (_ALARMS, _BUDGETS) if config.budget else (_ALARMS,)
    topic = SnsTopic(
        stack,
        id_,
        name=stack.naming.alarm_topic,
        kms_master_key_id=_add_key(stack, f"{id_}_key", publishers),
    )
    SnsTopicPolicy(
        stack,
        f"{id_}_policy",
        arn=topic.arn,
        policy=policy(*(_publish(stack, publisher, topic.arn) for publisher in publishers)),
    )
    for position, email in enumerate(config.emails, start=1):
        SnsTopicSubscription(
            stack,
            f"{id_}_email_{position}",
            topic_arn=topic.arn,
            protocol="email",
            endpoint=email,
        )
    return topic


def _add_key(stack: LayerStack, id_: str, publishers: Sequence[str]) -> str:
    key = KmsKey(
        stack,
        id_,
        description="Encrypts the alarm topic",
        enable_key_rotation=True,
        deletion_window_in_days=_KEY_DELETION_DAYS,
        policy=policy(
            Statement(
                sid="AdministerThisKey",
                principals={"AWS": f"arn:{stack.partition}:iam::{stack.account_id}:root"},
                actions=_KEY_ADMINISTRATION,
                resources=("*",),  # in a key policy: the key itself
            ),
            *(_encrypt(publisher) for publisher in publishers),
        ),
    )
    KmsAlias(stack, f"{id_}_alias", name=stack.naming.alarm_key, target_key_id=key.key_id)
    return key.arn


def _encrypt(publisher: str) -> Statement:
    return Statement(
        sid=f"Encrypt{_sid(publisher)}",
        principals=service(publisher),
        # No condition on the account: the topic policy decides who publishes, and a key that denies
        # access silences every alarm.
        actions=("kms:Decrypt", "kms:GenerateDataKey"),
        resources=("*",),
    )


def _publish(stack: LayerStack, publisher: str, topic_arn: str) -> Statement:
    return Statement(
        sid=f"Publish{_sid(publisher)}",
        principals=service(publisher),
        actions=("sns:Publish",),
        resources=(topic_arn,),
        conditions={"StringEquals": {"aws:SourceAccount": stack.account_id}},
    )


def _sid(publisher: str) -> str:
    return "Budgets" if publisher == _BUDGETS else "Alarms"
