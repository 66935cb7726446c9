"""Layer 4: the cache Lambda and its rights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdktf import TerraformOutput
from constructs import Construct

from modules.catalogue import Layer
from modules.environments import Environment
from modules.layers.base import BaseOutputs
from modules.layers.storage import StorageOutputs
from modules.packaging import Package
from modules.policy import Statement
from modules.resources.encryption_key import use_key
from modules.resources.function import (
    SignedFunction,
    SignedFunctionConfig,
    add_signed_function,
)
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class ComputeOutputs:
    """The function, for frontend and monitoring."""

    function: SignedFunction


class ComputeLayer(LayerStack):
    """The compute layer of one environment."""

    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        base: BaseOutputs,
        storage: StorageOutputs,
        package: Package,
    ) -> None:
        super().__init__(scope, environment, Layer.COMPUTE)
        encryption = self.settings.encryption
        function = add_signed_function(
            self,
            "reasoning",
            SignedFunctionConfig(
                package=package,
                handler="reasoning.handler.handler",
                description="Explains a CO2 anomaly, from the cache if possible",
                settings=self.settings.function,
                environment=environment.function_variables,
                statements=[
                    *storage.cache_table.grant_read(),
                    *storage.cache_table.grant_write(),
                    self._read_configuration(),
                    self._read_secret(),
                    *self._decrypt("CachedAnswers", base.key(encryption.table), "dynamodb"),
                    *self._decrypt("GeminiKey", base.key(encryption.secret), "secretsmanager"),
                ],
                log_key_arn=base.key(encryption.logs),
                variables_key_arn=base.key(encryption.function),
            ),
        )
        self.outputs = ComputeOutputs(function=function)
        TerraformOutput(self, "function_name", value=function.name)
        TerraformOutput(self, "function_arn", value=function.arn)
        TerraformOutput(self, "function_url", value=function.url)

    def _decrypt(self, what: str, key_arn: str | None, through: str) -> Iterator[Statement]:
        """Yield the right to use the key; DynamoDB needs no other, even for writing."""
        if key_arn:
            yield use_key(
                f"Decrypt{what}", key_arn, "kms:Decrypt", through=through, region=self.region
            )

    def _read_configuration(self) -> Statement:
        return Statement(
            sid="ReadConfiguration",
            actions=("ssm:GetParameter", "ssm:GetParameters"),
            resources=(self.arn("ssm", f"parameter{self.naming.parameters}/*"),),
        )

    def _read_secret(self) -> Statement:
        # Secrets Manager appends six characters that change when the secret is recreated.
        pattern = f"secret:{self.naming.gemini_secret}-??????"
        return Statement(
            sid="ReadGeminiKey",
            actions=("secretsmanager:GetSecretValue",),
            resources=(self.arn("secretsmanager", pattern),),
        )
