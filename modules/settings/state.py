"""The backend of the Terraform state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from modules.problems import Problem
from modules.schema.constraints import Entries, Matches
from modules.schema.setting_docs import Doc
from modules.settings.forms import BUCKET, REGION


@dataclass(frozen=True, kw_only=True)
class S3State:
    """State in an S3 bucket with S3-native locking (Terraform 1.10 or newer; no lock table)."""

    bucket: Annotated[
        str | None,
        BUCKET,
        Doc(
            "Bucket of the state, which must exist; by default "
            "`co2-analysis-{env}-terraform-state`, followed by `-` and `buckets.suffix` if that "
            "is set. Changing it moves the state: `terraform init -migrate-state`."
        ),
    ] = None
    region: Annotated[
        str | None, REGION, Doc("Region of that bucket; by default the environment's.")
    ] = None


# What HCP Terraform accepts in a tag of a workspace, without capitals: it ignores their case.
_HCP_TAG = "[a-z0-9][a-z0-9_-]{0,127}"
_HCP_TAG_FORM = "lower-case letters, digits, hyphens and underscores"
# Tags that `ops hcp sync` sets itself, and by which it recognizes its workspaces.
HCP_TAGS = ("project", "environment", "layer")


@dataclass(frozen=True, kw_only=True)
class HcpNotification:
    """Where HCP Terraform reports runs that wait or fail."""

    kind: Annotated[
        Literal["generic", "slack", "microsoft-teams"], Doc("What the webhook belongs to.")
    ]
    url_variable: Annotated[
        str,
        Matches(r"[A-Z][A-Z0-9_]{0,63}", "the name of an environment variable", "SLACK_WEBHOOK"),
        Doc(
            "Environment variable from which `ops hcp sync` takes the URL of the webhook. The URL "
            "is a secret, so it is in no file."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class HcpState:
    """One HCP Terraform (or Terraform Enterprise) workspace for each environment and layer."""

    organization: Annotated[
        str,
        Matches(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}", "an organization name", "my-company"),
        Doc("Organization that owns the workspaces."),
    ]
    project: Annotated[
        str | None,
        Matches(r"[A-Za-z0-9 _-]{3,40}", "a project name", "co2-analysis"),
        Doc("Project of new workspaces; by default the organization's."),
    ] = None
    hostname: Annotated[
        str,
        Matches(r"[a-z0-9.-]+\.[a-z]{2,}", "a host name", "app.terraform.io"),
        Doc("Host of HCP Terraform, or of your Terraform Enterprise."),
    ] = "app.terraform.io"
    execution_mode: Annotated[
        Literal["remote", "local", "agent"],
        Doc(
            "Where Terraform runs: in HCP Terraform, on the machine that calls it (only the state "
            "is in the workspace), or on an agent of yours. `ops hcp sync` sets this and all that "
            "follows; see [HCP Terraform](hcp-terraform.md)."
        ),
    ] = "remote"
    agent_pool: Annotated[
        str | None,
        Matches(r"apool-[A-Za-z0-9]{1,64}", "the id of an agent pool", "apool-yoGUFz5zcRMMz53i"),
        Doc("Pool of the agents, for `agent`."),
    ] = None
    terraform_version: Annotated[
        str | None,
        Matches(r"(~> )?1\.\d{1,3}\.\d{1,3}", "a version or a range of patches", "~> 1.11.0"),
        Doc("Terraform of the runs; by default the newest when the workspace was created."),
    ] = None
    auto_apply: Annotated[
        bool, Doc("Applies a successful plan of a push or of `ops hcp run` without an approval.")
    ] = False
    run_triggers: Annotated[
        bool,
        Doc(
            "Starts a run of each workspace after an apply of a workspace that it reads. It does "
            "not order runs that one push starts."
        ),
    ] = False
    assessments: Annotated[
        bool,
        Doc(
            "Looks for drift about once a day (health assessments).",
            cost="an edition of HCP Terraform that has health assessments",
        ),
    ] = False
    vcs_driven: Annotated[
        bool,
        Doc(
            "Sets the working directory and the trigger patterns for workspaces that you connect "
            "to a repository with `cdktf.out/stacks` in it."
        ),
    ] = False
    tags: Annotated[
        dict[str, str],
        Entries(
            keys=Matches(_HCP_TAG, _HCP_TAG_FORM, "team"),
            values=Matches(_HCP_TAG, _HCP_TAG_FORM, "climate"),
        ),
        Doc("Further tags of the workspaces, beside `project`, `environment` and `layer`."),
    ] = field(default_factory=dict)
    notification: Annotated[
        HcpNotification | None,
        Doc("Webhook for runs that wait for an approval or fail, and for drift."),
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem for each setting that the execution mode or another one excludes."""
        if (self.execution_mode == "agent") != (self.agent_pool is not None):
            yield Problem(
                field=f"{at}.agent_pool",
                value=self.agent_pool,
                reason=f'execution_mode is "{self.execution_mode}"',
                remedy='set agent_pool with execution_mode = "agent", and only then',
            )
        if self.execution_mode not in ("remote", "agent"):
            for name in ("terraform_version", "auto_apply", "run_triggers", "assessments",
                         "vcs_driven", "notification"):  # fmt: skip
                if value := getattr(self, name):
                    yield Problem(
                        field=f"{at}.{name}",
                        value=value,
                        reason="it is about runs, and a workspace with local execution has none",
                        remedy='remove it, or set execution_mode = "remote"',
                    )
        for key in self.tags.keys() & set(HCP_TAGS):
            yield Problem(
                field=f"{at}.tags.{key}",
                value=self.tags[key],
                reason="`ops hcp sync` sets this tag itself",
                remedy="choose another key",
            )


@dataclass(frozen=True, kw_only=True)
class LocalState:
    """State in files on one machine."""

    directory: Annotated[
        str,
        Matches(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", "a relative path", ".local/state"),
        Doc("Directory of the files, relative to the checkout; losing it loses the state."),
    ] = ".local/state"


@dataclass(frozen=True, kw_only=True)
class StateSettings:
    """The backend of the Terraform state: exactly one of the three."""

    s3: Annotated[
        S3State | None,
        Doc("State in an S3 bucket with S3-native locking, for teams without HCP Terraform."),
    ] = None
    hcp: Annotated[HcpState | None, Doc("State in HCP Terraform, in one workspace per layer.")] = (
        None
    )
    local: Annotated[LocalState | None, Doc("State in files on this machine, for trials.")] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem unless exactly one backend is chosen."""
        chosen = [name for name in ("s3", "hcp", "local") if getattr(self, name) is not None]
        if len(chosen) != 1:
            yield Problem(
                field=at,
                value=self,
                reason=f"there must be exactly one backend, not {' and '.join(chosen) or 'none'}",
                remedy=f"keep one of the tables [{at}.s3], [{at}.hcp], [{at}.local]",
            )
