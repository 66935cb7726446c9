"""Layer 4: the cache Lambda and its rights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from constructs import Construct

from modules.catalogue import Layer
from modules.environments import Environment
from modules.iam import Statement
from modules.layers.base import BaseOutputs
from modules.layers.publishing import publish
from modules.layers.storage import StorageOutputs
from modules.packaging import Package
from modules.resources.encryption_key import use_keys
from modules.resources.function import (
    SignedFunction,
    SignedFunctionConfig,
    add_signed_function,
)
from modules.settings.encryption import OWN
from modules.stack import LayerOutputs, LayerStack


@dataclass(frozen=True, kw_only=True)
class ComputeOutputs(LayerOutputs):
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
        cache_table = self.read(storage).cache_table
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
                    *cache_table.grant_read(),
                    *cache_table.grant_write(),
                    self._read_configuration(),
                    self._read_secret(),
                    *self._decrypt("CachedAnswers", encryption.table, base, "dynamodb"),
                    *self._decrypt("GeminiKey", encryption.secret, base, "secretsmanager"),
                ],
                log_key_arn=base.key(encryption.logs, self),
                variables_key_arn=base.key(encryption.function, self),
                retain=self.settings.retain,
                permissions_boundary=self.permissions_boundary,
            ),
        )
        published = publish(self, function=function)
        self.outputs = ComputeOutputs(
            stack=self,
            function=SignedFunction(
                name=published["function_name"],
                arn=published["function_arn"],
                alias=published.get("function_alias"),
                url=published["function_url"],
                url_id=published["function_url_id"],
            ),
        )

    def _decrypt(
        self, what: str, choice: str | None, base: BaseOutputs, through: str
    ) -> Iterator[Statement]:
        """Yield the right to use the keys of what a service holds, even to write to DynamoDB.

        The environment's own key is one of them as soon as it exists. Earlier layers change what it
        encrypts, and the function must work until this layer is applied.
        """
        own = OWN if self.settings.encryption.own_key else None
        keys = {base.key(one, self) for one in (own, choice)} - {None}
        if keys:
            sid = f"Decrypt{what}"
            yield use_keys(
                sid, sorted(map(str, keys)), "kms:Decrypt", through=through, region=self.region
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
