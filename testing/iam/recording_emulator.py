"""The emulator with what it lacks, and IAM as AWS documents it.

It writes down every request. With ``AUTH=true`` the emulator authenticates the caller, finds the
role's policies and evaluates them; four things are replaced, because it

- derives other resources than AWS from most requests, such as ``*`` or the log group of a stream
- checks one action for each request: not the tags of a new resource, nor that a role is passed
- has no ``iam:PermissionsBoundary`` in the context
- sees plain HTTP, which the policies of the buckets deny
"""

from __future__ import annotations

import base64
import json
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.local.services.request_filter import App, Message, Receive, Scope, Send

FILE = "RECORDED_REQUESTS"
_LONGEST_BODY = 10_000_000

# The request that is answered, as a line of the recording.
_current: ContextVar[str] = ContextVar("current")


class Recorder:
    """The ASGI application before ``app``: appends a line of JSON to ``file`` for each request."""

    def __init__(self, app: App, file: Path) -> None:
        self._app = app
        self._file = file.open("a", encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write a request down, and pass it on."""
        if scope["type"] != "http" or scope["path"].startswith("/_ministack"):
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)

        async def received() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        line: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            },
            "body": base64.b64encode(body).decode() if len(body) < _LONGEST_BODY else "",
        }
        _current.set(json.dumps(line))
        # Before the response, so that whoever has it finds the line.
        self._file.write(f"{_current.get()}\n")
        self._file.flush()
        await self._app(scope, received, send)


def _evaluate_as_aws() -> None:
    """Have the emulator evaluate the calls that AWS evaluates for a request."""
    from ministack.core import iam_actions, iam_evaluator  # noqa: PLC0415
    from ministack.services import iam  # noqa: PLC0415

    from testing.iam.calls import Call, Request, calls  # noqa: PLC0415

    enforce = iam_evaluator.enforce

    def boundary_of(role: str) -> str | None:
        boundary: str | None = (iam._roles.get(role) or {}).get("PermissionsBoundary")
        return boundary

    def current() -> Iterator[Call]:
        return calls(Request.read(_current.get()), boundary_of)

    def enforce_all(access_key_id: str, _: str, service: str, region: str, **__: Any) -> Any:
        iam_evaluator._request_origin.set(("127.0.0.1", True))
        for call in current():
            denied = enforce(
                *(access_key_id, call.action, service, region),
                resource_arn=call.resource,
                service_context=dict(call.context),
            )
            if denied:
                return denied
        return None

    def first_action(*_: Any, **__: Any) -> str:
        """Return an action for every request: what has none is not checked at all."""
        return next((call.action for call in current()), "iam:GetUser")

    setattr(iam_evaluator, "enforce", enforce_all)  # noqa: B010 - mypy rejects the assignment
    setattr(iam_actions, "extract_iam_action", first_action)  # noqa: B010


def main() -> None:
    """Run the emulator."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from ministack import app  # noqa: PLC0415

    from ops.local.services import patched_ministack  # noqa: PLC0415
    from testing.iam.missing_services import MissingServices  # noqa: PLC0415

    if os.environ.get("AUTH") == "true":
        _evaluate_as_aws()
    app.app = Recorder(MissingServices(app.app), Path(os.environ[FILE]))
    patched_ministack.main()


if __name__ == "__main__":
    main()
