"""Who may assume the deploy roles: docs/deploy-trust.md, and whoever tries to get in."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy

from modules.catalogue import Layer
from modules.deploy_trust import (
    GITHUB_HOST,
    HCP_AUDIENCE,
    STS_AUDIENCE,
    DeployTrust,
    joined,
    trust_github,
    trust_gitlab,
    trust_hcp,
    trust_principals,
)
from modules.iam import Statement, policy
from modules.naming import Naming
from modules.packaging import ROOT
from modules.schema.constraints import Between, Matches
from modules.schema.fields import fields
from modules.settings import GithubSettings, GitlabSettings, HcpState

PAGE = ROOT / "docs" / "deploy-trust.md"
ACCOUNT = "123456789012"
GITLAB_HOST, HCP_HOST = "gitlab.com", "app.terraform.io"
# What AWS compares besides audience and subject: the condition keys of STS in the Service
# Authorization Reference, in the partition aws. `repository_owner_id` is disputed.
KNOWN_CLAIMS = {
    GITHUB_HOST: {
        "actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref",
        "repository", "repository_id", "workflow",
    },
    GITLAB_HOST: {"namespace_id", "pipeline_source", "project_id", "ref_protected"},
}  # fmt: skip

GITHUB = GithubSettings(
    owner="my-company", owner_id=123456, repository="co2-analysis", repository_id=456789
)
GITLAB = GitlabSettings(project="my-company/platform/co2-analysis", project_id=456789)
HCP = HcpState(organization="my-company")
WORKSPACES = [
    Naming(environment="dev").workspace(layer) for layer in Layer if layer is not Layer.BOOTSTRAP
]

Claims = dict[str, str]


def _arn(host: str, partition: str = "aws") -> str:
    return f"arn:{partition}:iam::{ACCOUNT}:oidc-provider/{host}"


def _github(settings: GithubSettings = GITHUB, partition: str = "aws") -> DeployTrust:
    arn = _arn(GITHUB_HOST, partition)
    return trust_github(settings, environment="prod", partition=partition, provider_arn=arn)


def _gitlab(settings: GitlabSettings = GITLAB, partition: str = "aws") -> DeployTrust:
    arn = _arn(settings.host, partition)
    return trust_gitlab(settings, partition=partition, provider_arn=arn)


def _hcp(state: HcpState = HCP) -> DeployTrust:
    return trust_hcp(state, workspaces=WORKSPACES, provider_arn=_arn(state.hostname))


# Everybody together: no statement may let in who another one keeps out.
EVERYBODY = joined(
    [
        _github(),
        _gitlab(),
        _hcp(),
        trust_principals([f"arn:aws:iam::{ACCOUNT}:role/deployers"]),
    ]
)


def admitted(
    statements: Iterable[Statement], host: str, claims: Claims, partition: str = "aws"
) -> bool:
    """Return whether the trust policy admits a token, of which AWS knows some claims only."""
    known = {"aud", "sub"} | (KNOWN_CLAIMS.get(host, set()) if partition == "aws" else set())
    provider = _arn(host, partition)
    context = EvalContext(
        principal_arn=provider,
        principal_type="WebIdentityUser",
        principal_account=ACCOUNT,
        action="sts:AssumeRoleWithWebIdentity",
        resource_arn="*",
        region="us-east-1",
        service_context={
            f"{host}:{claim}": value for claim, value in claims.items() if claim in known
        },
    )
    return bool(evaluate_trust_policy(policy(*statements), provider, context))


def roles(trust: DeployTrust, host: str, claims: Claims, partition: str = "aws") -> str:
    """Return the roles that a token gets: "plan", "apply", both or none."""
    found = [
        name
        for name in ("plan", "apply")
        if admitted(getattr(trust, name), host, claims, partition)
    ]
    return " and ".join(found)


# --- The page --------------------------------------------------------------------------------

_CLAIM = re.compile(r"`(\w+)=([^`]*)`")
_HOSTS = {"GitHub": GITHUB_HOST, "GitLab": GITLAB_HOST, "HCP Terraform": HCP_HOST}


def _rows() -> Iterator[tuple[str, str, Claims, str]]:
    """Yield host, description, claims and roles of each row of the page's tables of tokens."""
    host = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            host = _HOSTS[line.removeprefix("## ")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if host and line.startswith("|") and cells[-1] in {"yes", "no"}:
            description, subject, *others, plan, apply = cells
            audience = HCP_AUDIENCE if host == HCP_HOST else STS_AUDIENCE
            claims = {"aud": audience, "sub": subject.strip("`")}
            claims |= dict(_CLAIM.findall(" ".join(others)))
            names = (name for name, cell in (("plan", plan), ("apply", apply)) if cell == "yes")
            yield host, description, claims, " and ".join(names)


ROWS = list(_rows())


@pytest.mark.parametrize(
    ("host", "claims", "expected"),
    [pytest.param(host, *rest, id=f"{host}: {title}") for host, title, *rest in ROWS],
)
def test_the_page_says_who_gets_in(host: str, claims: Claims, expected: str) -> None:
    assert roles(EVERYBODY, host, claims) == expected


def test_the_page_has_a_row_of_each_kind() -> None:
    assert {(host, expected) for host, _, _, expected in ROWS} == {
        (GITHUB_HOST, "plan"), (GITHUB_HOST, "apply"), (GITHUB_HOST, ""),
        (GITLAB_HOST, "plan"), (GITLAB_HOST, "plan and apply"), (GITLAB_HOST, ""),
        (HCP_HOST, "plan"), (HCP_HOST, "apply"), (HCP_HOST, ""),
    }  # fmt: skip


# --- Whoever tries to get in -----------------------------------------------------------------

_IDS = "repo:my-company@123456/co2-analysis@456789"
_OF_MAIN = {"ref": "refs/heads/main", "repository_id": "456789", "environment": "prod"}


def _changed(changes: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Claims]]:
    """Yield each host's tokens of both roles with one part of the subject replaced."""
    for host, _, claims, expected in ROWS:
        for old, new in changes:
            if expected and old in claims["sub"]:
                yield host, claims | {"sub": claims["sub"].replace(old, new)}


