"""The request filter before the emulator: an ASGI application that admits signed requests only.

The emulator itself checks neither signature nor origin, and allows every page to read its responses
(CORS). Any page in the developer's browser could create a function and with it read files. The
filter admits

- no page of another origin, and no host name but this machine's and those of AWS: an attacker's
  name can resolve to 127.0.0.1 (DNS rebinding)
- the probe that waits for the start, which returns nothing secret and changes nothing
- what AWS serves to anybody: distributions, and URLs of functions with the authorization type NONE
- requests that are signed with a key that the emulator knows: the one of its root user, which is
  new in each run, or one that it has issued
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from modules.settings.local_aws import LocalAws
from ops.local.services import signature
from ops.local.services.signature import InvalidSignatureError, Request, Signature

_LOG = logging.getLogger(__name__)

READY_PATH = "/_ministack/ready"

Scope = Mapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".cloudfront.net")
_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[::1\])(?::(?P<port>\d{1,5}))?", re.IGNORECASE)

# CreateFunction has the largest body whose hash the client does not announce: 50 MB in base64.
_LARGEST_UNVERIFIED = 128 * 1024 * 1024
# Closing a connection with unread data could discard the response.
_DRAINED = 1024 * 1024


class Emulator(Protocol):
    """What the request filter asks the emulator behind it."""

    def secret(self, key_id: str, token: str | None) -> str | None:
        """Return the secret of an access key, or None if it is unknown or the token is wrong."""

    def public(self, host: str) -> App | None:
        """Return what serves the requests to a host that need no signature, or None."""


class RefusedRequestError(Exception):
    """The request is not let through; ``str()`` is the cause."""

    def __init__(self, cause: str, *, remedy: str) -> None:
        super().__init__(cause)
        self.remedy = remedy


class RequestFilter:
    """The ASGI application before ``app``, which the ``emulator`` serves on ``port``."""

    def __init__(
        self,
        app: App,
        emulator: Emulator,
        port: int,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._app = app
        self._emulator = emulator
        self._port = port
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            body = _Body(receive)
            try:
                app, received = await self._admitted(_request(scope), body)
            except RefusedRequestError as refusal:
                # The SDKs show no plain text of most services.
                _LOG.warning("refused: %s %r: %s", scope["method"], scope["raw_path"], refusal)
                await _refuse(refusal, body, send)
            except ConnectionError:
                return
            else:
                await app(scope, received, send)
        else:
            # No resource of the project has a WebSocket API.
            await send({"type": "websocket.close"})

    async def _admitted(self, request: Request, receive: Receive) -> tuple[App, Receive]:
        """Return the application that answers a request, and the body for it."""
        try:
            host = self._own_host(request)
            self._require_own_page(request)
            if (request.method, request.path) == ("GET", READY_PATH.encode()):
                return self._app, receive
            if public := self._emulator.public(host):
                return public, receive
            signed = signature.read(request)
            if signed is None:
                raise RefusedRequestError(
                    "the request is not signed",
                    remedy="sign it with the key of this run:"
                    f" profile {LocalAws.profile} in {LocalAws.credentials_file}",
                )
            return self._app, await self._verified(request, signed, receive)
        except InvalidSignatureError as error:
            raise RefusedRequestError(
                str(error),
                remedy="sign it anew with the key of this run, which `make up` has written:"
                f" profile {LocalAws.profile} in {LocalAws.credentials_file}",
            ) from error

    def _own_host(self, request: Request) -> str:
        host = request.value("host") or ""
        parts = _HOST.fullmatch(host)
        name = parts["name"].strip("[]").lower() if parts else ""
        if not (name in _LOOPBACK or name.endswith((".localhost", *_AWS))):
            raise RefusedRequestError(
                f"the host {host!r} is neither this machine nor emulated",
                remedy=f"use http://127.0.0.1:{self._port}",
            )
        return host

    def _require_own_page(self, request: Request) -> None:
        origins = [one for one in request.values("origin") if not self._is_own(one)]
        if origins or "cross-site" in request.values("sec-fetch-site"):
            raise RefusedRequestError(
                f"a page of another origin sent the request: {', '.join(origins) or 'cross-site'}",
                remedy="no other site may use the local AWS; open a distribution by its address,"
                f" http://ID.cloudfront.localhost:{self._port}",
            )

    def _is_own(self, origin: str) -> bool:
        parts = _HOST.fullmatch(origin.removeprefix("http://"))
        if parts is None or parts["port"] != str(self._port):
            return False
        name = parts["name"].strip("[]").lower()
        return origin.startswith("http://") and (name in _LOOPBACK or name.endswith(".localhost"))

    async def _verified(self, request: Request, signed: Signature, receive: Receive) -> Receive:
        """Return the verified body, to be received once more."""
        secret = self._emulator.secret(signed.key_id, signed.token)
        if secret is None:
            raise InvalidSignatureError(f"the access key {signed.key_id} or its token is unknown")
        if signed.payload is not None:
            # Before the body is read, of which a valid signature permits any length.
            signed.verify(request, secret, signed.payload, self._now())
            if not signed.covers_body:
                return receive
        limit = _LARGEST_UNVERIFIED if signed.payload is None else None
        chunks, digest = await _read(receive, limit)
        if signed.payload is None:
            signed.verify(request, secret, digest, self._now())
        elif not hmac.compare_digest(digest, signed.payload):
            raise InvalidSignatureError("the body is not the one that was signed")
        return _replayed(chunks, receive)


class _Body:
    """The body of a request; ``ended`` is whether all of it was received."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return message


def _request(scope: Scope) -> Request:
    return Request(
        method=scope["method"],
        path=scope["raw_path"],
        query=scope["query_string"],
        headers=scope["headers"],
    )


async def _read(receive: Receive, limit: int | None) -> tuple[deque[bytes], str]:
    """Read a body; return its chunks and the SHA-256 of all."""
    chunks: deque[bytes] = deque()
    digest, size, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the client has closed the connection")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if limit is not None and size > limit:
            raise InvalidSignatureError(f"the body is over {limit} bytes and its hash not signed")
        digest.update(chunk)
        chunks.append(chunk)
    return chunks, digest.hexdigest()


def _replayed(chunks: deque[bytes], receive: Receive) -> Receive:
    async def receive_again() -> Message:
        if not chunks:
            return await receive()
        # Forgotten here at once, since the emulator keeps a copy.
        chunk = chunks.popleft()
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    return receive_again


async def _refuse(refusal: RefusedRequestError, body: _Body, send: Send) -> None:
    drained = 0
    while not body.ended and drained < _DRAINED:
        drained += len((await body()).get("body", b""))
    text = f"The local AWS refuses this: {refusal}.\nRemedy: {refusal.remedy}.\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})
