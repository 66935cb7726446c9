"""What an environment should have in HCP Terraform, from its settings and its stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePosixPath

from modules import catalogue
from modules.catalogue import PROJECT, Layer
from modules.environments import Environment
from modules.naming import Naming
from modules.settings import HcpNotification, HcpState
from ops.hcp.model import Notification, VariableSet, Wanted, Workspace
from ops.terraform.stacks import Stack

# Where a repository has the stacks: the default output of main.py.
STACKS = PurePosixPath("cdktf.out", "stacks")
# Of a run: it waits for an approval, or it failed.
_RUN_TRIGGERS = frozenset({"run:needs_attention", "run:errored"})
_DRIFT_TRIGGERS = frozenset({"assessment:drifted", "assessment:check_failure", "assessment:failed"})


def wanted(
    environment: Environment, hcp: HcpState, stacks: Iterable[Stack], variables: Mapping[str, str]
) -> Wanted:
    """Return what there should be; ``variables`` may have the URL of the webhook.

    Who may read whose state is what the synthesized stacks read.
    """
    naming = environment.naming
    layers = {naming.stack(layer): layer for layer in driven_layers(environment)}
    reads = {
        naming.workspace(layers[stack.name]): read_workspaces(stack)
        for stack in stacks
        if stack.name in layers
    }
    notification = _notification(hcp, variables)
    return Wanted(
        project=hcp.project,
        workspaces=tuple(
            _workspace(naming, hcp, layer, reads, notification) for layer in layers.values()
        ),
        variable_set=_variable_set(environment, frozenset(reads)),
    )


def driven_layers(environment: Environment) -> tuple[Layer, ...]:
    """Return the layers whose workspaces `ops hcp` manages, in dependency order.

    The bootstrap layer makes the roles of the runs, so no run can apply it.
    """
    return tuple(layer for layer in environment.layers if layer is not Layer.BOOTSTRAP)


def read_workspaces(stack: Stack) -> frozenset[str]:
    """Return the workspaces whose state a synthesized stack reads."""
    states = stack.document.get("data", {}).get("terraform_remote_state", {})
    return frozenset(state["config"]["workspaces"]["name"] for state in states.values())


def own_tags(environment: str) -> dict[str, str]:
    """Return the tags by which the workspaces of an environment are recognized."""
    return {"project": PROJECT, "environment": environment}


def _workspace(
    naming: Naming,
    hcp: HcpState,
    layer: Layer,
    reads: Mapping[str, frozenset[str]],
    notification: Notification | None,
) -> Workspace:
    name = naming.workspace(layer)
    folder = str(STACKS / naming.stack(layer))
    return Workspace(
        name=name,
        description=f"Layer {layer.key} of {naming.environment}; set up by `ops hcp sync`",
        project=hcp.project,
        execution_mode=hcp.execution_mode,
        agent_pool=hcp.agent_pool,
        terraform_version=hcp.terraform_version,
        working_directory=folder if hcp.vcs_driven else "",
        trigger_patterns=(f"{folder}/**/*",) if hcp.vcs_driven else (),
        auto_apply=hcp.auto_apply,
        assessments=hcp.assessments,
        tags={**hcp.tags, **own_tags(naming.environment), "layer": layer.key},
        consumers=frozenset(reader for reader, read in reads.items() if name in read),
        sources=reads[name] if hcp.run_triggers else frozenset(),
        notification=notification,
    )


def _notification(hcp: HcpState, variables: Mapping[str, str]) -> Notification | None:
    setting: HcpNotification | None = hcp.notification
    if setting is None:
        return None
    return Notification(
        kind=setting.kind,
        triggers=_RUN_TRIGGERS | (_DRIFT_TRIGGERS if hcp.assessments else frozenset()),
        url=variables.get(setting.url_variable) or None,
    )


def _variable_set(environment: Environment, workspaces: frozenset[str]) -> VariableSet | None:
    """Return the variables with which runs assume the roles of the bootstrap stack."""
    naming, settings = environment.naming, environment.settings
    if settings.bootstrap is None or settings.bootstrap.hcp is None:
        return None
    arn = partial(
        naming.bootstrap_arn,
        "role",
        partition=catalogue.partition(settings.region),
        account_id=str(settings.account_id),
    )
    return VariableSet(
        name=naming.variable_set,
        variables={
            "TFC_AWS_PROVIDER_AUTH": "true",
            "TFC_AWS_PLAN_ROLE_ARN": arn(naming.plan_role),
            "TFC_AWS_APPLY_ROLE_ARN": arn(naming.apply_role),
        },
        workspaces=workspaces,
    )
