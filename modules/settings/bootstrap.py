"""What a team needs before its first plan: the state bucket and the deploy roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from modules.catalogue import PROJECT
from modules.problems import Problem
from modules.schema.constraints import Between, Matches
from modules.schema.setting_docs import Doc
from modules.settings.encryption import OWN
from modules.settings.forms import (
    BUCKET,
    KEY_ARN,
    KEY_COST,
    POLICY_ARN,
    key_elsewhere,
    region_and_account,
)
from modules.settings.state import StateSettings

GITLAB_COM = "gitlab.com"

# None of the patterns admits "*", "?" or "$": in a trust policy they are wildcards, or begin a
# policy variable. Nor ":", which separates the parts of a subject.
_BRANCH = Matches(
    r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}",
    "a branch of letters, digits and ._/-, without refs/heads/",
    "main",
)
_ID = Between(1, 999_999_999_999)
# Not the account's root, which stands for everybody who may call sts:AssumeRole.
_PRINCIPAL = Matches(
    r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[A-Za-z0-9_+=,.@/-]{1,576}",
    "the ARN of an IAM role or user",
    "arn:aws:iam::123456789012:role/team/deployers",
)


@dataclass(frozen=True, kw_only=True)
class GithubSettings:
    """A repository of github.com whose workflows deploy.

    `gh api repos/OWNER/NAME --jq '{owner_id: .owner.id, repository_id: .id}'` prints both ids.
    """

    owner: Annotated[
        str,
        Matches(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", "an organization or user", "my-company"),
        Doc("Organization or user that owns the repository, in GitHub's spelling and case."),
    ]
    owner_id: Annotated[
        int, _ID, Doc("GitHub's id of the owner, which a new owner of the name does not have.")
    ]
    repository: Annotated[
        str,
        Matches(r"[A-Za-z0-9._-]{1,100}", "a repository name without its owner", "co2-analysis"),
        Doc("Name of the repository, in GitHub's spelling and case."),
    ]
    repository_id: Annotated[
        int, _ID, Doc("GitHub's id of the repository, which another of the same name has not.")
    ]
    branch: Annotated[
        str, _BRANCH, Doc("Branch that is planned without a pull request, and deployed from.")
    ] = "main"
    environment: Annotated[
        str | None,
        Matches(
            r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,199}",
            "an environment of letters, digits, spaces and ._/-",
            "production",
        ),
        Doc(
            "GitHub environment of the jobs that apply, in GitHub's spelling and case; by default "
            "the name of this one. Give it required reviewers."
        ),
    ] = None
    create_provider: Annotated[
        bool,
        Doc(
            "Creates GitHub's OIDC provider, of which an account has one: set it in one "
            "environment of the account, or nowhere if it exists."
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class GitlabSettings:
    """A project of GitLab whose pipelines deploy."""

    project: Annotated[
        str,
        Matches(
            r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}){1,20}",
            "the path of a project with its groups",
            "my-company/platform/co2-analysis",
        ),
        Doc("Path of the project, with its groups, in GitLab's spelling and case."),
    ]
    project_id: Annotated[
        int | None,
        _ID,
        Doc(
            "GitLab's id of the project, which another project at the same path has not; required "
            "for `gitlab.com`. On another host, set it if the subjects of the project's tokens "
            "begin with the id."
        ),
    ] = None
    host: Annotated[
        str,
        Matches(r"[a-z0-9][a-z0-9.-]*\.[a-z]{2,}", "a lower-case host name", GITLAB_COM),
        Doc("Host of GitLab, which AWS must reach."),
    ] = GITLAB_COM
    branch: Annotated[
        str, _BRANCH, Doc("Branch that is deployed from; protect it. Every branch may plan.")
    ] = "main"
    create_provider: Annotated[
        bool,
        Doc(
            "Creates that host's OIDC provider, of which an account has one: set it in one "
            "environment of the account, or nowhere if it exists."
        ),
    ] = False

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem if strangers could register the project's path."""
        if self.host == GITLAB_COM and self.project_id is None:
            yield Problem(
                field=f"{at}.project_id",
                value=None,
                reason="anybody could deploy who gets the project's path after a rename or removal",
                remedy="write the project ID that the project's page shows",
                involves=(f"{at}.host",),
            )


