"""The logs of plans and applies while they are written."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial

import httpx
from pytfe.errors import ServerError

from ops.hcp.client import Client

_CHUNK_BYTES = 64 * 1024
_PAUSE_SECONDS = 0.5
_START, _END = b"\x02", b"\x03"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def lines(client: Client, what: str, url: str, is_done: Callable[[], bool]) -> Iterator[str]:
    """Yield the lines of a log until it ends, or until ``is_done`` and nothing is left.

    ``url`` is a secret, since whoever has it can read the log: it is sent without the token.

    Raises:
        OperatorError: The log could not be read.

    """
    offset = 0
    rest = b""
    while True:
        done = is_done()
        chunk = client.read(f"read the log of {what}", partial(_read, client.open, url, offset))
        offset += len(chunk)
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (text(line) for line in complete)
        if _END in rest or (done and not chunk):
            break
        if not chunk:
            time.sleep(_PAUSE_SECONDS)
    if last := text(rest):
        yield last


def _read(client: httpx.Client, url: str, offset: int) -> bytes:
    where = httpx.URL(url).copy_merge_params({"limit": _CHUNK_BYTES, "offset": offset})
    try:
        answer = client.get(where)
    except httpx.HTTPError as error:
        raise ServerError(type(error).__name__) from None
    # Nothing was written yet, or nothing after the offset.
    if answer.status_code in {404, 416}:
        return b""
    if answer.is_error:
        raise ServerError("the log is not available", status=answer.status_code)
    return answer.content


def text(line: bytes) -> str:
    """Return a line for people: without frame and colours, and of structured logs the message."""
    shown = line.replace(_START, b"").replace(_END, b"").decode("utf-8", "replace").rstrip("\r")
    if shown.startswith("{"):
        try:
            entry = json.loads(shown)
        except ValueError:
            return shown
        if isinstance(entry, dict) and "@message" in entry:
            detail = entry.get("diagnostic", {}).get("detail", "")
            shown = f"{entry['@message']}{': ' if detail else ''}{detail}"
    return _COLOUR.sub("", shown).expandtabs(2)
