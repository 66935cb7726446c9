"""Where alarms are published: an encrypted topic, and who is told."""

from __future__ import annotations

from collections.abc import Sequence

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

# What the account's administrators need to keep the key in order; not to read what it encrypts.
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


def add_alarm_topic(stack: LayerStack, *, emails: Sequence[str], budget: bool) -> str:
    """Add the topic and a subscription for each of ``emails``; return the topic's ARN.

    It has a key of its own, because the key that AWS manages for SNS lets no alarm through, and
    says so nowhere. ``budget`` lets AWS Budgets publish, too. A subscription counts only once its
    owner has confirmed it by the link that AWS sends.
    """
    publishers = (_ALARMS, _BUDGETS) if budget else (_ALARMS,)
    topic = SnsTopic(
        stack,
        "alarms",
        name=stack.naming.alarm_topic,
        kms_master_key_id=_add_key(stack, publishers),
    )
    SnsTopicPolicy(
        stack,
        "alarms_policy",
        arn=topic.arn,
        policy=policy(*(_publish(stack, publisher, topic.arn) for publisher in publishers)),
    )
    for position, email in enumerate(emails, start=1):
        SnsTopicSubscription(
            stack,
            f"alarms_email_{position}",
            topic_arn=topic.arn,
            protocol="email",
            endpoint=email,
        )
    return topic.arn


def _add_key(stack: LayerStack, publishers: Sequence[str]) -> str:
    key = KmsKey(
        stack,
        "alarms_key",
        description="Encrypts the alarms on their way",
        enable_key_rotation=True,
        deletion_window_in_days=_KEY_DELETION_DAYS,
        policy=policy(
            Statement(
                sid="AdministerThisKey",
                principals={"AWS": f"arn:{stack.partition}:iam::{stack.account_id}:root"},
                actions=_KEY_ADMINISTRATION,
                resources=("*",),  # In a key's policy that is the key itself.
            ),
            *(_encrypt(publisher) for publisher in publishers),
        ),
    )
    KmsAlias(stack, "alarms_key_alias", name=stack.naming.alarm_key, target_key_id=key.key_id)
    return key.arn


def _encrypt(publisher: str) -> Statement:
    return Statement(
        sid=f"Encrypt{_sid(publisher)}",
        principals=service(publisher),
        # No condition on the account: who may publish is the topic's to say, and a key that refuses
        # silences every alarm.
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
