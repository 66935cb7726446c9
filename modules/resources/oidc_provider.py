"""The OIDC provider of a CI system: one per account and host, created here or referenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.iam_openid_connect_provider import IamOpenidConnectProvider

from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class OidcProviderConfig:
    """The issuer's host and the audience of its tokens; ``create`` unless it exists."""

    account_id: str
    host: str
    audience: str
    create: bool


@dataclass(frozen=True, kw_only=True)
class OidcProvider:
    """A provider; a role that trusts it depends on ``created``, because IAM looks it up."""

    arn: str
    created: Sequence[IamOpenidConnectProvider] = ()


def add_oidc_provider(stack: LayerStack, id_: str, config: OidcProviderConfig) -> OidcProvider:
    """Add the provider if it is to be created.

    The ARN is built in either case, so that the first plan shows the whole trust policy. There are
    no thumbprints: AWS verifies these hosts by its trusted CAs, and reads the thumbprint itself if
    the request has none. The argument is optional since release 5.81 of the Terraform provider.
    """
    arn = f"arn:{stack.partition}:iam::{config.account_id}:oidc-provider/{config.host}"
    if not config.create:
        return OidcProvider(arn=arn)
    created = IamOpenidConnectProvider(
        stack,
        id_,
        url=f"https://{config.host}",
        client_id_list=[config.audience],
        # It belongs to the account: a destroy would lock out everybody who trusts it.
        lifecycle=TerraformResourceLifecycle(prevent_destroy=True),
    )
    return OidcProvider(arn=arn, created=[created])
