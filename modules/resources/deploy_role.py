"""A role that deploys: who may assume it, and what it may do, in managed policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.iam_openid_connect_provider import IamOpenidConnectProvider
from cdktf_cdktf_provider_aws.iam_policy import IamPolicy
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policies_exclusive import IamRolePoliciesExclusive
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment
from cdktf_cdktf_provider_aws.iam_role_policy_attachments_exclusive import (
    IamRolePolicyAttachmentsExclusive,
)

from modules.iam import Statement, policy
from modules.naming import BOOTSTRAP_PATH
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class DeployRoleConfig:
    """A role below ``BOOTSTRAP_PATH``; ``trust`` says who may assume it.

    ``trusted_providers`` are those of the OIDC providers that this stack creates. ``policies`` maps
    the name of each managed policy to its statements: one inline policy would be too long.
    ``permissions_boundary`` is the ARN of a policy of the owner.
    """

    account_id: str
    name: str
    description: str
    trust: Sequence[Statement]
    trusted_providers: Sequence[IamOpenidConnectProvider]
    policies: Mapping[str, Sequence[Statement]]
    permissions_boundary: str | None


@dataclass(frozen=True, kw_only=True)
class DeployRole:
    """A role that was added."""

    arn: str


def add_deploy_role(stack: LayerStack, id_: str, config: DeployRoleConfig) -> DeployRole:
    """Add the role ``{id_}_role``, its policies ``{id_}_{group}`` and their attachments.

    The next plan shows each policy that was attached in another way, and its apply detaches it.
    """
    role = IamRole(
        stack,
        f"{id_}_role",
        name=config.name,
        path=BOOTSTRAP_PATH,
        description=config.description,
        permissions_boundary=config.permissions_boundary,
        assume_role_policy=policy(*config.trust),
        depends_on=list(config.trusted_providers),
    )
    name = role.name  # read once: each read is a message to the kernel
    arns, attached = [], []
    for group, statements in config.policies.items():
        id_of_policy = f"{id_}_{group}".replace("-", "_")
        name_of_policy = stack.naming.deploy_policy(id_, group)
        created = IamPolicy(
            stack,
            id_of_policy,
            name=name_of_policy,
            path=BOOTSTRAP_PATH,
            description=f"{config.description}: {group}",
            policy=policy(*statements),
        )
        # Built rather than read, so that the first plan shows what is attached.
        arn = stack.naming.bootstrap_arn(
            "policy", name_of_policy, partition=stack.partition, account_id=config.account_id
        )
        attachment = IamRolePolicyAttachment(
            stack, f"{id_of_policy}_attachment", role=name, policy_arn=arn, depends_on=[created]
        )
        arns.append(arn)
        attached.append(attachment)
    IamRolePolicyAttachmentsExclusive(
        stack, f"{id_}_policies", role_name=name, policy_arns=arns, depends_on=list(attached)
    )
    IamRolePoliciesExclusive(stack, f"{id_}_inline_policies", role_name=name, policy_names=[])
    return DeployRole(arn=role.arn)
