"""The HTTP server of the stand-in, which GitHub's own ``gh`` talks to over a Unix socket.

with GithubStandIn("my-company/co2-analysis") as github:
    subprocess.run(["gh", "api", "user"], env=github.environment(os.environ))

https://docs.github.com/en/rest/issues (version 2022-11-28) describes the endpoints.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

LONGEST_BODY = 65_536
_PAGE, _LONGEST_PAGE = 30, 100

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who holds a token: a user or, with the suffix ``[bot]``, an app such as GitHub Actions."""

    login: str
    may_write: bool = True

    @property
    def is_app(self) -> bool:
        return self.login.endswith("[bot]")


@dataclass(kw_only=True)
class Text:
    """A comment, or what an issue and a pull request have in common."""

    id: int
    author: str
    body: str | None
    title: str | None = None
    state: str = "open"
    is_pull_request: bool = False
    comments: list[Text] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that the stand-in answered."""

    method: str
    path: str
    status: int


class _RefusedError(Exception):
    def __init__(self, status: int, message: str, errors: list[Json] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"message": message, **({"errors": errors} if errors else {})}


@dataclass(frozen=True, kw_only=True)
class _Request:
    account: Account
    path: str
    query: Mapping[str, str]
    content: Json


@dataclass(frozen=True, kw_only=True)
class _Response:
    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class GithubStandIn:
    """A running stand-in with one repository; ``token`` is that of ``account``.

    ``issues`` has its issues and pull requests by number, ``requests`` what was asked.
    """

    def __init__(self, repository: str, *, account: str = "github-actions[bot]") -> None:
        self.repository = repository
        self.issues: dict[int, Text] = {}
        self.requests: list[Seen] = []
        self._accounts: dict[str, Account] = {}
        self._ids = iter(range(1, 1_000_000))
        self._lock = threading.Lock()
        self.token = self.accept(Account(login=account))
        # A socket's path has 107 characters at most, so it is in no folder of a test.
        self._folder = Path(tempfile.mkdtemp(prefix="github-"))
        socket = self._folder / "socket"
        config = {"version": "1", "http_unix_socket": str(socket)}
        text = "".join(f"{name}: {value}\n" for name, value in config.items())
        (self._folder / "config.yml").write_text(text, encoding="utf-8")
        self._server = _Server(str(socket), self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._folder)

    def environment(self, user_environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which gh, and nothing else, talks to the stand-in.

        gh's setting ``http_unix_socket`` sends all of its requests there, those to github.com, too.
        """
        kept = {
            name: value
            for name, value in user_environment.items()
            if not name.startswith(("GH_", "GITHUB_"))
        }
        return {**kept, "GH_CONFIG_DIR": str(self._folder), "GH_TOKEN": self.token}

    def accept(self, account: Account) -> str:
        """Return a new token of an account."""
        token = f"ghs_{secrets.token_hex(18)}"
        self._accounts[token] = account
        return token

    def open(self, author: str, body: str | None, *, pull_request: bool = False) -> int:
        """Open an issue or a pull request, and return its number."""
        number = len(self.issues) + 1
        self.issues[number] = Text(
            id=next(self._ids),
            author=author,
            body=body,
            title=f"Number {number}",
            is_pull_request=pull_request,
        )
        return number

    def comment(self, number: int, author: str, body: str) -> Text:
        """Add a comment."""
        text = Text(id=next(self._ids), author=author, body=body)
        self.issues[number].comments.append(text)
        return text

    def answer(self, method: str, target: str, authorization: str | None, body: bytes) -> _Response:
        parts = urlsplit(target)
        try:
            with self._lock:
                response = self._answer(method, parts.path, parts.query, authorization, body)
        except _RefusedError as error:
            response = _Response(status=error.status, content=error.content)
        self.requests.append(Seen(method=method, path=target, status=response.status))
        return response

    def _answer(
        self, method: str, path: str, query: str, authorization: str | None, body: bytes
    ) -> _Response:
        account = self._accounts.get((authorization or "").rpartition(" ")[2])
        if account is None:
            raise _RefusedError(401, "Bad credentials")
        content = json.loads(body) if body else {}
        if (method, path) == ("POST", "/graphql"):
            if "".join(content["query"].split()) != "{viewer{login}}":
                raise _RefusedError(400, "the stand-in knows one query only")
            return _Response(status=200, content={"data": {"viewer": {"login": account.login}}})
        if (method, path) == ("GET", "/user"):
            if account.is_app:
                raise _RefusedError(403, "Resource not accessible by integration")
            return _Response(status=200, content={"login": account.login, "type": "User"})
        request = _Request(
            account=account, path=path, query=dict(parse_qsl(query)), content=content
        )
        prefix = f"/repos/{self.repository}/"
        for verb, pattern, handle in self._routes():
            matched = re.fullmatch(pattern, path.removeprefix(prefix))
            if path.startswith(prefix) and verb == method and matched:
                if method != "GET" and not account.may_write:
                    raise _RefusedError(403, "Resource not accessible by integration")
                return handle(request, *(int(one) for one in matched.groups()))
        raise _RefusedError(404, "Not Found")

    def _routes(self) -> list[tuple[str, str, Callable[..., _Response]]]:
        return [
            ("GET", r"issues", self._list_issues),
            ("POST", r"issues", self._create_issue),
            ("PATCH", r"issues/(\d+)", self._update_issue),
            ("GET", r"issues/(\d+)/comments", self._list_comments),
            ("POST", r"issues/(\d+)/comments", self._create_comment),
            ("PATCH", r"issues/comments/(\d+)", self._update_comment),
        ]

    def _list_issues(self, request: _Request) -> _Response:
        state = request.query.get("state", "open")
        newest_first = reversed(self.issues.items())
        found = [self._issue(n, one) for n, one in newest_first if state in ("all", one.state)]
        return _paginated(request, found)

    def _create_issue(self, request: _Request) -> _Response:
        if not request.content.get("title"):
            raise _invalid("missing_field", "title")
        _checked(request.content)
        number = self.open(request.account.login, request.content.get("body"))
        self.issues[number].title = request.content["title"]
        return _Response(status=201, content=self._issue(number, self.issues[number]))

    def _update_issue(self, request: _Request, number: int) -> _Response:
        issue = self._existing(number)
        _checked(request.content)
        for name in ("title", "body", "state"):
            setattr(issue, name, request.content.get(name, getattr(issue, name)))
        return _Response(status=200, content=self._issue(number, issue))

    def _list_comments(self, request: _Request, number: int) -> _Response:
        found = [self._comment(number, one) for one in self._existing(number).comments]
        return _paginated(request, found)

    def _create_comment(self, request: _Request, number: int) -> _Response:
        self._existing(number)
        if not request.content.get("body"):
            raise _invalid("missing_field", "body")
        _checked(request.content)
        made = self.comment(number, request.account.login, request.content["body"])
        return _Response(status=201, content=self._comment(number, made))

    def _update_comment(self, request: _Request, id_: int) -> _Response:
        for number, issue in self.issues.items():
            for comment in issue.comments:
                if comment.id == id_:
                    _checked(request.content)
                    comment.body = request.content["body"]
                    return _Response(status=200, content=self._comment(number, comment))
        raise _RefusedError(404, "Not Found")

    def _existing(self, number: int) -> Text:
        if number not in self.issues:
            raise _RefusedError(404, "Not Found")
        return self.issues[number]

    def _issue(self, number: int, issue: Text) -> Json:
        kind = "pull" if issue.is_pull_request else "issues"
        url = f"https://github.com/{self.repository}/{kind}/{number}"
        content = {**_text(issue, url), "number": number, "title": issue.title}
        if issue.is_pull_request:
            content["pull_request"] = {"html_url": url}
        return {**content, "state": issue.state}

    def _comment(self, number: int, comment: Text) -> Json:
        address = f"https://github.com/{self.repository}/issues/{number}"
        return _text(comment, f"{address}#issuecomment-{comment.id}")


