"""Structured logs: one JSON object a line on standard output.

`timestamp` and `level` are the names Lambda's own JSON log format filters on. Callers pass
names, codes and counts; never headers, bodies, keys or the text of a foreign exception.
"""

from __future__ import annotations

import datetime
import json
import sys
import traceback
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LogValue = str | int | float | bool | list[str] | None

request_id: ContextVar[str] = ContextVar("request_id", default="-")


def info(event: str, embedded: Mapping[str, object] | None = None, **fields: LogValue) -> None:
    """Log what a healthy service does; `embedded` turns the line into metrics, too."""
    _write("INFO", event, {**fields, **(embedded or {})})


def warning(event: str, **fields: LogValue) -> None:
    """Log a failure the request survives."""
    _write("WARN", event, fields)


def error(event: str, **fields: LogValue) -> None:
    """Log a failure somebody has to look at."""
    _write("ERROR", event, fields)


def exception_fields(raised: BaseException) -> dict[str, LogValue]:
    """Return an exception's type and code locations, without its message.

    The message of a foreign exception may quote what it was given: a header, a body, a key.
    """
    frames = traceback.extract_tb(raised.__traceback__)
    return {
        "exception": type(raised).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _write(level: str, event: str, fields: Mapping[str, object]) -> None:
    now = datetime.datetime.now(datetime.UTC)
    record: dict[str, object] = {
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": event,
        "request_id": request_id.get(),
        **fields,
    }
    # One write call: lines of concurrent writers stay whole.
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()
