"""Structured logs: one JSON object per line on standard output.

Lambda's JSON log format filters on `timestamp` and `level`. Fields are names, codes and counts;
never headers, bodies, credentials or the message of an exception from another library.
"""

from __future__ import annotations

import datetime
import json
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar

LogValue = str | int | float | bool | list[str] | None

request_id: ContextVar[str] = ContextVar("request_id", default="-")


def info(event: str, emf: Mapping[str, object] | None = None, **fields: LogValue) -> None:
    """Log normal operation; `emf` adds the members of `metrics.emf_members`."""
    _write("INFO", event, {**fields, **(emf or {})})


def warning(event: str, **fields: LogValue) -> None:
    """Log a failure that the request tolerates."""
    _write("WARN", event, fields)


def error(event: str, **fields: LogValue) -> None:
    """Log a failure that needs attention."""
    _write("ERROR", event, fields)


def exception_fields(raised: BaseException) -> dict[str, LogValue]:
    """Return an exception's type and stack frames.

    Without its message, which may quote a header, a body or a key.
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
    # A single write keeps the lines of concurrent writers intact.
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()
