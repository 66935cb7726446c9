"""STS, as the emulator has it, admits whom the trust policies of the deploy roles name.

The emulator knows audience and subject of a token, and does not verify its signature. So the
policies are those for a partition where AWS knows no further claims; all claims are judged in
tests/modules/test_deploy_trust.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from modules.deploy_trust import (
    GITHUB_HOST,
    HCP_AUDIENCE,
    STS_AUDIENCE,
    joined,
    trust_github,
    trust_gitlab,
    trust_hcp,
)
from modules.iam import policy
from modules.settings import GithubSettings, GitlabSettings, HcpState
from testing.emulator import Credentials, Emulator, running_emulator

HCP_HOST, GITLAB_HOST = "app.terraform.io", "gitlab.com"
REPOSITORY = "repo:my-company@123456/co2-analysis@456789"
PROJECT = "project_path:my-company/co2-analysis:ref_type:branch"
RUN = "organization:my-company:project:Default Project:workspace:co2-analysis-dev-{}:run_phase:{}"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("trust"), enforce_iam=True) as emulator:
        account = emulator.client("sts").get_caller_identity()["Account"]

        def provider(host: str) -> str:
            return f"arn:aws:iam::{account}:oidc-provider/{host}"

        github = GithubSettings(
            owner="my-company", owner_id=123456, repository="co2-analysis", repository_id=456789
        )
        without_claims = {"partition": "aws-us-gov"}
        trust = joined(
            [
                trust_github(
                    github,
                    environment="dev",
                    provider_arn=provider(GITHUB_HOST),
                    **without_claims,
                ),
                trust_gitlab(
                    GitlabSettings(project="my-company/co2-analysis"),
                    provider_arn=provider(GITLAB_HOST),
                    **without_claims,
                ),
                trust_hcp(
                    HcpState(organization="my-company"),
                    workspaces=["co2-analysis-dev-base", "co2-analysis-dev-storage"],
                    provider_arn=provider(HCP_HOST),
                ),
            ]
        )
        for name, statements in (("plan", trust.plan), ("apply", trust.apply)):
            emulator.client("iam").create_role(
                RoleName=name, AssumeRolePolicyDocument=policy(*statements)
            )
        yield emulator


def _signed(**_: object) -> Any:
    return "v4"


def _encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _assume(emulator: Emulator, role: str, host: str, audience: str, subject: str) -> str:
    """Assume a role with a token; return the caller that its credentials stand for."""
    sts = emulator.client("sts")
    # The call is anonymous, and the local AWS admits signed requests only.
    sts.meta.events.register_first("choose-signer.sts.AssumeRoleWithWebIdentity", _signed)
    claims = {"iss": f"https://{host}", "aud": audience, "sub": subject}
    account = sts.get_caller_identity()["Account"]
    session = sts.assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{account}:role/{role}",
        RoleSessionName="ci",
        WebIdentityToken=f"{_encoded({'alg': 'none'})}.{_encoded(claims)}.",
    )["Credentials"]
    caller = Credentials(
        access_key=session["AccessKeyId"],
        secret_key=session["SecretAccessKey"],
        session_token=session["SessionToken"],
    )
    arn: str = emulator.called_by(caller).client("sts").get_caller_identity()["Arn"]
    return arn


@pytest.mark.parametrize(
    ("host", "subject", "expected"),
    [
        (GITHUB_HOST, f"{REPOSITORY}:pull_request", ["plan"]),
        (GITHUB_HOST, f"{REPOSITORY}:ref:refs/heads/main", ["plan"]),
        (GITHUB_HOST, f"{REPOSITORY}:environment:dev", ["apply"]),
        (GITHUB_HOST, f"{REPOSITORY}:environment:prod", []),
        (GITHUB_HOST, "repo:my-company/co2-analysis:environment:dev", []),
        (GITLAB_HOST, f"{PROJECT}:ref:main", ["plan", "apply"]),
        (GITLAB_HOST, f"{PROJECT}:ref:topic", ["plan"]),
        (GITLAB_HOST, f"{PROJECT.replace('analysis', 'analysis-2')}:ref:main", []),
        (HCP_HOST, RUN.format("base", "plan"), ["plan"]),
        (HCP_HOST, RUN.format("storage", "apply"), ["apply"]),
        (HCP_HOST, RUN.format("bootstrap", "apply"), []),
        (GITLAB_HOST, f"{REPOSITORY}:environment:dev", []),
    ],
)
def test_a_token_gets_the_roles_that_trust_it(
    emulator: Emulator, host: str, subject: str, expected: list[str]
) -> None:
    audience = HCP_AUDIENCE if host == HCP_HOST else STS_AUDIENCE
    for role in ("plan", "apply"):
        if role in expected:
            assert f":assumed-role/{role}/" in _assume(emulator, role, host, audience, subject)
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                _assume(emulator, role, host, audience, subject)
        with pytest.raises(ClientError, match="AccessDenied"):
            _assume(emulator, role, host, "somebody-else", subject)
