"""What the request filter before the emulator lets through."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ops.local.services import request_filter
from ops.local.services.request_filter import App, Message, Receive, RequestFilter, Scope, Send

PORT = 4566
HOST = f"127.0.0.1:{PORT}"
KEY, SECRET = "AKIALOCAL0", "a secret"


@dataclass
class Ministack:
    """An emulator that records what reaches it."""

    bodies: list[bytes] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def secret(self, key_id: str, token: str | None) -> str | None:
        self.tokens.append(token)
        return SECRET if key_id == KEY else None

    def public(self, host: str) -> App | None:
        return self.show if host == f"d1.cloudfront.localhost:{PORT}" else None

    async def show(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.shown.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


@pytest.fixture
def ministack() -> Ministack:
    return Ministack()


def ask(
    ministack: Ministack,
    *,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | None = None,
    chunks: Sequence[bytes] = (b"",),
) -> Answer:
    answer, left = Answer(), list(chunks)

    async def receive() -> Message:
        assert left, "nothing is left to receive"
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.text += message["body"].decode()

    bare, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"Host": HOST, **(headers or {})}.items()
        ],
    }
    asyncio.run(RequestFilter(ministack, ministack, PORT)(scope, receive, send))
    return answer


def signed(body: bytes = b"{}", *, key: str = KEY, secret: str = SECRET, **more: str) -> Any:
    request = AWSRequest(method="POST", url=f"http://{HOST}/", data=body, headers=more)
    SigV4Auth(Credentials(key, secret), "dynamodb", "us-east-1").add_auth(request)
    return dict(request.headers.items())


class _Signer(S3SigV4Auth):
    def payload(self, request: AWSRequest) -> str:
        return str(request.context["signed as"])


def signed_for_s3(payload: str) -> Any:
    request = AWSRequest(method="PUT", url=f"http://{HOST}/b/k", data=b"")
    request.context["signed as"] = payload
    _Signer(Credentials(KEY, SECRET), "s3", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_a_signed_request_passes_with_its_body(ministack: Ministack) -> None:
    answer = ask(ministack, method="POST", headers=signed(b"{}"), chunks=[b"{", b"", b"}"])

    assert answer.status == 200
    assert ministack.bodies == [b"{}"]
    assert ministack.tokens == [None]


def test_the_token_is_handed_to_the_emulator(ministack: Ministack) -> None:
    headers = signed(b"{}", **{"x-amz-security-token": "a-token"})

    assert ask(ministack, method="POST", headers=headers, chunks=[b"{}"]).status == 200
    assert ministack.tokens == ["a-token"]


@pytest.mark.parametrize("chunks", [[b"{", b"]"], [b"{}", b"x"], [b""]])
def test_another_body_is_refused(ministack: Ministack, chunks: list[bytes]) -> None:
    answer = ask(ministack, method="POST", headers=signed(b"{}"), chunks=chunks)

    assert answer.status == 403
    assert "not that of this request and this key" in answer.text
    assert ministack.bodies == []


@pytest.mark.parametrize(
    ("key", "secret", "cause"),
    [
        (KEY, "another secret", "not that of this request and this key"),
        ("test", "test", "the access key test or its token is unknown"),
    ],
)
def test_a_forged_signature_is_refused(
    ministack: Ministack, key: str, secret: str, cause: str
) -> None:
    headers = signed(key=key, secret=secret)
    answer = ask(ministack, method="POST", headers=headers, chunks=[b"{}"])

    assert answer.status == 403
    assert cause in answer.text
    assert "Remedy: sign it anew with the key of this run" in answer.text


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/_ministack/reset", "/_ministack/health", "/bucket/key"])
def test_an_unsigned_request_is_refused(ministack: Ministack, method: str, path: str) -> None:
    answer = ask(ministack, method=method, path=path, chunks=[b"x", b"y"])

    assert answer.status == 403
    assert "the request is not signed" in answer.text
    assert "profile co2-analysis-local in .local/aws/credentials" in answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert not any(name.startswith("access-control-") for name in answer.headers)
    assert ministack.bodies == []


def test_the_probe_needs_no_signature(ministack: Ministack) -> None:
    assert ask(ministack, path="/_ministack/ready").status == 200
    assert ask(ministack, path="/_ministack/ready", method="POST").status == 403
    assert ask(ministack, path="/_ministack/ready/x").status == 403


def test_the_body_of_s3_is_verified_against_its_hash(ministack: Ministack) -> None:
    headers = signed_for_s3(hashlib.sha256(b"data").hexdigest())
    options: Any = {"method": "PUT", "path": "/b/k", "headers": headers}

    assert ask(ministack, **options, chunks=[b"da", b"ta"]).status == 200
    answer = ask(ministack, **options, chunks=[b"da", b"tA"])
    assert answer.status == 403
    assert "the body is not the one that was signed" in answer.text
    assert ministack.bodies == [b"data"]


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_a_body_that_s3_does_not_sign_is_passed_on(ministack: Ministack, payload: str) -> None:
    options: Any = {"method": "PUT", "path": "/b/k", "headers": signed_for_s3(payload)}

    assert ask(ministack, **options, chunks=[b"da", b"ta"]).status == 200
    assert ministack.bodies == [b"data"]


def test_a_body_of_unknown_hash_is_limited(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_filter, "_LARGEST_UNVERIFIED", 3)

    assert ask(ministack, method="POST", headers=signed(b"abc"), chunks=[b"abc"]).status == 200
    answer = ask(ministack, method="POST", headers=signed(b"abcd"), chunks=[b"ab", b"cd"])
    assert answer.status == 403
    assert "over 3 bytes" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": f"http://example.com\\@localhost:{PORT}"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://localhost"},
        {"Origin": f"https://localhost:{PORT}"},
        {"Origin": f"http://localhost.example.com:{PORT}"},
        {"Origin": f"http://localhost:{PORT}@example.com"},
        {"Origin": "http://localhost:port"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "more", [{}, {"Host": f"d1.cloudfront.localhost:{PORT}"}, signed()], ids=["", "site", "signed"]
)
def test_a_page_of_another_origin_is_refused(
    ministack: Ministack, headers: dict[str, str], more: dict[str, str]
) -> None:
    answer = ask(ministack, method="POST", headers={**more, **headers}, chunks=[b"{}"])

    assert answer.status == 403
    assert "a page of another origin sent the request" in answer.text
    assert not ministack.bodies
    assert not ministack.shown


@pytest.mark.parametrize(
    "origin",
    [f"http://{HOST}", f"http://[::1]:{PORT}", f"http://d1.cloudfront.localhost:{PORT}"],
)
def test_a_page_of_the_local_aws_may_use_it(ministack: Ministack, origin: str) -> None:
    headers = {**signed(), "Origin": origin, "Sec-Fetch-Site": "same-origin"}

    assert ask(ministack, method="POST", headers=headers, chunks=[b"{}"]).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("example.com", f"example.com:{PORT}", "192.168.0.7", "127.0.0.1.example.com"),
        *("localhost.example.com", "notlocalhost", "amazonaws.com.example.com", "", "a b", "[::2]"),
        *("localhost/x", "localhost@example.com", "evilamazonaws.com"),
    ],
)
def test_another_host_is_refused(ministack: Ministack, host: str) -> None:
    answer = ask(ministack, method="POST", headers={**signed(), "Host": host}, chunks=[b"{}"])

    assert answer.status == 403
    assert "is neither this machine nor emulated" in answer.text
    assert f"use http://127.0.0.1:{PORT}" in answer.text


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", HOST, "localhost", "LOCALHOST:1", f"[::1]:{PORT}", "b.s3.localhost"),
        *("x.lambda-url.us-east-1.on.aws", "s3.us-east-1.amazonaws.com", "d1.cloudfront.net"),
    ],
)
def test_hosts_of_this_machine_and_of_aws_pass(ministack: Ministack, host: str) -> None:
    assert ask(ministack, path="/_ministack/ready", headers={"Host": host}).status == 200


def test_a_distribution_is_public(ministack: Ministack) -> None:
    headers = {"Host": f"d1.cloudfront.localhost:{PORT}"}

    assert ask(ministack, path="/_ministack/reset", headers=headers).status == 200
    assert ministack.shown == ["/_ministack/reset"], "the distribution serves it, no dispatcher"
    headers = {"Host": f"d2.cloudfront.localhost:{PORT}"}
    assert ask(ministack, headers=headers).status == 403


def test_a_client_that_is_gone_gets_nothing(ministack: Ministack) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pytest.fail("sent")

    headers = [(name.lower().encode(), value.encode()) for name, value in signed().items()]
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", HOST.encode()), *headers],
    }
    asyncio.run(RequestFilter(ministack, ministack, PORT)(scope, receive, send))
    assert ministack.bodies == []


def test_web_sockets_are_closed(ministack: Ministack) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(RequestFilter(ministack, ministack, PORT)({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close"}]
