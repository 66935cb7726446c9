"""Where alarms are published: an encrypted topic and its subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription

from modules.iam import Statement, policy, service
from modules.resources.encryption_key import (
    EncryptionKeyConfig,
    add_encryption_key,
    publisher_statement,
)
from modules.stack import LayerStack

_ALARMS = "cloudwatch.amazonaws.com"
_BUDGETS = "budgets.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class AlarmTopicConfig:
    """The subscribers, and whether AWS Budgets publishes to the topic, too.

    ``key_arn`` is an existing key to use instead of one of the topic's own.
    """

    emails: Sequence[str]
    budget: bool
    key_arn: str | None = None


def add_alarm_topic(stack: LayerStack, id_: str, config: AlarmTopicConfig) -> SnsTopic:
    """Add the topic with its key, and a subscription for each e-mail address.

    The key that AWS manages for SNS cannot be used by CloudWatch: alarms would fail silently. A
    subscription is pending until its owner confirms it by the link that AWS sends.
    """
    publishers = (_ALARMS, _BUDGETS) if config.budget else (_ALARMS,)
    topic = SnsTopic(
        stack,
        id_,
        name=stack.naming.alarm_topic,
        kms_master_key_id=config.key_arn or _add_key(stack, f"{id_}_key", publishers),
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
    key = add_encryption_key(
        stack,
        id_,
        EncryptionKeyConfig(
            alias=stack.naming.alarm_key,
            description="Encrypts the alarm topic",
            statements=[
                publisher_statement(f"Encrypt{_sid(publisher)}", publisher)
                for publisher in publishers
            ],
        ),
    )
    return key.arn


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
