"""The workflows of GitHub and the pipeline of GitLab: who gets which role and which rights."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer
import yaml

from modules.deploy_trust import GITHUB_HOST, STS_AUDIENCE, trust_github, trust_gitlab
from modules.environments import load
from modules.naming import Naming
from modules.packaging import ROOT
from ops.cli import app
from tests.modules.test_deploy_trust import GITHUB, GITLAB, GITLAB_HOST, roles
from tests.workflows import (
    ACCOUNT,
    BY_HAND,
    BY_HAND_ELSEWHERE,
    CONFIGURED,
    ENVIRONMENTS,
    EVENTS,
    FROM_FORK,
    PULL_REQUEST,
    PUSH,
    SCHEDULE,
    WORKFLOWS,
    Event,
    Job,
    jobs,
)

GITLAB_FILE = ROOT / "docs" / "pipelines" / "gitlab-ci.yml"
PAGE = ROOT / "docs" / "pipelines.md"
SETUP = ROOT / ".github" / "actions" / "setup" / "action.yml"
FILES = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), SETUP]
USES = re.compile(r"^ *(?:- )?uses: (.*)$", re.MULTILINE)
# Everything that a workflow may write, besides the OIDC token.
WRITES = {("plan.yml", "review"): {"pull-requests"}, ("drift.yml", "drift"): {"issues"}}


def _called() -> Mapping[str, Any]:
    """Return the jobs of apply.yml that call the workflow of an environment."""
    return {name: job for name, job in WORKFLOWS["apply.yml"]["jobs"].items() if "uses" in job}


def _names(found: list[Job]) -> set[tuple[str, str]]:
    return {(job.workflow, job.name) for job in found}


def _role(arn: str) -> tuple[str, str]:
    """Return the environment and the kind of a deploy role."""
    for environment in ENVIRONMENTS:
        naming = Naming(environment=environment)
        for kind, name in (("plan", naming.plan_role), ("apply", naming.apply_role)):
            if arn == naming.bootstrap_arn("role", name, partition="aws", account_id=ACCOUNT):
                return environment, kind
    raise AssertionError(arn)


def _gitlab() -> dict[str, Any]:
    """Return the jobs of the pipeline, with what they extend."""
    document = yaml.safe_load(GITLAB_FILE.read_text(encoding="utf-8"))

    def extended(job: Mapping[str, Any]) -> dict[str, Any]:
        base = extended(document[job["extends"]]) if "extends" in job else {}
        variables = {**base.get("variables", {}), **job.get("variables", {})}
        return {**base, **job, "variables": variables}

    return {
        name: extended(job)
        for name, job in document.items()
        if isinstance(job, dict)
        and name not in {"workflow", "default"}
        and not name.startswith(".")
    }


def test_the_pipelines_know_the_environments_and_call_them_by_their_names() -> None:
    assert set(ENVIRONMENTS) <= {one.naming.environment for one in load()}
    called = {name: one["with"]["environment"] for name, one in _called().items()}
    assert called == {name: name for name in ENVIRONMENTS}


# --- What is run -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Any) -> None:
    found = USES.findall(path.read_text(encoding="utf-8"))
    assert found
    for one in found:
        assert re.fullmatch(r"\./\.github/\S+|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)


def test_one_action_has_one_version() -> None:
    found = {use for path in FILES for use in USES.findall(path.read_text(encoding="utf-8"))}
    names = [one.partition("@")[0] for one in found if "@" in one]
    assert len(names) == len(set(names)) > 5


def test_the_tools_are_those_that_are_tested() -> None:
    tested = dict(
        line.split() for line in (ROOT / ".tool-versions").read_text("utf-8").splitlines()
    )
    steps = yaml.safe_load(SETUP.read_text(encoding="utf-8"))["runs"]["steps"]
    given = {name: value for step in steps for name, value in step.get("with", {}).items()}
    assert given["terraform_version"] == tested["terraform"]
    assert given["node-version-file"] == ".tool-versions"
    assert tested["python"].startswith(given["python-version"] + ".")


def test_no_expression_is_pasted_into_a_script_and_no_checkout_keeps_the_token() -> None:
    for name, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            for step in job.get("steps", []):
                assert "${{" not in step.get("run", ""), name
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False, name


# --- Who may what ----------------------------------------------------------------------------


def test_jobs_get_the_permissions_that_they_need_and_a_time_limit() -> None:
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, name
        for id_, job in workflow["jobs"].items():
            writes = {right for right, level in job["permissions"].items() if level != "read"}
            assert writes - {"id-token"} == WRITES.get((name, id_), set()), (name, id_)
            assert "uses" in job or job["timeout-minutes"] <= 90, (name, id_)


def test_no_job_outlasts_the_credentials_of_its_role() -> None:
    """They last an hour from the job's login, which comes after its set-up."""
    limits = {
        (job.workflow, job.name): job.minutes
        for event in EVENTS
        for job in jobs(event, CONFIGURED)
        if job.role
    }
    assert len(limits) == len({"plan", "show", "apply", "drift"})
    default = yaml.safe_load(GITLAB_FILE.read_text("utf-8"))["default"]["timeout"]
    gitlab = {
        name: int(job.get("timeout", default).removesuffix(" minutes"))
        for name, job in _gitlab().items()
        if "AWS_ROLE_ARN" in job["variables"]
    }
    assert len(gitlab) == len(limits) * len(ENVIRONMENTS)
    assert max(*limits.values(), *gitlab.values()) < 60


