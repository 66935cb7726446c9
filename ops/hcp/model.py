"""What an environment has in HCP Terraform, as wanted and as found: plain values, no client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Notification:
    """A webhook of a workspace; ``url`` is a secret, None where it is not known."""

    kind: str
    triggers: frozenset[str]
    url: str | None = field(default=None, repr=False)
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace with all that `ops hcp sync` sets.

    ``project``, ``agent_pool`` and ``terraform_version`` are left alone where None is wanted.
    ``consumers`` may read its state; a run of one of ``sources`` starts a run of it. Both, like
    everything here, are by name. ``tags`` are only those of this project.
    """

    name: str
    description: str = ""
    project: str | None = None
    execution_mode: str = "remote"
    agent_pool: str | None = None
    terraform_version: str | None = None
    working_directory: str = ""
    trigger_patterns: tuple[str, ...] = ()
    auto_apply: bool = False
    assessments: bool = False
    global_remote_state: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    consumers: frozenset[str] = _NO_NAMES
    sources: frozenset[str] = _NO_NAMES
    notification: Notification | None = None


# Attributes that a request on the workspace itself sets; the others have requests of their own.
ATTRIBUTES = (
    "description",
    "project",
    "execution_mode",
    "agent_pool",
    "terraform_version",
    "working_directory",
    "trigger_patterns",
    "auto_apply",
    "assessments",
    "global_remote_state",
)
LEFT_ALONE = ("project", "agent_pool", "terraform_version")


@dataclass(frozen=True, kw_only=True)
class VariableSet:
    """Environment variables of several workspaces.

    The value is None for a variable that cannot be compared: it is sensitive, HCL, or a variable of
    Terraform.
    """

    name: str
    variables: Mapping[str, str | None]
    workspaces: frozenset[str]
    is_global: bool = False


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What there should be; ``project`` is the project of the workspaces, None for the default."""

    project: str | None
    workspaces: tuple[Workspace, ...]
    variable_set: VariableSet | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What there is.

    ``workspaces`` are those that are wanted, and further ones that carry the tags of this
    environment. ``with_state`` names those that have a state.
    """

    project: str | None
    workspaces: Mapping[str, Workspace]
    with_state: frozenset[str]
    variable_set: VariableSet | None
