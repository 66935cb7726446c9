"""Run MiniStack with the head and the body of each response sent in one write.

In two writes, the body may still be on its way when the AWS SDK for Go, which the provider uses,
reuses the connection. The connection is then closed, the SDK retries, and the resource that the
first request created "already exists": about one creation in 400 on a busy machine.
"""

from __future__ import annotations

import runpy
from typing import Any

import h11
from hypercorn.events import RawData
from hypercorn.protocol.h11 import H11Protocol


async def send(protocol: Any, event: Any) -> None:
    """Send an event of a response; hold its head back until the next event."""
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


if __name__ == "__main__":
    setattr(H11Protocol, "_send_h11_event", send)  # noqa: B010 - mypy rejects the assignment
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