def test_a_signal_reaches_the_command_that_may_be_at_work_on_a_state() -> None:
    """GitHub signals the step's process alone, and kills its children ten seconds later."""
    for name, id_ in (("plan.yml", "plan"), ("apply-environment.yml", "apply")):
        steps = WORKFLOWS[name]["jobs"][id_]["steps"]
        (command,) = [step["run"] for step in steps if "-m ops" in step.get("run", "")]
        assert command.startswith("exec .venv/bin/python -m ops "), name


def test_no_workflow_runs_with_rights_because_a_stranger_wants_it() -> None:
    """A fork's code must never run with the rights of this repository."""
    events = {event for workflow in WORKFLOWS.values() for event in workflow["on"]}
    assert events == {"pull_request", "push", "schedule", "workflow_dispatch", "workflow_call"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: f"{one.name} {one.ref} {one.head}")
def test_a_job_can_get_a_token_exactly_if_it_assumes_a_role(event: Event) -> None:
    for job in jobs(event, CONFIGURED):
        assert (job.permissions.get("id-token") == "write") == (job.role is not None), job


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: f"{one.name} {one.ref} {one.head}")
def test_the_trust_policies_admit_the_jobs_to_the_role_that_they_assume(event: Event) -> None:
    for job in jobs(event, CONFIGURED):
        if job.role is None:
            continue
        name, role = _role(job.role)
        claims = {
            "aud": STS_AUDIENCE,
            "sub": f"repo:my-company@123456/co2-analysis@456789:{job.subject}",
            "ref": event.ref,
        }
        trust = trust_github(
            GITHUB,
            environment=name,
            partition="aws",
            provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB_HOST}",
        )
        assert roles(trust, GITHUB_HOST, claims) == role, job


def test_the_apply_role_is_for_main_and_behind_the_reviewers_of_its_environment() -> None:
    appliers = [
        (event, job)
        for event in EVENTS
        for job in jobs(event, CONFIGURED)
        if job.role and _role(job.role)[1] == "apply"
    ]
    assert {event for event, _ in appliers} == {PUSH, BY_HAND}
    assert [job.environment for event, job in appliers if event is PUSH] == list(ENVIRONMENTS)
    for _, job in appliers:
        assert job.role is not None
        assert job.environment == _role(job.role)[0]


def test_what_is_shown_before_the_approval_needs_no_approval() -> None:
    shown = [job for job in jobs(PUSH, CONFIGURED) if job.name == "show"]
    assert [job.environment for job in shown] == [None] * len(ENVIRONMENTS)
    assert {_role(job.role or "")[1] for job in shown} == {"plan"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (PULL_REQUEST, {("plan.yml", "plan"), ("plan.yml", "review"), ("check.yml", "test")}),
        (FROM_FORK, {("plan.yml", "not-planned"), ("check.yml", "test")}),
        (BY_HAND_ELSEWHERE, {("check.yml", "test"), ("check.yml", "full")}),
        (SCHEDULE, {("drift.yml", "drift"), ("check.yml", "test"), ("check.yml", "full")}),
    ],
    ids=lambda one: one.head + " " + one.ref if isinstance(one, Event) else "",
)
def test_an_event_starts_the_jobs_that_it_should(
    event: Event, expected: set[tuple[str, str]]
) -> None:
    assert _names(jobs(event, CONFIGURED)) == expected


