"""Who may assume the plan role and the apply role: the statements of their trust policies.

docs/deploy-trust.md describes the rules and says where the facts come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from modules import catalogue
from modules.catalogue import Layer
from modules.iam import Condition, Statement, policy
from modules.naming import Naming
from modules.settings import GithubSettings, GitlabSettings, HcpState, Settings
from modules.settings.bootstrap import GITLAB_COM

GITHUB_HOST = "token.actions.githubusercontent.com"
# The default of aws-actions/configure-aws-credentials, and what GitLab's documentation recommends.
STS_AUDIENCE = "sts.amazonaws.com"
HCP_AUDIENCE = "aws.workload.identity"
# Of workspaces that are created without a project.
_HCP_DEFAULT_PROJECT = "Default Project"

# Characters of a trust policy: IAM's default quota ACLSizePerRole, and what it can be raised to.
TRUST_QUOTA, HIGHEST_TRUST_QUOTA = 2048, 4096

_Claims = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class DeployTrust:
    """Statements that let somebody assume the plan role, and the apply role."""

    plan: tuple[Statement, ...] = ()
    apply: tuple[Statement, ...] = ()

    @property
    def length(self) -> int:
        """Characters of the longer policy, as IAM counts them: without whitespace."""
        return max(len("".join(policy(*one).split())) for one in (self.plan, self.apply))


def deploy_trust(
    naming: Naming, settings: Settings, provider_arn: Callable[[str], str]
) -> DeployTrust:
    """Return the trust in everybody whom an environment names in [bootstrap].

    ``provider_arn`` returns the ARN of the OIDC provider of a host.
    """
    choices, state = settings.bootstrap, settings.state.hcp
    trusted: list[DeployTrust] = []
    if choices is None:
        return joined(trusted)
    partition = catalogue.partition(settings.region)
    if choices.principals:
        trusted.append(trust_principals(choices.principals))
    if choices.github:
        trusted.append(
            trust_github(
                choices.github,
                environment=naming.environment,
                partition=partition,
                provider_arn=provider_arn(GITHUB_HOST),
            )
        )
    if choices.gitlab:
        arn = provider_arn(choices.gitlab.host)
        trusted.append(trust_gitlab(choices.gitlab, partition=partition, provider_arn=arn))
    if choices.hcp and state:
        workspaces = [naming.workspace(layer) for layer in Layer if layer is not Layer.BOOTSTRAP]
        arn = provider_arn(state.hostname)
        trusted.append(trust_hcp(state, workspaces=workspaces, provider_arn=arn))
    return joined(trusted)


def joined(trusts: Iterable[DeployTrust]) -> DeployTrust:
    """Return the trust in everybody whom one of ``trusts`` names."""
    several = tuple(trusts)
    return DeployTrust(
        plan=tuple(statement for trust in several for statement in trust.plan),
        apply=tuple(statement for trust in several for statement in trust.apply),
    )


def trust_principals(arns: Sequence[str]) -> DeployTrust:
    """Return the trust in IAM roles and users."""
    statement = Statement(
        sid="TrustPrincipals", principals={"AWS": arns}, actions=("sts:AssumeRole",)
    )
    return DeployTrust(plan=(statement,), apply=(statement,))


def trust_github(
    settings: GithubSettings, *, environment: str, partition: str, provider_arn: str
) -> DeployTrust:
    """Return the trust in a repository's workflows.

    ``environment`` is the GitHub environment of jobs that apply, if the settings name none.

    Repositories made, renamed or transferred since 2026-07-15 have their ids in the subject. The
    subject of the others has only names, which a stranger may register after a rename; there AWS
    must compare the repository's id. It knows that claim in the partition aws.
    """
    claims_are_known = partition == "aws"
    ids = (
        f"repo:{settings.owner}@{settings.owner_id}/{settings.repository}@{settings.repository_id}"
    )
    names = f"repo:{settings.owner}/{settings.repository}"
    branch = f"refs/heads/{settings.branch}"
    deployed = settings.environment or environment
    # A job may name any environment on any branch, unless the environment restricts them.
    from_branch = {"ref": branch} if claims_are_known else {}
    same_repository = {"repository_id": str(settings.repository_id)}

    def plan(sid: str, repository: str, claims: _Claims) -> Statement:
        subjects = (f"{repository}:pull_request", f"{repository}:ref:{branch}")
        equal = {"aud": STS_AUDIENCE, "sub": subjects, **claims}
        return _web_identity(sid, GITHUB_HOST, provider_arn, {"StringEquals": equal})

    def apply(sid: str, repository: str, claims: _Claims) -> Statement:
        subject = f"{repository}:environment:{deployed}"
        equal = {"aud": STS_AUDIENCE, "sub": subject, **from_branch, **claims}
        return _web_identity(sid, GITHUB_HOST, provider_arn, {"StringEquals": equal})

    repositories: list[tuple[str, str, _Claims]] = [("TrustGithub", ids, {})]
    if claims_are_known:
        repositories.append(("TrustGithubByName", names, same_repository))
    return DeployTrust(
        plan=tuple(plan(*repository) for repository in repositories),
        apply=tuple(apply(*repository) for repository in repositories),
    )


def trust_gitlab(settings: GitlabSettings, *, partition: str, provider_arn: str) -> DeployTrust:
    """Return the trust in a project's pipelines.

    A project may have its id in the subject instead of its path. With the path AWS must compare the
    id, too; it knows that claim of gitlab.com in the partition aws. Only a path without an id in
    the settings is trusted by itself.

    Merge requests have no subject of their own: it names the source branch. Therefore every branch
    may plan, and ``ref:`` ends with the only wildcard. Only a pipeline of the branch itself is
    protected; a merge request *from* it has the same subject, but runs code of its target.
    """
    claims_are_known = settings.host == GITLAB_COM and partition == "aws"
    projects = []
    if settings.project_id is not None:
        projects.append(f"project_id:{settings.project_id}")
    if claims_are_known or not projects:
        projects.append(f"project_path:{settings.project}")
    branches = [f"{project}:ref_type:branch:ref:" for project in projects]
    equal: dict[str, str] = {"aud": STS_AUDIENCE}
    protected: dict[str, str] = {}
    if claims_are_known:
        equal["project_id"] = str(settings.project_id)
        protected = {"ref_protected": "true"}
    any_branch = [f"{branch}*" for branch in branches]
    the_branch = [f"{branch}{settings.branch}" for branch in branches]
    plan: dict[str, _Claims] = {"StringEquals": equal, "StringLike": {"sub": any_branch}}
    apply: dict[str, _Claims] = {"StringEquals": {**equal, "sub": the_branch, **protected}}
    return DeployTrust(
        plan=(_web_identity("TrustGitlab", settings.host, provider_arn, plan),),
        apply=(_web_identity("TrustGitlab", settings.host, provider_arn, apply),),
    )


def trust_hcp(state: HcpState, *, workspaces: Sequence[str], provider_arn: str) -> DeployTrust:
    """Return the trust in the runs of ``workspaces``: one phase has one role.

    A run that applies has planned with the plan role before.
    """
    project = state.project or _HCP_DEFAULT_PROJECT

    def phase(name: str) -> Statement:
        subjects = [
            f"organization:{state.organization}:project:{project}:workspace:{workspace}"
            f":run_phase:{name}"
            for workspace in workspaces
        ]
        equal = {"aud": HCP_AUDIENCE, "sub": subjects}
        return _web_identity("TrustHcp", state.hostname, provider_arn, {"StringEquals": equal})

    return DeployTrust(plan=(phase("plan"),), apply=(phase("apply"),))


def _web_identity(
    sid: str, host: str, provider_arn: str, claims: Mapping[str, _Claims]
) -> Statement:
    """Return a statement for tokens of ``host``, whose ``claims`` are compared by each operator."""
    conditions: Condition = {
        operator: {f"{host}:{claim}": value for claim, value in compared.items()}
        for operator, compared in claims.items()
    }
    return Statement(
        sid=sid,
        principals={"Federated": provider_arn},
        actions=("sts:AssumeRoleWithWebIdentity",),
        conditions=conditions,
    )
