"""Where Terraform keeps its state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Matches
from modules.schema.setting_docs import Doc
from modules.settings.forms import REGION

_BUCKET_FORM = "3 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end"
_BUCKET = Matches(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", _BUCKET_FORM, "my-team-terraform-state")


@dataclass(frozen=True, kw_only=True)
class S3State:
    """State in a bucket, locked by S3 itself (Terraform 1.10 or newer; no lock table)."""

    bucket: Annotated[
        str | None,
        _BUCKET,
        Doc(
            "Names the bucket, which must exist; without it "
            "`co2-analysis-<environment>-terraform-state`. Changing it moves the state: "
            "`terraform init -migrate-state`."
        ),
    ] = None
    region: Annotated[
        str | None, REGION, Doc("Region of that bucket; without it the environment's.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class HcpState:
    """One HCP Terraform (or Terraform Enterprise) workspace for each environment and layer."""

    organization: Annotated[
        str,
        Matches(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}", "an organization's name", "my-company"),
        Doc("Organization that owns the workspaces."),
    ]
    project: Annotated[
        str | None,
        Matches(r"[A-Za-z0-9 _-]{3,40}", "a project's name", "co2-analysis"),
        Doc("Project that new workspaces are put into; without it the organization's default."),
    ] = None
    hostname: Annotated[
        str,
        Matches(r"[a-z0-9.-]+\.[a-z]{2,}", "a host name", "app.terraform.io"),
        Doc("Where the workspaces are; name your own host for Terraform Enterprise."),
    ] = "app.terraform.io"


@dataclass(frozen=True, kw_only=True)
class LocalState:
    """State in files on one machine."""

    directory: Annotated[
        str,
        Matches(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", "a relative path", ".local/state"),
        Doc("Folder of the files, relative to the checkout; whoever loses it loses the state."),
    ] = ".local/state"


@dataclass(frozen=True, kw_only=True)
class StateSettings:
    """Where Terraform keeps its state: exactly one of the three."""

    s3: Annotated[
        S3State | None,
        Doc("Keeps the state in a bucket, locked by S3 itself: for teams without HCP Terraform."),
    ] = None
    hcp: Annotated[
        HcpState | None, Doc("Keeps the state in HCP Terraform: a workspace for each layer.")
    ] = None
    local: Annotated[
        LocalState | None, Doc("Keeps the state in files on this machine: for trials.")
    ] = None

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem unless exactly one place is chosen."""
        chosen = [name for name in ("s3", "hcp", "local") if getattr(self, name) is not None]
        if len(chosen) != 1:
            yield Problem(
                field=at,
                value=chosen,
                reason="state lives in exactly one place",
                remedy=f"keep one of the tables [{at}.s3], [{at}.hcp], [{at}.local]",
            )
