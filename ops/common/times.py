"""Times and durations as operators type them. All times are UTC."""

from __future__ import annotations

import datetime as dt
import re

from ops.common.errors import BadInputError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_time(text: str, now: dt.datetime) -> dt.datetime:
    """Return a time: ``2026-05-14T12:00:00Z``, a day (its start), or a duration before ``now``.

    A duration is a number and a unit: ``90s``, ``15m``, ``1h``, ``7d`` or ``2w``.

    Raises:
        BadInputError: The text is none of these, or has no offset from UTC.

    """
    try:
        if duration := _DURATION.fullmatch(text):
            return now - dt.timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        time = dt.datetime.fromisoformat(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
        if time.tzinfo is None:
            raise BadInputError(
                f"{text!r} could be local time or UTC", remedy=f"write {text}Z for UTC"
            )
        return time.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(
            f"{text!r} is not a valid time",
            remedy="write 2026-05-14T12:00:00Z, 2026-05-14, or 2h for two hours ago",
        ) from error


def format_time(time: dt.datetime) -> str:
    """Return a time in the format of ``cached_at``: whole seconds, fixed width, ``Z``."""
    return time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def now() -> dt.datetime:
    """Return the current time in UTC."""
    return dt.datetime.now(tz=dt.UTC)
