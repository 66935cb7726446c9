"""Run MiniStack behind the request filter; its functions inherit nothing."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import h11
from hypercorn.events import RawData
from hypercorn.protocol.h11 import H11Protocol

if TYPE_CHECKING:
    from ops.local.services.request_filter import App, Receive, Scope, Send

# What Lambda sets for every function, and MiniStack's workers need.
_SET_BY_LAMBDA = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"),
}


async def send(protocol: Any, event: Any) -> None:
    """Send an event of a response; hold its head back until the next event.

    If head and body are sent in two writes, the body may still be on its way when the AWS SDK for
    Go, which the provider uses, reuses the connection. The connection is then closed, the SDK
    retries, and the resource that the first request created "already exists": about one creation
    in 400 on a busy machine.
    """
    if isinstance(event, h11.Response):
        protocol.head = event
        return
    head = protocol.__dict__.pop("head", None)
    try:
        data = b"".join(protocol.connection.send(part) for part in (head, event) if part)
    except h11.LocalProtocolError:
        if protocol.connection.their_state != h11.ERROR:
            raise
    else:
        await protocol.send(RawData(data=data))


class MiniStack:
    """What the request filter asks MiniStack."""

    def secret(self, key_id: str, token: str | None) -> str | None:
        """Return the secret of an access key: of the root user, of an IAM user, or of a session."""
        from ministack import app  # noqa: PLC0415
        from ministack.core import iam_evaluator, responses  # noqa: PLC0415

        try:
            responses.set_request_account_id(app._request_account_scope(key_id))
        except iam_evaluator.AmbiguousAccessKeyError:
            return None
        found = iam_evaluator.resolve_credential(key_id, session_token=token)
        secret: str | None = getattr(found, "secret_access_key", None)
        return secret

    def public(self, host: str) -> App | None:
        """Return the handler of a distribution, or of a function's URL without authorization.

        MiniStack's own entry point would search the path for administrative requests first.
        """
        from ministack import app  # noqa: PLC0415

        label = app._parse_cloudfront_dataplane_host(host)
        if label and app._get_module("cloudfront").find_distribution_for_label(label):
            return _distribution
        url = app._LAMBDA_URL_RE.match(host)
        found = url and app._get_module("lambda_svc").resolve_function_url(url.group(1))
        if found and found[-1].get("AuthType") == "NONE":
            return _function_url
        return None


async def _distribution(scope: Scope, receive: Receive, send: Send) -> None:
    from ministack import app  # noqa: PLC0415

    headers, query, body = await _opened(scope, receive)
    response = await app._handle_cloudfront_dataplane_request(
        *(headers["host"], scope["path"], scope["raw_path"].decode("latin-1")),
        *(scope["query_string"].decode("latin-1"), scope["method"], headers, body, query),
        scope["client"][0],
    )
    await app._send_if_handled(app._with_date_header(send), response, receive)


async def _function_url(scope: Scope, receive: Receive, send: Send) -> None:
    from ministack import app  # noqa: PLC0415

    headers, query, body = await _opened(scope, receive)
    response = await app._handle_lambda_url_request(
        headers["host"], scope["path"], scope["method"], headers, body, query
    )
    await app._send_if_handled(app._with_date_header(send), response, receive)


async def _opened(
    scope: Scope, receive: Receive
) -> tuple[dict[str, str], dict[str, list[str]], bytes]:
    """Return headers, query parameters and body as MiniStack's handlers expect them."""
    from ministack import app  # noqa: PLC0415
    from ministack.core import responses  # noqa: PLC0415

    responses.set_request_account_id("")
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return headers, query, await app._read_request_body(receive, scope["method"], headers)


def start_function(
    command: list[str], *, env: Mapping[str, str], cwd: str, **options: Any
) -> subprocess.Popen[Any]:
    """Start a function with its own variables only, in an empty home.

    MiniStack adds them to its own environment, which is the developer's for the most part.
    """
    home = tempfile.mkdtemp(prefix="home-", dir=Path(cwd).parent)
    own = {
        name: value
        for name, value in env.items()
        if name not in os.environ or name in _SET_BY_LAMBDA
    }
    shell = {"PATH": os.defpath, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
    return subprocess.Popen(command, env={**shell, **own}, cwd=cwd, **options)


def main() -> None:
    """Run MiniStack."""
    # As a script, this file has no package; see `emulator.command`.
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    from ministack import app  # noqa: PLC0415
    from ministack.core import lambda_runtime  # noqa: PLC0415

    from ops.local.services.request_filter import RequestFilter  # noqa: PLC0415

    setattr(H11Protocol, "_send_h11_event", send)  # noqa: B010 - mypy rejects the assignment
    app.app = RequestFilter(app.app, MiniStack(), int(os.environ["GATEWAY_PORT"]))
    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": start_function})
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
