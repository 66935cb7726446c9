"""Wire the layers of each environment together and write their Terraform JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from modules.fast_import import bindings

bindings.load()  # must come before anything that imports cdktf

import jsii
from cdktf import App, IStackSynthesizer, ISynthesisSession
from cdktf_cdktf_provider_aws.ssm_parameter import SsmParameter

from modules import adoption
from modules.catalogue import Layer
from modules.environments import Environment
from modules.layers.base import BaseLayer
from modules.layers.bootstrap import BootstrapLayer
from modules.layers.compute import ComputeLayer
from modules.layers.frontend import FrontendLayer
from modules.layers.monitoring import MonitoringLayer, Watched
from modules.layers.storage import StorageLayer
from modules.packaging import ROOT, Package, build_package
from modules.stack import LayerStack

# Kept out of Terraform addresses: an address is the same in every environment.
_CONTEXT = {"excludeStackIdFromLogicalIds": "true", "allowSepCharsInLogicalIds": "true"}


def synthesize(
    environments: Sequence[Environment],
    *,
    output: Path,
    layers: Collection[Layer] = tuple(Layer),
) -> list[str]:
    """Write ``output/stacks/<environment>-<layer>/cdk.tf.json`` and return the stacks' names.

    All layers of an environment are built, because each takes the outputs of those before it; only
    the chosen ``layers`` are written.
    """
    package = build_package(ROOT / "lambda_src" / "reasoning")
    output.mkdir(parents=True, exist_ok=True)
    app = App(outdir=str(output), stack_traces=False, context=_CONTEXT)
    written = []
    for environment in environments:
        for layer, stack in build(app, environment, package).items():
            if layer in layers:
                written.append(environment.naming.stack(layer))
            else:
                stack.synthesizer = _Unwritten()
    app.synth()
    return written


def build(app: App, environment: Environment, package: Package) -> dict[Layer, LayerStack]:
    """Build the layers of one environment; each gets the outputs of those before it."""
    base = BaseLayer(app, environment)
    storage = StorageLayer(app, environment, base.outputs)
    compute = ComputeLayer(app, environment, base.outputs, storage.outputs, package)
    # Not every use is a Terraform reference: the function reads the configuration by name.
    storage.add_dependency(base)
    compute.add_dependency(base)
    stacks: dict[Layer, LayerStack] = {
        Layer.BASE: base,
        Layer.STORAGE: storage,
        Layer.COMPUTE: compute,
    }
    if choices := environment.settings.bootstrap:
        stacks[Layer.BOOTSTRAP] = BootstrapLayer(app, environment, choices)
    frontend = None
    if settings := environment.settings.frontend:
        frontend = FrontendLayer(
            app,
            environment,
            settings=settings,
            base=base.outputs,
            storage=storage.outputs,
            compute=compute.outputs,
        )
        stacks[Layer.FRONTEND] = frontend
    if watching := environment.settings.monitoring:
        watched = Watched(
            storage=storage.outputs,
            compute=compute.outputs,
            frontend=frontend.outputs if frontend else None,
        )
        stacks[Layer.MONITORING] = MonitoringLayer(app, environment, watching, watched)
    _adopt(environment, stacks)
    return stacks


def _adopt(environment: Environment, stacks: Mapping[Layer, LayerStack]) -> None:
    """Add import blocks for existing resources, and overwrite existing parameters.

    cdktf's own ``import_from`` would run Terraform during synthesis.
    """
    naming, adopt = environment.naming, environment.settings.adopt
    imports = list(adoption.imports(naming, adopt))
    for layer, stack in stacks.items():
        blocks = [{"to": one.to, "id": one.id} for one in imports if one.layer is layer]
        if blocks:
            stack.add_override("import", blocks)
    for one in adoption.overwrites(naming, adopt):
        parameter = stacks[one.layer].node.find_child(one.id)
        assert isinstance(parameter, SsmParameter)  # noqa: S101 - the layers add every row
        parameter.overwrite = True


@jsii.implements(IStackSynthesizer)
class _Unwritten:
    """Leaves a stack out of the output."""

    def synthesize(self, session: ISynthesisSession) -> None:
        """Write nothing."""
