"""Layer 0: the bucket of the Terraform states, and the roles that deploy the other layers.

An administrator applies it, once for each environment and after each change of it: the roles that
it creates must not be able to change themselves.
"""

from __future__ import annotations

from dataclasses import replace

from cdktf_cdktf_provider_aws.iam_openid_connect_provider import IamOpenidConnectProvider
from cdktf_cdktf_provider_aws.iam_policy import IamPolicy
from constructs import Construct

from modules.catalogue import Layer
from modules.deploy_rights import Scope, apply_rights, boundary, plan_rights
from modules.deploy_trust import (
    GITHUB_HOST,
    HCP_AUDIENCE,
    STS_AUDIENCE,
    DeployTrust,
    deploy_trust,
)
from modules.environments import Environment
from modules.iam import policy
from modules.layers.publishing import publish
from modules.naming import BOOTSTRAP_PATH
from modules.resources.bucket_lifecycle import state_rules
from modules.resources.deploy_role import DeployRoleConfig, add_deploy_role
from modules.resources.encryption_key import (
    EncryptionKeyConfig,
    add_encryption_key,
    object_statements,
)
from modules.resources.oidc_provider import OidcProviderConfig, add_oidc_provider
from modules.resources.private_bucket import (
    Delivery,
    PrivateBucket,
    PrivateBucketConfig,
    add_private_bucket,
)
from modules.settings import BootstrapSettings
from modules.settings.encryption import OWN
from modules.stack import LayerStack


class BootstrapLayer(LayerStack):
    """The bootstrap layer of one environment."""

    def __init__(
        self, scope: Construct, environment: Environment, choices: BootstrapSettings
    ) -> None:
        state = environment.settings.state.s3
        super().__init__(
            scope, environment, Layer.BOOTSTRAP, region=state.region if state else None
        )
        key_arn = self._own_key() if choices.kms_key == OWN else choices.kms_key
        bucket = (
            self._state_bucket(choices, key_arn) if self.settings.creates_state_bucket else None
        )
        roles = self._deploy_roles(choices, key_arn) if self.settings.deploy_roles else {}
        publish(self, state_bucket=bucket, key_arn=key_arn, **roles)

    def _own_key(self) -> str:
        key = add_encryption_key(
            self,
            "state_key",
            EncryptionKeyConfig(
                alias=self.naming.state_key_alias,
                description="Encrypts the Terraform states of the CO2 analysis",
                statements=object_statements(self),
                retain=True,
            ),
        )
        return key.arn

    def _state_bucket(self, choices: BootstrapSettings, key_arn: str | None) -> PrivateBucket:
        name = self.naming.state_bucket
        logs = choices.access_logs_bucket
        return add_private_bucket(
            self,
            "state",
            PrivateBucketConfig(
                name=name,
                # In every environment: without its state, nothing that exists can be changed.
                retain=True,
                key_arn=key_arn,
                versioning=True,
                lifecycle=state_rules(
                    noncurrent_days=choices.noncurrent_days,
                    locks=[self.naming.state_lock(layer) for layer in Layer],
                    plans=self.naming.saved_plans,
                    plan_days=choices.plan_days,
                ),
                access_logs=Delivery(bucket=logs, prefix=f"{name}/") if logs else None,
            ),
        )

    def _deploy_roles(self, choices: BootstrapSettings, key_arn: str | None) -> dict[str, str]:
        """Add both roles and the boundary; return the facts of their outputs."""
        naming, state = self.naming, self.settings.state
        boundary_arn = self.permissions_boundary
        account_id = self.settings.account_id
        # The settings require the account, and there is a boundary wherever there are roles.
        assert account_id  # noqa: S101
        assert boundary_arn  # noqa: S101
        scope = Scope(
            naming=naming,
            region=self.settings.region,
            account_id=account_id,
            boundary_arn=boundary_arn,
            state_bucket=(state.s3.bucket or naming.state_bucket) if state.s3 else None,
            state_key_arn=key_arn,
        )
        if self.settings.creates_boundary:
            IamPolicy(
                self,
                "boundary",
                name=naming.boundary,
                path=BOOTSTRAP_PATH,
                description="What the roles of the CO2 analysis may do at most",
                policy=policy(*boundary(scope)),
            )
        trust, providers = self._trust(choices, account_id)
        plan = DeployRoleConfig(
            account_id=account_id,
            name=naming.plan_role,
            description="Plans the layers of the CO2 analysis",
            trust=trust.plan,
            trusted_providers=providers,
            policies=plan_rights(scope),
            permissions_boundary=choices.permissions_boundary,
        )
        apply = replace(
            plan,
            name=naming.apply_role,
            description="Applies the layers of the CO2 analysis",
            trust=trust.apply,
            policies=apply_rights(scope),
        )
        return {
            "plan_role_arn": add_deploy_role(self, "plan", plan).arn,
            "apply_role_arn": add_deploy_role(self, "apply", apply).arn,
            "boundary_arn": boundary_arn,
        }

    def _trust(
        self, choices: BootstrapSettings, account_id: str
    ) -> tuple[DeployTrust, list[IamOpenidConnectProvider]]:
        """Return who may assume the roles, and the providers that must exist before."""
        hcp = self.settings.state.hcp
        issuers: list[tuple[str, str, str, bool]] = []
        if github := choices.github:
            issuers.append(("github", GITHUB_HOST, STS_AUDIENCE, github.create_provider))
        if gitlab := choices.gitlab:
            issuers.append(("gitlab", gitlab.host, STS_AUDIENCE, gitlab.create_provider))
        if choices.hcp and hcp:
            issuers.append(("hcp", hcp.hostname, HCP_AUDIENCE, choices.hcp.create_provider))
        providers = {
            host: add_oidc_provider(
                self,
                f"{id_}_provider",
                OidcProviderConfig(
                    account_id=account_id, host=host, audience=audience, create=create
                ),
            )
            for id_, host, audience, create in issuers
        }
        trust = deploy_trust(self.naming, self.settings, lambda host: providers[host].arn)
        return trust, [one for provider in providers.values() for one in provider.created]