@dataclass(frozen=True, kw_only=True)
class HcpTrust:
    """The environment's workspaces in HCP Terraform, as `[state.hcp]` describes them."""

    create_provider: Annotated[
        bool,
        Doc(
            "Creates the OIDC provider of HCP Terraform, of which an account has one: set it in "
            "one environment of the account, or nowhere if it exists."
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """The bootstrap layer, which an administrator applies with `ops bootstrap`."""

    kms_key: Annotated[
        str | None,
        Matches(f"{OWN}|{KEY_ARN.pattern}", f'"{OWN}" or {KEY_ARN.form}', KEY_ARN.example),
        Doc(
            f'KMS key of the state bucket: `"{OWN}"` creates one, an ARN names an existing one; '
            "unset, S3's own key.",
            cost='$1 with `"own"`, another $1 after the first and the second rotation; ' + KEY_COST,
        ),
    ] = None
    noncurrent_days: Annotated[
        int,
        Between(1, 3650),
        Doc(
            "Days that a replaced version of a state is kept. The ten newest of each state are "
            "kept for longer."
        ),
    ] = 365
    plan_days: Annotated[
        int,
        Between(1, 365),
        Doc(
            "Days until a plan that nobody applies is deleted from the state bucket: plans can "
            "contain secrets. S3 deletes it for good a day later."
        ),
    ] = 30
    access_logs_bucket: Annotated[
        str | None,
        BUCKET,
        Doc(
            "Existing bucket in the Region and account of the state bucket that its access logs go "
            "to, below the name of the state bucket. Its policy must allow the delivery.",
            cost="storage of the logs",
        ),
    ] = None
    permissions_boundary: Annotated[
        str | None,
        POLICY_ARN,
        Doc("Permissions boundary of the plan role and the apply role: an existing policy."),
    ] = None
    principals: Annotated[
        tuple[str, ...],
        _PRINCIPAL,
        Doc("IAM roles and users of the account who may assume the plan role and the apply role."),
    ] = ()
    github: Annotated[
        GithubSettings | None,
        Doc("Workflows of one GitHub repository; see [who may deploy](deploy-trust.md)."),
    ] = None
    gitlab: Annotated[
        GitlabSettings | None,
        Doc("Pipelines of one GitLab project; see [who may deploy](deploy-trust.md)."),
    ] = None
    hcp: Annotated[
        HcpTrust | None,
        Doc(
            "Runs of the environment's HCP Terraform workspaces; see "
            "[who may deploy](deploy-trust.md)."
        ),
    ] = None

    @property
    def roles(self) -> bool:
        """Whether there are a plan role and an apply role: whether anybody may assume them."""
        return bool(self.principals or self.github or self.gitlab or self.hcp)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem for each principal that a deployment could change."""
        for position, arn in enumerate(self.principals):
            if arn.rpartition("/")[2].startswith(f"{PROJECT}-"):
                yield Problem(
                    field=f"{at}.principals[{position}]",
                    value=arn,
                    reason="whoever may deploy could give itself more rights through a role of "
                    "this project",
                    remedy="name a role or user that this project does not manage",
                )

    def contradictions(
        self, state: StateSettings, region: str, account_id: str | None
    ) -> Iterator[Problem]:
        """Yield contradictions with the environment's backend, Region and account."""
        if state.local:
            yield Problem(
                field="bootstrap",
                value=self,
                reason="a state in local files needs no state bucket",
                remedy="remove the table [bootstrap], or choose [state.s3] or [state.hcp]",
                involves=("state",),
            )
        named = bool(state.s3 and state.s3.bucket)
        for name, value in (
            ("kms_key", self.kms_key if state.hcp or self.kms_key == OWN else None),
            ("access_logs_bucket", self.access_logs_bucket),
        ):
            if value and (named or state.hcp):
                yield Problem(
                    field=f"bootstrap.{name}",
                    value=value,
                    reason="it applies to the bucket that this layer creates, and it creates none",
                    remedy=f"remove bootstrap.{name}, or use [state.s3] without bucket",
                    involves=("state",),
                )
        if self.kms_key and self.kms_key != OWN and state.s3:
            where = state.s3.region or region
            yield from key_elsewhere("bootstrap.kms_key", self.kms_key, where, "region", "state")
        yield from self._trust_problems(state, account_id)

    def _trust_problems(self, state: StateSettings, account_id: str | None) -> Iterator[Problem]:
        """Yield a problem for each trust that cannot hold."""
        if self.hcp and not state.hcp:
            yield Problem(
                field="bootstrap.hcp",
                value=self.hcp,
                reason="the environment has no workspaces, because its state is elsewhere",
                remedy="set [state.hcp], or remove the table [bootstrap.hcp]",
                involves=("state",),
            )
        if self.roles and account_id is None:
            yield Problem(
                field="account_id",
                value=None,
                reason="the rights of the roles that deploy are limited to one account",
                remedy="set account_id, or trust nobody in [bootstrap]",
            )
        for position, arn in enumerate(self.principals):
            if account_id and region_and_account(arn)[1] != account_id:
                yield Problem(
                    field=f"bootstrap.principals[{position}]",
                    value=arn,
                    reason="a principal must be in the environment's account",
                    remedy=f"write an ARN in account {account_id}",
                    involves=("account_id",),
                )
