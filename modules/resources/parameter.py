"""A plain text in Parameter Store."""

from __future__ import annotations

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.ssm_parameter import SsmParameter

from modules.stack import LayerStack


def add_parameter(
    stack: LayerStack,
    id_: str,
    *,
    name: str,
    value: str,
    description: str,
    keep_changes: bool = False,
) -> None:
    """Add a Standard-tier String; its value is no secret and stays readable in plans.

    With ``keep_changes`` the value is only the first one, and those set later are left alone.
    """
    SsmParameter(
        stack,
        id_,
        name=name,
        type="String",
        tier="Standard",
        insecure_value=value,
        description=description,
        lifecycle=(
            TerraformResourceLifecycle(ignore_changes=["insecure_value"]) if keep_changes else None
        ),
    )
