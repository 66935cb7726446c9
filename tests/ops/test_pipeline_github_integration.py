"""The sticky comment and the sticky issue: GitHub's own gh writes them to a stand-in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.common.errors import AccessError, MissingError, OperatorError
from ops.pipeline.github import close_issue, put_comment, put_issue
from ops.review.markdown import GITHUB_LIMIT, MARKER
from testing.github.server import Account, GithubStandIn

REPOSITORY = "my-company/co2-analysis"
BOT = "github-actions[bot]"
DRIFT = "<!-- ops-drift:prod -->"

pytestmark = pytest.mark.integration

if shutil.which("gh") is None:
    pytest.skip(
        "GH IS NOT INSTALLED, so no comment and no issue is tested: https://cli.github.com",
        allow_module_level=True,
    )


@pytest.fixture
def github() -> Iterator[GithubStandIn]:
    """Return the repository with one pull request, number 1, which somebody commented on."""
    with GithubStandIn(REPOSITORY) as running:
        running.open("octocat", "Raise the capacity.", pull_request=True)
        running.comment(1, "octocat", "Please review.")
        yield running


def _comment(github: GithubStandIn, body: str, *, number: int = 1, token: str | None = None) -> str:
    environment = github.environment(os.environ)
    if token:
        environment["GH_TOKEN"] = token
    return put_comment(REPOSITORY, number, body, user_environment=environment)


def _issue(github: GithubStandIn, body: str, *, title: str = "Drift in prod") -> str:
    return put_issue(
        REPOSITORY,
        title,
        body,
        key="drift:prod",
        user_environment=github.environment(os.environ),
    )


def _close(github: GithubStandIn) -> str | None:
    return close_issue(
        REPOSITORY,
        key="drift:prod",
        comment="No drift any more.",
        user_environment=github.environment(os.environ),
    )


def _bodies(github: GithubStandIn, author: str = BOT) -> list[str | None]:
    return [one.body for one in github.issues[1].comments if one.author == author]


def _changes(github: GithubStandIn) -> list[tuple[str, str]]:
    return [
        (seen.method, seen.path)
        for seen in github.requests
        if seen.method != "GET" and seen.path != "/graphql"
    ]


def test_a_pull_request_keeps_one_comment_however_often_it_is_reviewed(
    github: GithubStandIn,
) -> None:
    first = _comment(github, "3 to change ☂")
    second = _comment(github, "4 to change ☂")
    assert first == second
    assert first.startswith(f"https://github.com/{REPOSITORY}/")
    assert _bodies(github) == [f"{MARKER}\n4 to change ☂"]


def test_an_equal_comment_is_left_alone(github: GithubStandIn) -> None:
    url = _comment(github, "3 to change\n")
    # A browser that edited it would have left these line ends, without the last one.
    made = github.issues[1].comments[-1]
    made.body = (made.body or "").replace("\n", "\r\n").strip()
    del github.requests[:]
    assert _comment(github, "3 to change\n") == url
    assert _changes(github) == []


def test_a_comment_that_somebody_else_marked_is_neither_edited_nor_taken_for_ours(
    github: GithubStandIn,
) -> None:
    theirs = f"{MARKER}\nnothing to do, merge me"
    github.comment(1, "stranger", theirs)
    _comment(github, "1 table to destroy")
    _comment(github, "2 tables to destroy")
    assert _bodies(github, "stranger") == [theirs]
    assert _bodies(github) == [f"{MARKER}\n2 tables to destroy"]


def test_a_marker_that_is_quoted_in_a_comment_of_ours_does_not_count(
    github: GithubStandIn,
) -> None:
    github.comment(1, BOT, f"> {MARKER}\nanother workflow's comment")
    _comment(github, "3 to change")
    assert len(_bodies(github)) == 2


@pytest.mark.parametrize("login", ["octocat", "my-deployer[bot]", "github-actions[bot]"])
def test_users_and_apps_find_their_own_comment(github: GithubStandIn, login: str) -> None:
    # GitHub compares logins without regard to case.
    token = github.accept(Account(login=login.title()))
    for text in ("one", "two"):
        _comment(github, text, token=token)
    mine = [one for one in github.issues[1].comments if one.author == login.title()]
    assert [one.body for one in mine] == [f"{MARKER}\ntwo"]


def test_the_comment_is_found_behind_hundreds_of_others(github: GithubStandIn) -> None:
    for number in range(150):
        github.comment(1, "octocat", f"discussion {number}")
    _comment(github, "one")
    for number in range(150):
        github.comment(1, "octocat", f"more discussion {number}")
    _comment(github, "two")
    assert _bodies(github) == [f"{MARKER}\ntwo"]
    pages = [seen for seen in github.requests if "page=4" in seen.path]
    assert len(pages) == 1


def test_the_longest_comment_arrives_and_a_longer_one_is_refused_before_it_is_sent(
    github: GithubStandIn,
) -> None:
    longest = "x" * (GITHUB_LIMIT - len(MARKER) - 1)
    _comment(github, longest)
    assert _bodies(github) == [f"{MARKER}\n{longest}"]
    del github.requests[:]
    with pytest.raises(OperatorError, match="65,537 characters") as error:
        _comment(github, longest + "x")
    assert error.value.remedy
    assert github.requests == []


def test_what_github_itself_refuses_is_named(
    github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.pipeline.github.GITHUB_LIMIT", 10**6)
    with pytest.raises(OperatorError, match="Body is too long"):
        _comment(github, "x" * 70_000)


def test_errors_say_what_is_wrong_and_what_to_do(github: GithubStandIn) -> None:
    with pytest.raises(AccessError, match="does not accept the token") as rejected:
        _comment(github, "text", token="ghs_expired")
    assert "GH_TOKEN" in (rejected.value.remedy or "")

    reader = github.accept(Account(login=BOT, may_write=False))
    with pytest.raises(AccessError, match="Resource not accessible by integration") as denied:
        _comment(github, "text", token=reader)
    assert "pull-requests: write" in (denied.value.remedy or "")

    with pytest.raises(MissingError, match=REPOSITORY):
        _comment(github, "text", number=404)


def test_without_a_token_nothing_is_asked(github: GithubStandIn) -> None:
    environment = github.environment(os.environ)
    del environment["GH_TOKEN"]
    with pytest.raises(AccessError, match="no token") as error:
        put_comment(REPOSITORY, 1, "text", user_environment=environment)
    assert "gh auth login" in (error.value.remedy or "")
    assert github.requests == []


def test_an_unreachable_github_is_no_traceback(github: GithubStandIn, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(f"http_unix_socket: {tmp_path}/none\n", encoding="utf-8")
    environment = {**github.environment(os.environ), "GH_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(AccessError, match="could not be reached"):
        put_comment(REPOSITORY, 1, "text", user_environment=environment)


def test_the_text_of_a_comment_is_no_argument_of_a_process(
    github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    run = subprocess.run

    def recorded(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", recorded)
    _comment(github, "a very secret plan")
    assert commands
    assert "secret" not in str(commands)


def test_settings_for_debugging_gh_do_not_break_it(github: GithubStandIn) -> None:
    environment = {**github.environment(os.environ), "GH_DEBUG": "api", "GH_FORCE_TTY": "100%"}
    for _ in range(2):
        put_comment(REPOSITORY, 1, "text", user_environment=environment)
    assert len(_bodies(github)) == 1


def test_drift_has_one_open_issue_that_is_edited_closed_and_opened_anew(
    github: GithubStandIn,
) -> None:
    assert _close(github) is None

    first = _issue(github, "1 alarm was changed")
    assert _issue(github, "2 alarms were changed", title="More drift in prod") == first
    issue = github.issues[2]
    assert (issue.title, issue.body) == ("More drift in prod", f"{DRIFT}\n2 alarms were changed")

    assert _close(github) == first
    assert issue.state == "closed"
    assert [one.body for one in issue.comments] == ["No drift any more."]
    assert _close(github) is None

    assert _issue(github, "1 alarm was changed") != first
    assert len(github.issues) == 3


def test_an_equal_issue_is_left_alone(github: GithubStandIn) -> None:
    url = _issue(github, "1 alarm was changed")
    del github.requests[:]
    assert _issue(github, "1 alarm was changed") == url
    assert _changes(github) == []


def test_issues_of_others_of_other_environments_and_pull_requests_do_not_count(
    github: GithubStandIn,
) -> None:
    others = [
        github.open("stranger", f"{DRIFT}\nall is well"),
        github.open(BOT, "<!-- ops-drift:dev -->\ndrift in dev"),
        github.open(BOT, f"{DRIFT}\na pull request", pull_request=True),
        github.open(BOT, None),
    ]
    before = [github.issues[number].body for number in others]
    _issue(github, "1 alarm was changed")
    assert [github.issues[number].body for number in others] == before
    _close(github)
    assert [github.issues[number].state for number in others] == ["open"] * 4