def _text(text: Text, url: str) -> Json:
    kind = "Bot" if text.author.endswith("[bot]") else "User"
    user = {"login": text.author, "type": kind}
    return {"id": text.id, "body": text.body, "html_url": url, "user": user}


def _invalid(code: str, name: str, message: str | None = None) -> _RefusedError:
    error = {"resource": "IssueComment", "code": code, "field": name, "message": message}
    return _RefusedError(422, "Validation Failed", [error])


def _checked(content: Json) -> None:
    if len(content.get("body") or "") > LONGEST_BODY:
        raise _invalid(
            "unprocessable", "body", f"Body is too long (maximum is {LONGEST_BODY} characters)"
        )


def _paginated(request: _Request, found: list[Json]) -> _Response:
    """Return a page, with the addresses of the others in the header ``Link``."""
    size = min(int(request.query.get("per_page", _PAGE)), _LONGEST_PAGE)
    page = int(request.query.get("page", 1))
    headers = {}
    if page * size < len(found):
        query = urlencode({**request.query, "page": page + 1})
        headers["Link"] = f'<https://api.github.com{request.path}?{query}>; rel="next"'
    return _Response(status=200, content=found[(page - 1) * size : page * size], headers=headers)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, stand_in: GithubStandIn) -> None:
        self.stand_in = stand_in
        super().__init__(path, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        stand_in = self.server.stand_in
        response = stand_in.answer(
            self.command, self.path, self.headers["Authorization"], self._body()
        )
        content = json.dumps(response.content).encode()
        self.send_response(response.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _handle  # noqa: N815 - names that the base class looks for

    def _body(self) -> bytes:
        """Read the body; gh sends what it reads from standard input in chunks."""
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing: ``requests`` has what was asked."""
