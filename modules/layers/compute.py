"""Layer 4: the cache Lambda and its rights."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformOutput
from constructs import Construct

from modules.catalogue import Layer
from modules.environments import Environment
from modules.layers.storage import StorageOutputs
from modules.packaging import Package
from modules.policy import Statement
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
        self, scope: Construct, environment: Environment, storage: StorageOutputs, package: Package
    ) -> None:
        super().__init__(scope, environment, Layer.COMPUTE)
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
                ],
                retain=self.settings.retain,
                permissions_boundary=self.settings.permissions_boundary,
            ),
        )
        self.outputs = ComputeOutputs(function=function)
        TerraformOutput(self, "function_name", value=function.name)
        TerraformOutput(self, "function_arn", value=function.arn)
        TerraformOutput(self, "function_url", value=function.url)

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