@pytest.mark.parametrize(
    ("host", "claims"),
    list(
        _changed(
            [
                ("my-company", "My-Company"),
                ("my-company", "my-company-2"),
                ("my-company", "not-my-company"),
                ("co2-analysis", "CO2-analysis"),
                ("co2-analysis", "co2-analysis-2"),
                ("co2-analysis", "*"),
                ("my-company", "*"),
                ("@123456", "@1234567"),
                ("@456789", "@45678"),
                ("@456789", "@*"),
                (":environment:prod", ":environment:*"),
                (":environment:prod", ":environment:Prod"),
                (":environment:prod", ":environment:prod-eu"),
                (":environment:prod", ":environment:prod\n"),
                (":environment:prod", ":environment:prod:ref:refs/heads/main"),
                ("repo:", ""),
                ("refs/heads/main", "refs/heads/*"),
                ("refs/heads/main", "refs/heads/maine"),
                ("refs/heads/main", "refs/heads/Main"),
                ("pull_request", "pull_request_target"),
                ("ref_type:branch", "ref_type:*"),
                ("project_path:", "x:project_path:"),
                ("project_id:456789", "project_id:45678"),
                ("project_id:456789", "project_id:*"),
                ("Default Project", "default project"),
                ("-dev-base", "-dev-*"),
                ("-dev-base", "-dev-base-2"),
                ("-dev-base", "-prod-base"),
                ("run_phase:plan", "run_phase:*"),
                ("run_phase:apply", "run_phase:applying"),
            ]
        )
    ),
)
def test_a_similar_subject_gets_no_role(host: str, claims: Claims) -> None:
    assert roles(EVERYBODY, host, claims) == ""


@pytest.mark.parametrize(("host", "_title", "claims", "expected"), ROWS)
@pytest.mark.parametrize(
    "audience", ["", "*", "sts.amazonaws.com.cn", "https://github.com/my-company", "vault"]
)
def test_a_token_for_somebody_else_gets_no_role(
    host: str, _title: str, claims: Claims, expected: str, audience: str
) -> None:
    assert roles(EVERYBODY, host, claims) == expected
    assert roles(EVERYBODY, host, claims | {"aud": audience}) == ""