def test_a_copy_without_variables_runs_only_what_needs_no_account() -> None:
    for event in EVENTS:
        found = _names(jobs(event, {}))
        assert found <= {
            ("check.yml", "test"),
            ("check.yml", "full"),
            ("plan.yml", "not-planned"),
            ("apply.yml", "not-applied"),
        }
    assert ("plan.yml", "not-planned") in _names(jobs(PULL_REQUEST, {}))
    assert ("apply.yml", "not-applied") in _names(jobs(PUSH, {}))


def test_environments_that_are_not_named_are_left_out_and_the_rest_goes_on() -> None:
    some = CONFIGURED | {"PIPELINE_ENVIRONMENTS": json.dumps(["prod"])}
    assert [job.environment for job in jobs(PUSH, some) if job.name == "apply"] == ["prod"]
    assert len([job for job in jobs(PULL_REQUEST, some) if job.name == "plan"]) == 1


def test_with_hcp_terraform_no_job_assumes_a_role() -> None:
    hcp = {"PIPELINE_ENVIRONMENTS": CONFIGURED["PIPELINE_ENVIRONMENTS"]}
    found = jobs(PUSH, hcp)
    assert [job.environment for job in found if job.name == "apply"] == list(ENVIRONMENTS)
    assert {job.role for job in found} == {None}


def test_an_environment_has_one_run_at_a_time_which_is_never_cancelled() -> None:
    groups = {name: job["concurrency"] for name, job in _called().items()}
    assert groups == {
        name: {"group": f"apply-{name}", "cancel-in-progress": False} for name in ENVIRONMENTS
    }
    for name in ("plan.yml", "drift.yml"):
        assert WORKFLOWS[name]["concurrency"]["cancel-in-progress"] is False


def test_prod_waits_for_the_other_environments() -> None:
    assert _called()["staging"]["needs"] == "dev"
    assert _called()["prod"]["needs"] == ["dev", "staging"]


@pytest.mark.parametrize("result", ["failure", "cancelled"])
@pytest.mark.parametrize(("ended", "begun"), [("dev", set()), ("staging", {"dev"})])
def test_what_failed_or_gave_way_to_a_later_run_stops_the_next_environments(
    ended: str, begun: set[str], result: str
) -> None:
    found = jobs(PUSH, CONFIGURED, {ended: result})
    applied = {str(job.environment) for job in found if job.name == "apply"}
    assert applied - {ended} == begun


def test_the_reviews_of_all_environments_are_expected_even_if_every_plan_failed() -> None:
    found = jobs(PULL_REQUEST, CONFIGURED, {"plan": "failure"})
    assert ("plan.yml", "review") in _names(found)
    steps = WORKFLOWS["plan.yml"]["jobs"]["review"]["steps"]
    (download,) = [step for step in steps if "download-artifact" in step.get("uses", "")]
    assert download["continue-on-error"] is True
    (command,) = [step for step in steps if "-m ops" in step.get("run", "")]
    assert command["env"]["ENVIRONMENTS"] == "${{ vars.PIPELINE_ENVIRONMENTS }}"
    # Not the merge that GitHub checks out.
    assert command["env"]["COMMIT"] == "${{ github.event.pull_request.head.sha }}"


def test_nothing_but_the_masked_review_leaves_the_job_that_plans() -> None:
    def uploads(workflow: str, id_: str) -> list[str]:
        steps = WORKFLOWS[workflow]["jobs"][id_]["steps"]
        found = (step for step in steps if "upload-artifact" in step.get("uses", ""))
        return [step["with"]["path"] for step in found]

    reviews = uploads("plan.yml", "plan")
    assert reviews == ["build/pipeline/*/review.json"]
    assert uploads("apply-environment.yml", "show") == ["review.md"]
    planned = {job: _gitlab()[job]["artifacts"]["paths"] for job in _gitlab() if "plan " in job}
    assert list(planned.values()) == [reviews] * len(ENVIRONMENTS)


def test_the_region_is_that_of_the_settings() -> None:
    """`ops` refuses to work while AWS_REGION names another one, as the login's step does."""
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            steps = job.get("steps", [])
            if any("role-to-assume" in step.get("with", {}) for step in steps):
                (command,) = [step for step in steps if "-m ops" in step.get("run", "")]
                assert command["env"]["AWS_REGION"] == command["env"]["AWS_DEFAULT_REGION"] == ""


# --- GitLab ----------------------------------------------------------------------------------

