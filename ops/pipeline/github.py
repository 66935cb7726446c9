"""The sticky comment of a pull request and the sticky issue of an environment, through ``gh api``.

Both are found again by a hidden marker at their beginning. Anybody may write such a marker, so only
what the caller's own account wrote counts.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from ops.common.errors import (
    AccessError,
    BadInputError,
    MissingError,
    MissingToolError,
    OperatorError,
)
from ops.review.markdown import GITHUB_LIMIT, MARKER, size

_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/(?!\.\.?$)[A-Za-z0-9._-]+")
_STATUS = re.compile(r"\(HTTP (\d{3})\)")
_TIMEOUT_SECONDS = 60
# gh's own exit code if it has no token.
_NOT_LOGGED_IN = 4
# They make gh print something else than the answer: traces (with headers), colours, prompts.
_NOT_FOR_GH = ("GH_DEBUG", "DEBUG", "GH_FORCE_TTY", "CLICOLOR_FORCE")
_INSTALL = "install GitHub's command line, gh: https://cli.github.com"
_LOG_IN = "set GH_TOKEN to a token, in GitHub Actions to ${{ github.token }}, or run gh auth login"
_LOOK = (
    "check the name and the number; issues may be switched off, and a token that may not read the"
    " repository gets this answer, too"
)
_PERMIT = (
    "the token needs to write pull requests (for a comment) or issues (for an issue): in GitHub"
    " Actions `permissions: pull-requests: write` or `issues: write` of the job"
)

_Json = Mapping[str, Any]


def put_comment(
    repository: str, number: int, body: str, *, user_environment: Mapping[str, str]
) -> str:
    """Create or edit the sticky comment of a pull request, and return its URL.

    Raises:
        MissingToolError: gh is not installed.
        AccessError: GitHub refused the token, or could not be reached.
        MissingError: There is no such repository or pull request.
        OperatorError: GitHub refused the comment.

    """
    github = _Github(repository, user_environment)
    text = _marked(MARKER, body)
    path = f"issues/{number}/comments"
    found = github.own(path, MARKER)
    if found is None:
        return str(github.send("POST", path, {"body": text})["html_url"])
    if not _same(found["body"], text):
        found = github.send("PATCH", f"issues/comments/{found['id']}", {"body": text})
    return str(found["html_url"])


def put_issue(
    repository: str, title: str, body: str, *, key: str, user_environment: Mapping[str, str]
) -> str:
    """Create or edit the open issue of ``key``, such as ``drift:prod``, and return its URL.

    Raises as `put_comment`.
    """
    github = _Github(repository, user_environment)
    wanted = {"title": title, "body": _marked(_issue_marker(key), body)}
    found = _open_issue(github, key)
    if found is None:
        return str(github.send("POST", "issues", wanted)["html_url"])
    if found["title"] != title or not _same(found["body"], wanted["body"]):
        found = github.send("PATCH", f"issues/{found['number']}", wanted)
    return str(found["html_url"])


def close_issue(
    repository: str, *, key: str, comment: str, user_environment: Mapping[str, str]
) -> str | None:
    """Comment on the open issue of ``key``, close it, and return its URL; None if there is none.

    Raises as `put_comment`.
    """
    github = _Github(repository, user_environment)
    found = _open_issue(github, key)
    if found is None:
        return None
    path = f"issues/{found['number']}"
    github.send("POST", f"{path}/comments", {"body": comment})
    closed = github.send("PATCH", path, {"state": "closed", "state_reason": "completed"})
    return str(closed["html_url"])


def _open_issue(github: _Github, key: str) -> _Json | None:
    # GitHub lists pull requests among the issues; whoever opens one writes its text.
    return github.own(
        "issues?state=open", _issue_marker(key), suitable=lambda one: "pull_request" not in one
    )


def _issue_marker(key: str) -> str:
    return f"<!-- ops-{key} -->"


def _marked(marker: str, body: str) -> str:
    """Return a text that begins with its marker.

    Raises:
        OperatorError: It is too long.

    """
    text = body if body.startswith(marker) else f"{marker}\n{body}"
    if size(text) > GITHUB_LIMIT:
        raise OperatorError(
            f"the text has {size(text):,} characters, and GitHub takes {GITHUB_LIMIT:,}",
            remedy="publish it as an artifact, and put a shorter one here",
        )
    return text


def _same(found: str | None, wanted: str) -> bool:
    """Return whether two texts are equal, apart from what GitHub may normalize."""
    return (found or "").replace("\r\n", "\n").strip() == wanted.replace("\r\n", "\n").strip()


class _Github:
    """Requests to the API of a repository."""

    def __init__(self, repository: str, user_environment: Mapping[str, str]) -> None:
        # It becomes part of a path.
        if not _REPOSITORY.fullmatch(repository):
            raise BadInputError(
                f"the repository {repository!r} is not of the form OWNER/NAME",
                remedy="name it as in its address on GitHub",
            )
        self._repository = repository
        self._environment = {
            **{name: value for name, value in user_environment.items() if name not in _NOT_FOR_GH},
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "NO_COLOR": "1",
        }

    def own(
        self, path: str, marker: str, *, suitable: Callable[[_Json], bool] = lambda _: True
    ) -> _Json | None:
        """Return the oldest of our own comments or issues that begins with a marker."""
        endpoint = self._endpoint(path) + ("&" if "?" in path else "?") + "per_page=100"
        marked = [
            one
            for page in _documents(self._gh([endpoint, "--paginate"]))
            for one in page
            if (one["body"] or "").startswith(marker) and suitable(one)
        ]
        if not marked:
            return None
        login = self._login()
        ours = [one for one in marked if one["user"] and one["user"]["login"].lower() == login]
        return min(ours, key=lambda one: int(one["id"]), default=None)

    def send(self, method: str, path: str, content: _Json) -> _Json:
        """Send a change; its content goes over standard input, where nobody else sees it."""
        arguments = [self._endpoint(path), "--method", method, "--input", "-"]
        answer: _Json = json.loads(self._gh(arguments, json.dumps(content)))
        return answer

    def _login(self) -> str:
        """Return the login of the token's account, in lower case.

        ``GET /user`` refuses the tokens of GitHub Actions and of other apps. The viewer is their
        bot, such as ``github-actions[bot]``, which is also the author of what they write.
        """
        answer = json.loads(self._gh(["graphql", "-f", "query={viewer{login}}"]))
        return str(answer["data"]["viewer"]["login"]).lower()

    def _endpoint(self, path: str) -> str:
        return f"repos/{self._repository}/{path}"

    def _gh(self, arguments: list[str], sent: str | None = None) -> str:
        command = ["gh", "api", *arguments]
        try:
            done = subprocess.run(
                command,
                input=sent or "",
                env=self._environment,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise MissingToolError("gh is not on the PATH", remedy=_INSTALL) from error
        except subprocess.TimeoutExpired as error:
            raise AccessError(f"GitHub did not answer in {_TIMEOUT_SECONDS} seconds") from error
        if done.returncode != 0:
            raise self._error(done.returncode, done.stdout, done.stderr.strip())
        return done.stdout

    def _error(self, code: int, answer: str, said: str) -> OperatorError:
        if code == _NOT_LOGGED_IN:
            return AccessError("gh has no token for GitHub", remedy=_LOG_IN)
        found = _STATUS.search(said)
        reason = f"{said or f'gh failed with exit code {code}'}{_details(answer)}"
        if found is None:
            return AccessError(f"GitHub could not be reached: {reason}")
        status = int(found[1])
        if status == HTTPStatus.UNAUTHORIZED:
            return AccessError(f"GitHub does not accept the token: {reason}", remedy=_LOG_IN)
        if status == HTTPStatus.FORBIDDEN and "rate limit" not in reason.lower():
            return AccessError(f"GitHub denied access: {reason}", remedy=_PERMIT)
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return MissingError(f"not found in {self._repository}: {reason}", remedy=_LOOK)
        return OperatorError(f"GitHub refused the request: {reason}")


def _documents(printed: str) -> Iterator[list[_Json]]:
    """Yield the pages: one array after another, or all in one, by gh's version."""
    decoder = json.JSONDecoder()
    rest = printed.strip()
    while rest:
        page, end = decoder.raw_decode(rest)
        yield page
        rest = rest[end:].lstrip()


def _details(answer: str) -> str:
    """Return the reasons in an answer, which gh does not print for every error."""
    try:
        errors = json.loads(answer).get("errors", [])
    except (ValueError, AttributeError):
        return ""
    reasons = [str(one.get("message", one)) if isinstance(one, dict) else one for one in errors]
    return "".join(f"; {reason}" for reason in reasons)
