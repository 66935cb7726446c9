"""Layer 4: the cache Lambda and what it may do."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformOutput
from constructs import Construct

from modules.environments import Environment
from modules.layers.storage import StorageOutputs
from modules.naming import Layer
from modules.packaging import Package
from modules.policy import Statement
from modules.resources.function import SignedFunction
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class ComputeOutputs:
    """What the compute layer offers to frontend and monitoring."""

    function: SignedFunction


class ComputeLayer(LayerStack):
    """The compute layer of one environment."""

    def __init__(
        self, scope: Construct, environment: Environment, storage: StorageOutputs, package: Package
    ) -> None:
        super().__init__(scope, environment, Layer.COMPUTE)
        function = SignedFunction(
            self,
            "reasoning",
            package=package,
            handler="reasoning.handler.handler",
            description="Explains a CO2 anomaly, from the cache where it can",
            settings=self.settings.function,
            environment={
                "PARAMETER_PREFIX": self.naming.parameters,
                "GEMINI_SECRET_ID": self.naming.gemini_secret,
                **self._cross_origin(),
            },
            statements=[
                *storage.cache_table.grant_read_write(),
                self._read_configuration(),
                self._read_secret(),
            ],
        )
        self.outputs = ComputeOutputs(function=function)
        TerraformOutput(self, "function_name", value=function.name)
        TerraformOutput(self, "function_arn", value=function.arn)
        TerraformOutput(self, "function_url", value=function.url)

    def _cross_origin(self) -> dict[str, str]:
        origins = self.settings.function.cors_origins
        return {"CORS_ORIGINS": ",".join(origins)} if origins else {}

    def _read_configuration(self) -> Statement:
        return Statement(
            sid="ReadConfiguration",
            actions=("ssm:GetParameter", "ssm:GetParameters"),
            resources=(self.arn("ssm", f"parameter{self.naming.parameters}/*"),),
        )

    def _read_secret(self) -> Statement:
        # Secrets Manager appends six characters that change when the secret is made anew.
        pattern = f"secret:{self.naming.gemini_secret}-??????"
        return Statement(
            sid="ReadGeminiKey",
            actions=("secretsmanager:GetSecretValue",),
            resources=(self.arn("secretsmanager", pattern),),
        )