_MERGE_REQUEST = '$CI_PIPELINE_SOURCE == "merge_request_event"'
_BRANCH = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
_SCHEDULE = '$CI_PIPELINE_SOURCE == "schedule"'


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_gitlab_jobs_get_their_roles_and_apply_only_the_protected_branch(environment: str) -> None:
    trust = trust_gitlab(
        GITLAB, partition="aws", provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITLAB_HOST}"
    )
    expected = {"plan": "plan", "show": "plan", "apply": "apply", "drift": "plan"}
    for kind, role in expected.items():
        job = _gitlab()[f"{kind} {environment}"]
        variables = job["variables"]
        account = f"$AWS_ACCOUNT_{environment.upper()}"
        assert _role(variables["AWS_ROLE_ARN"].replace(account, ACCOUNT)) == (environment, role)
        assert job["id_tokens"] == {"AWS_ID_TOKEN": {"aud": STS_AUDIENCE}}
        sources = {"plan": [_MERGE_REQUEST, _BRANCH], "drift": [_SCHEDULE]}.get(kind, [_BRANCH])
        for rule, source in zip(job["rules"], sources, strict=True):
            assert f'$PIPELINE_ENVIRONMENTS =~ /"{environment}"/' in rule["if"]
            assert rule["if"].startswith(source)
            protected = source != _MERGE_REQUEST
            branch = "main" if protected else "topic"
            claims = {
                "aud": STS_AUDIENCE,
                "sub": "project_path:my-company/platform/co2-analysis"
                f":ref_type:branch:ref:{branch}",
                "project_id": "456789",
                "ref_protected": str(protected).lower(),
            }
            # The protected branch may have both.
            assert role in roles(trust, GITLAB_HOST, claims).split(" and ")
        assert job.get("resource_group") == ("$ENVIRONMENT" if kind == "apply" else None)
        assert job.get("environment") == ("$ENVIRONMENT" if kind == "apply" else None)


def test_gitlab_asks_somebody_before_staging_and_prod() -> None:
    manual = {name for name, job in _gitlab().items() if job["rules"][0].get("when") == "manual"}
    assert manual == {"apply staging", "apply prod"}


def test_gitlab_plans_the_default_branch_by_hand_and_does_not_wait_for_it() -> None:
    for environment in ENVIRONMENTS:
        _, rule = _gitlab()[f"plan {environment}"]["rules"]
        assert '$CI_PIPELINE_SOURCE != "schedule"' in rule["if"]
        assert (rule["when"], rule["allow_failure"]) == ("manual", True)


# --- The commands ----------------------------------------------------------------------------


def _commands() -> Iterator[tuple[str, str]]:
    """Yield where a command of the pipeline is called, and its arguments with samples."""
    for name, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            for step in job.get("steps", []):
                yield name, step.get("run", "")
    for name, job in _gitlab().items():
        for line in job["script"]:
            yield name, line
    page = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:console|groovy)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            yield PAGE.name, line


def _sample(variable: re.Match[str]) -> str:
    samples = {"NUMBER": "7", "ENVIRONMENT": "prod", "expect": "--expect dev --expect prod"}
    return samples.get(variable[1], variable[1])


def _arguments() -> Iterator[tuple[str, list[str]]]:
    for where, text in _commands():
        joined = text.replace("\\\n", " ")
        for call in re.findall(r"python -m ops ((?:[^|>&;#'\n]|'[^']*')*)", joined):
            yield where, shlex.split(re.sub(r"\$\{?(\w+)\}?", _sample, call))


CALLS = list(_arguments())


@pytest.mark.parametrize(("where", "arguments"), CALLS)
def test_every_command_is_one_that_ops_has(where: str, arguments: list[str]) -> None:
    group, name, *rest = arguments
    assert group == "pipeline"
    command = typer.main.get_command(app)
    context = command.make_context("ops", [group, name])
    for word in (group, name):
        _, command, _ = command.resolve_command(context, [word])  # type: ignore[attr-defined]
    parsed = command.make_context(name, rest)
    assert parsed.args == []


def test_github_gitlab_and_the_page_call_each_command() -> None:
    called: dict[str, set[str]] = {}
    for where, arguments in CALLS:
        kind = {"yml": "GitHub", "md": "page"}.get(where.rpartition(".")[2], "GitLab")
        called.setdefault(kind, set()).add(arguments[1])
    assert called["GitHub"] == called["GitLab"] == {"plan", "review", "apply", "drift"}
    assert called["page"] >= {"plan", "review", "apply"}
