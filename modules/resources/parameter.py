"""A plain text in Parameter Store."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.ssm_parameter import SsmParameter

from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class ParameterConfig:
    """A parameter. With ``keep_changes`` Terraform sets only the first value."""

    name: str
    value: str
    description: str
    keep_changes: bool = False


def add_parameter(stack: LayerStack, id_: str, config: ParameterConfig) -> None:
    """Add a Standard-tier String; its value is no secret and stays readable in plans."""
    keep = TerraformResourceLifecycle(ignore_changes=["insecure_value"])
    SsmParameter(
        stack,
        id_,
        name=config.name,
        type="String",
        tier="Standard",
        insecure_value=config.value,
        description=config.description,
        lifecycle=keep if config.keep_changes else None,
    )