@pytest.mark.parametrize(("host", "_title", "claims", "expected"), ROWS)
def test_a_missing_claim_gets_no_role(
    host: str, _title: str, claims: Claims, expected: str
) -> None:
    """A claim that AWS does not know is missing: no condition may pass without it."""
    for claim in claims:
        rest = {name: value for name, value in claims.items() if name != claim}
        found = roles(EVERYBODY, host, rest)
        if claim in {"aud", "sub"}:
            assert found == "", claim
        elif claim != "repository_id" or "@" not in claims["sub"]:
            # The plan role compares neither GitHub's branch again nor its protection in GitLab.
            assert found == "" or (found, claim) in {("plan", "ref"), ("plan", "ref_protected")}
            assert found in expected


@pytest.mark.parametrize("other", sorted({GITHUB_HOST, GITLAB_HOST, HCP_HOST, "gitlab.co"}))
@pytest.mark.parametrize(("host", "_title", "claims", "_expected"), ROWS)
def test_a_token_of_another_host_gets_no_role(
    host: str, _title: str, claims: Claims, _expected: str, other: str
) -> None:
    if host != other:
        assert roles(EVERYBODY, other, claims) == ""


def test_the_branch_and_the_environment_are_settings() -> None:
    other = dataclasses.replace(GITHUB, branch="release", environment="Production")
    deploy = {"aud": STS_AUDIENCE, "sub": f"{_IDS}:environment:Production"}
    released = deploy | {"ref": "refs/heads/release"}

    assert roles(_github(other), GITHUB_HOST, released) == "apply"
    assert roles(_github(other), GITHUB_HOST, deploy | {"ref": "refs/heads/main"}) == ""
    pushed = {"aud": STS_AUDIENCE, "sub": f"{_IDS}:ref:refs/heads/release"}
    assert roles(_github(other), GITHUB_HOST, pushed) == "plan"
    assert roles(_github(other), GITHUB_HOST, released | {"sub": f"{_IDS}:environment:prod"}) == ""


def test_where_aws_knows_no_ids_only_subjects_with_ids_get_in() -> None:
    """A condition on an unknown claim would refuse everybody, and none would admit strangers."""
    trust = _github(partition="aws-us-gov")
    for name, role in (("environment:prod", "apply"), ("pull_request", "plan")):
        token = {"aud": STS_AUDIENCE, "sub": f"{_IDS}:{name}", **_OF_MAIN}
        assert roles(trust, GITHUB_HOST, token, "aws-us-gov") == role
        named = token | {"sub": f"repo:my-company/co2-analysis:{name}"}
        assert roles(trust, GITHUB_HOST, named, "aws-us-gov") == ""


@pytest.mark.parametrize(
    ("project_id", "trusted", "refused"),
    [
        (None, "project_path:my-company/co2-analysis", "project_id:456789"),
        (456789, "project_id:456789", "project_path:my-company/co2-analysis"),
    ],
)
def test_a_gitlab_of_ones_own_gets_in_by_subject_alone(
    project_id: int | None, trusted: str, refused: str
) -> None:
    host = "gitlab.example.org"
    own = GitlabSettings(project="my-company/co2-analysis", project_id=project_id, host=host)
    for branch, role in (("main", "plan and apply"), ("topic", "plan")):
        token = {"aud": STS_AUDIENCE, "sub": f"{trusted}:ref_type:branch:ref:{branch}"}
        assert roles(_gitlab(own), host, token) == role
        assert roles(_gitlab(own), GITLAB_HOST, token) == ""
        other = token | {"sub": f"{refused}:ref_type:branch:ref:{branch}"}
        assert roles(_gitlab(own), host, other) == ""


def test_gitlab_com_gets_in_by_its_id_where_aws_does_not_compare_it() -> None:
    trust = _gitlab(partition="aws-cn")
    for project, role in (
        ("project_id:456789", "plan and apply"),
        ("project_id:4567890", ""),
        (f"project_path:{GITLAB.project}", ""),
    ):
        token = {"aud": STS_AUDIENCE, "sub": f"{project}:ref_type:branch:ref:main"}
        assert roles(trust, GITLAB_HOST, token, "aws-cn") == role


