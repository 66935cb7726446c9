"""Publish what a layer made: to running code (Parameter Store) and to Terraform (outputs)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import attrgetter

from cdktf import TerraformOutput
from constructs import Construct

from modules.catalogue import FORMER_OUTPUTS, OUTPUTS, PARAMETERS
from modules.resources.parameter import ParameterConfig, add_parameter
from modules.stack import LayerStack


def publish(stack: LayerStack, **facts: object) -> Mapping[str, str]:
    """Add the layer's parameters and outputs, and return what later layers read them by.

    ``facts`` fill the templates of the catalogue. The result maps the name of an output to the
    expression of its value in a stack that reads this one.
    """
    settings = stack.settings
    facts = {"naming": stack.naming, **facts}

    @cache  # most parameters are outputs, too, and a fact can be an attribute that is read anew
    def filled(template: str) -> str:
        return template.format(**facts)

    for row in PARAMETERS:
        if row.layer is stack.layer and settings.enables(row):
            operated = row.operated and attrgetter(row.operated)(settings) is None
            config = ParameterConfig(
                name=stack.naming.parameter(row),
                value=filled(row.value),
                description=row.description,
                keep_changes=bool(operated),
            )
            add_parameter(stack, row.id, config)
    values = {
        output.name: filled(output.value)
        for output in OUTPUTS
        if output.layer is stack.layer and settings.enables(output)
    }
    # A scope of their own, because within cdktf a parameter can have the same name.
    scope = Construct(stack, "outputs")
    for output in OUTPUTS:
        if output.name in values:
            TerraformOutput(
                scope,
                output.name,
                value=values[output.name],
                description=output.description,
                static_id=True,
            )
    # One message to the kernel for all.
    former = {
        f"cross-stack-output-{old}": {"value": values[name], "sensitive": True}
        for old, name in FORMER_OUTPUTS.items()
        if name in values
    }
    if former:
        stack.add_override("output", former)
    state = f"data.terraform_remote_state.{stack.layer.key}.outputs"
    return {name: f"${{{state}.{name}}}" for name in values}
