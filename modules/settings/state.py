"""The backend of the Terraform state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.problems import Problem
from modules.schema.constraints import Matches
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