def test_the_project_of_the_workspaces_is_a_setting() -> None:
    own = dataclasses.replace(HCP, project="Earth 2", hostname="tfe.example.org")
    subject = "organization:my-company:project:{}:workspace:co2-analysis-dev-base:run_phase:plan"
    for project, role in (("Earth 2", "plan"), ("Default Project", ""), ("Earth", "")):
        token = {"aud": HCP_AUDIENCE, "sub": subject.format(project)}
        assert roles(_hcp(own), "tfe.example.org", token) == role
        assert roles(_hcp(own), HCP_HOST, token) == ""


@pytest.mark.parametrize(
    ("caller", "may"),
    [
        (f"arn:aws:iam::{ACCOUNT}:role/team/deployers", True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/deployers/me", True),
        (f"arn:aws:iam::{ACCOUNT}:user/administrator", True),
        (f"arn:aws:iam::{ACCOUNT}:user/somebody", False),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/deployers-2/me", False),
        ("arn:aws:iam::210987654321:user/administrator", False),
        (f"arn:aws:iam::{ACCOUNT}:root", False),
    ],
)
def test_principals_get_both_roles_and_nobody_else_does(caller: str, may: bool) -> None:
    arns = [
        f"arn:aws:iam::{ACCOUNT}:role/team/deployers",
        f"arn:aws:iam::{ACCOUNT}:user/administrator",
    ]
    trust = joined([_github(), _gitlab(), _hcp(), trust_principals(arns)])
    for statements in (trust.plan, trust.apply):
        assert evaluate_trust_policy(policy(*statements), caller) is may


# --- Whatever the settings are ---------------------------------------------------------------


def _valid(section: type) -> dict[str, st.SearchStrategy[object]]:
    """Return strategies of the fields of ``section`` from their own constraints."""
    found: dict[str, st.SearchStrategy[object]] = {}
    for field in fields(section):
        if isinstance(field.constraint, Matches):
            pattern = re.compile(field.constraint.pattern, re.ASCII)
            found[field.name] = st.from_regex(pattern, fullmatch=True)
        elif isinstance(field.constraint, Between):
            found[field.name] = st.integers(field.constraint.low, field.constraint.high)
    return found


_GITHUBS = st.builds(GithubSettings, **_valid(GithubSettings))
_GITLABS = st.builds(
    GitlabSettings,
    **_valid(GitlabSettings)
    | {
        "host": st.sampled_from([GITLAB_HOST, "gitlab.example.org"]),
        "project_id": st.none() | _valid(GitlabSettings)["project_id"],
    },
).filter(lambda settings: not list(settings.problems("")))
_HCPS = st.builds(HcpState, **_valid(HcpState))


def _compared(trust: DeployTrust) -> Iterator[tuple[str, str, str]]:
    """Yield operator, key and value of everything that the statements compare."""
    for statement in (*trust.plan, *trust.apply):
        for operator, keys in statement.conditions.items():
            for key, values in keys.items():
                for value in [values] if isinstance(values, str) else values:
                    yield operator, key, value


@pytest.mark.slow
@given(_GITHUBS, _GITLABS, _HCPS, st.sampled_from(["aws", "aws-cn", "aws-us-gov"]))
def test_no_setting_widens_a_subject(
    github: GithubSettings, gitlab: GitlabSettings, hcp: HcpState, partition: str
) -> None:
    for operator, key, value in _compared(joined([_github(github, partition), _hcp(hcp)])):
        assert operator == "StringEquals", key
        assert not set("*?$") & set(value), value
    for operator, key, value in _compared(_gitlab(gitlab, partition)):
        if operator == "StringLike":
            assert key.endswith(":sub")
            assert value.endswith(":ref_type:branch:ref:*")
        assert not set("*?$") & set(value.removesuffix("ref:*")), value


@pytest.mark.slow
@given(_GITHUBS, _GITLABS, _HCPS)
def test_aws_knows_every_claim_that_is_compared(
    github: GithubSettings, gitlab: GitlabSettings, hcp: HcpState
) -> None:
    for partition in ("aws", "aws-cn"):
        trust = joined([_github(github, partition), _gitlab(gitlab, partition), _hcp(hcp)])
        for _, key, _ in _compared(trust):
            host, _, claim = key.rpartition(":")
            known = KNOWN_CLAIMS.get(host, set()) if partition == "aws" else set()
            assert claim in {"aud", "sub"} | known


def _github_tokens(sender: GithubSettings) -> Iterator[Claims]:
    """Yield what a repository's workflows can send, with ids in the subject and without."""
    repositories = (
        f"repo:{sender.owner}/{sender.repository}",
        f"repo:{sender.owner}@{sender.owner_id}/{sender.repository}@{sender.repository_id}",
    )
    ref = f"refs/heads/{sender.branch}"
    for repository in repositories:
        for context in ("pull_request", f"ref:{ref}", f"environment:{sender.environment}"):
            sent = {"repository_id": str(sender.repository_id), "ref": ref}
            yield {"aud": STS_AUDIENCE, "sub": f"{repository}:{context}", **sent}


@st.composite
def _repositories(draw: st.DrawFn) -> tuple[GithubSettings, GithubSettings]:
    """Draw a repository, and another one that shares with it all but its id and a few values."""
    trusted = draw(_GITHUBS)
    names = ("owner", "owner_id", "repository", "environment", "branch")
    changes: dict[str, object] = {}
    for name in draw(st.sets(st.sampled_from(names))):
        value = getattr(trusted, name)
        similar = [draw(_valid(GithubSettings)[name])]
        if isinstance(value, str):
            similar += [value.swapcase(), f"{value}-2", f"{value}{similar[0]}", value[:1]]
        changes[name] = draw(st.sampled_from(similar))
    ids = _valid(GithubSettings)["repository_id"]
    changes["repository_id"] = draw(ids.filter(lambda id_: id_ != trusted.repository_id))
    return trusted, dataclasses.replace(trusted, **changes)  # type: ignore[arg-type]


@pytest.mark.slow
@given(_repositories())
def test_no_other_github_repository_gets_in(
    repositories: tuple[GithubSettings, GithubSettings],
) -> None:
    trusted, other = repositories
    for partition in ("aws", "aws-us-gov"):
        trust = _github(trusted, partition)
        for token in _github_tokens(other):
            assert roles(trust, GITHUB_HOST, token, partition) == "", token["sub"]
    granted = {roles(_github(trusted), GITHUB_HOST, token) for token in _github_tokens(trusted)}
    assert "plan" in granted, "nothing is proven about a policy that refuses everybody"


@pytest.mark.slow
@given(
    _GITLABS,
    st.integers(1, 9) | _valid(GitlabSettings)["project_id"],
    _valid(GitlabSettings)["project"],
    _valid(GitlabSettings)["branch"],
)
def test_no_other_gitlab_project_gets_in(
    trusted: GitlabSettings, other_id: int, other: str, branch: str
) -> None:
    """Not even with the same path, where it has another id."""
    if other_id == trusted.project_id:
        other_id += 1
    similar = {
        other,
        f"{trusted.project}-2",
        f"{trusted.project}/{other}",
        trusted.project.swapcase(),
    }
    projects = {f"project_path:{path}" for path in (similar - {trusted.project})}
    projects |= {f"project_id:{other_id}", f"project_id:{other_id}{trusted.project_id}"}
    for partition in ("aws", "aws-cn"):
        same_path = [f"project_path:{trusted.project}"] if trusted.project_id else []
        for project in (*projects, *same_path):
            for subject in (
                f"{project}:ref_type:{kind}:ref:{ref}"
                for kind in ("branch", "tag")
                for ref in (trusted.branch, branch)
            ):
                token = {"aud": STS_AUDIENCE, "sub": subject}
                token |= {"project_id": str(other_id), "ref_protected": "true"}
                found = roles(_gitlab(trusted, partition), trusted.host, token, partition)
                assert found == "", subject


def test_the_policies_fit_into_the_default_quota() -> None:
    """IAM counts no whitespace outside of strings, of which a trust policy may have 2,048."""
    principals = trust_principals([f"arn:aws:iam::{ACCOUNT}:role/team/deployers"])
    for trust in (
        joined([_github(), _gitlab(), principals]),
        joined([_github(), _hcp(), principals]),
    ):
        for statements in (trust.plan, trust.apply):
            document = json.loads(policy(*statements))
            assert len(json.dumps(document, separators=(",", ":"))) <= 2048
