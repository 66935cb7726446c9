"""A role that an AWS service assumes, with an inline policy and the permissions boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy

from modules.iam import Condition, Statement, policy, service
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class ServiceRoleConfig:
    """A role for ``service``, such as ``lambda``; ``statements`` are all that it may do.

    ``policy_name`` is the name of its inline policy. ``trust_conditions`` restrict for whom the
    service may assume it.
    """

    name: str
    description: str
    service: str
    trust_sid: str
    trust_conditions: Condition = field(default_factory=dict[str, Mapping[str, str]])
    policy_name: str
    statements: Sequence[Statement]
    permissions_boundary: str | None


@dataclass(frozen=True, kw_only=True)
class ServiceRole:
    """A role that was added; what needs its permissions depends on ``rights``."""

    arn: str
    rights: IamRolePolicy


def add_service_role(stack: LayerStack, id_: str, config: ServiceRoleConfig) -> ServiceRole:
    """Add the role ``{id_}_role`` and its policy ``{id_}_rights``."""
    role = IamRole(
        stack,
        f"{id_}_role",
        name=config.name,
        description=config.description,
        permissions_boundary=config.permissions_boundary,
        assume_role_policy=policy(
            Statement(
                sid=config.trust_sid,
                principals=service(f"{config.service}.amazonaws.com"),
                actions=("sts:AssumeRole",),
                conditions=config.trust_conditions,
            )
        ),
    )
    rights = IamRolePolicy(
        stack,
        f"{id_}_rights",
        name=config.policy_name,
        role=role.name,
        policy=policy(*config.statements),
    )
    return ServiceRole(arn=role.arn, rights=rights)
