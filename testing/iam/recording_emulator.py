"""Run the emulator, and write down every request that it gets."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.local.services.request_filter import App, Message, Receive, Scope, Send

FILE = "RECORDED_REQUESTS"
_LONGEST_BODY = 200_000


class Recorder:
    """The ASGI application before ``app``: appends a line of JSON to ``file`` for each request."""

    def __init__(self, app: App, file: Path) -> None:
        self._app = app
        self._file = file.open("a", encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and write it down with its status."""
        if scope["type"] != "http" or scope["path"].startswith("/_ministack"):
            await self._app(scope, receive, send)
            return
        body, status = bytearray(), 0

        async def received() -> Message:
            message = await receive()
            if len(body) < _LONGEST_BODY:
                body.extend(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, received, sent)
        line: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            },
            "body": base64.b64encode(bytes(body[:_LONGEST_BODY])).decode(),
            "status": status,
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def main() -> None:
    """Run the emulator."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from ministack import app  # noqa: PLC0415

    from ops.local.services import patched_ministack  # noqa: PLC0415
    from testing.iam.missing_services import MissingServices  # noqa: PLC0415

    app.app = Recorder(MissingServices(app.app), Path(os.environ[FILE]))
    patched_ministack.main()


if __name__ == "__main__":
    main()
