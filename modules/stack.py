"""The base stack of every layer: provider, backend, default tags, provider versions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from cdktf import (
    CloudBackend,
    LocalBackend,
    NamedCloudWorkspace,
    S3Backend,
    S3BackendEndpointConfig,
    TerraformBackend,
    TerraformStack,
)
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.provider import (
    AwsProvider,
    AwsProviderDefaultTags,
    AwsProviderEndpoints,
)
from constructs import Construct

from modules import catalogue
from modules.catalogue import Layer
from modules.environments import Environment
from modules.naming import Naming, from_stack
from modules.settings import LocalAws, S3State, Settings

# The bindings describe a 6.x provider and would pin it exactly. The layers use only arguments that
# 5.100 has, too, so that teams can upgrade from 5 to 6 when they choose.
PROVIDER_VERSIONS = ">= 5.100.0, < 7.0.0"


@dataclass(frozen=True, kw_only=True)
class LayerOutputs:
    """What a layer made, as expressions that are valid in each stack that reads its state."""

    stack: LayerStack


_Outputs = TypeVar("_Outputs", bound=LayerOutputs)


class LayerStack(TerraformStack):
    """A Terraform root module of one environment and layer."""

    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        layer: Layer,
        *,
        region: str | None = None,
    ) -> None:
        """Add the stack; ``region`` is for a layer outside the environment's Region."""
        super().__init__(scope, environment.naming.stack(layer))
        self.naming: Naming = environment.naming
        self.settings: Settings = environment.settings
        self.region = region or environment.settings.region
        self.partition = catalogue.partition(self.region)
        self.layer = layer
        self._elsewhere: dict[str, AwsProvider] = {}
        self._provider(self.region)
        self.backend = self._add_state(layer)
        terraform: dict[str, object] = {
            "required_providers": {"aws": {"version": PROVIDER_VERSIONS}}
        }
        if self.settings.state.s3:
            # This release of cdktf has no argument for S3-native locking.
            terraform["backend"] = {"s3": {"use_lockfile": True}}
        self.add_override("terraform", terraform)
        self._read: set[Layer] = set()

    def read(self, outputs: _Outputs) -> _Outputs:
        """Return ``outputs`` after declaring the state that they are read from."""
        producer = outputs.stack
        if producer.layer not in self._read:
            self._read.add(producer.layer)
            self.add_dependency(producer)
            producer.backend.get_remote_state_data_source(
                self, producer.layer.key, producer.naming.stack(producer.layer)
            )
        return outputs

    @cached_property
    def account_id(self) -> str:
        """The account that Terraform runs in, read at plan time."""
        return DataAwsCallerIdentity(self, "current").account_id

    @property
    def permissions_boundary(self) -> str | None:
        """ARN of the permissions boundary of the layer's roles, if there is one."""
        if not self.settings.creates_boundary:
            return self.settings.permissions_boundary
        return self.naming.bootstrap_arn(
            "policy",
            self.naming.boundary,
            partition=self.partition,
            account_id=self.settings.account_id or self.account_id,
        )

    def provider_for(self, region: str) -> AwsProvider | None:
        """Return a provider for ``region``, or None for the stack's own Region."""
        if region == self.region:
            return None
        if region not in self._elsewhere:
            self._elsewhere[region] = self._provider(region, alias=region.replace("-", "_"))
        return self._elsewhere[region]

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in the stack's Region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def bucket_arn(self, bucket: str) -> str:
        """Return the ARN of a bucket in the stack's partition."""
        return catalogue.bucket_arn(self.region, bucket)

    def _provider(self, region: str, *, alias: str | None = None) -> AwsProvider:
        local = self.settings.local_aws
        return AwsProvider(
            self,
            f"aws_{alias}" if alias else "aws",
            alias=alias,
            region=region,
            default_tags=[AwsProviderDefaultTags(tags=self.naming.tags(self.layer))],
            allowed_account_ids=self._allowed_accounts,
            # They take precedence over the developer's own profile and environment variables.
            profile=local.profile if local else None,
            shared_credentials_files=[from_stack(local.credentials_file)] if local else None,
            skip_credentials_validation=True if local else None,
            skip_metadata_api_check="true" if local else None,
            s3_use_path_style=True if local else None,
            endpoints=[_endpoints(local)] if local else None,
        )

    @property
    def _allowed_accounts(self) -> list[str] | None:
        account = self.settings.account_id
        return [account] if account and not self.settings.local_aws else None

    def _add_state(self, layer: Layer) -> TerraformBackend:
        state = self.settings.state
        if state.s3:
            return self._add_s3_state(state.s3, layer)
        if hcp := state.hcp:
            workspace = NamedCloudWorkspace(self.naming.workspace(layer), project=hcp.project)
            return CloudBackend(
                self,
                organization=hcp.organization,
                hostname=hcp.hostname,
                workspaces=workspace,
            )
        assert state.local  # noqa: S101 - the settings have exactly one backend
        path = self.naming.state_file(state.local.directory, layer)
        return LocalBackend(self, path=path)

    def _add_s3_state(self, state: S3State, layer: Layer) -> S3Backend:
        local = self.settings.local_aws
        skip = True if local else None
        return S3Backend(
            self,
            bucket=state.bucket or self.naming.state_bucket,
            key=self.naming.state_key(layer),
            region=state.region or self.region,
            # It asks for S3's own key. Without it objects get the key of the bucket.
            encrypt=None if self.settings.state_in_kms_bucket else True,
            allowed_account_ids=self._allowed_accounts,
            profile=local.profile if local else None,
            shared_credentials_files=[from_stack(local.credentials_file)] if local else None,
            skip_credentials_validation=skip,
            skip_requesting_account_id=skip,
            skip_metadata_api_check=skip,
            use_path_style=skip,
            endpoints=S3BackendEndpointConfig(s3=local.endpoint, sts=local.endpoint)
            if local
            else None,
        )


def _endpoints(local: LocalAws) -> AwsProviderEndpoints:
    """Return the endpoint of every service in use; a missing one would be called in AWS."""
    at = local.endpoint
    return AwsProviderEndpoints(
        appautoscaling=at,
        backup=at,
        budgets=at,
        cloudfront=at,
        cloudwatch=at,
        dynamodb=at,
        iam=at,
        kms=at,
        lambda_=at,
        logs=at,
        s3=at,
        secretsmanager=at,
        signer=at,
        sns=at,
        ssm=at,
        sts=at,
        wafv2=at,
    )
