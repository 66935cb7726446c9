"""Layer 0: the bucket of the Terraform states, and the roles that deploy the other layers.

An administrator applies it, once for each environment and after each change of it: the roles that
it creates must not be able to change themselves.
"""

from __future__ import annotations

from constructs import Construct

from modules.catalogue import Layer
from modules.environments import Environment
from modules.layers.publishing import publish
from modules.resources.bucket_lifecycle import state_rules
from modules.resources.encryption_key import (
    EncryptionKeyConfig,
    add_encryption_key,
    object_statements,
)
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
        publish(self, state_bucket=bucket, key_arn=key_arn)

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
