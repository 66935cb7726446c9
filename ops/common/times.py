"""Times and lengths of time as operators type them. All times are UTC."""

from __future__ import annotations

import datetime as dt
import re

from ops.common.errors import BadInputError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LENGTH = re.compile(r"([0-9]{1,6})([smhdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def length(text: str) -> dt.timedelta:
    """Return a length of time like ``90s``, ``15m``, ``1h``, ``7d`` or ``2w``.

    Raises:
        BadInputError: It is none, or zero.

    """
    match = _LENGTH.fullmatch(text)
    if not match or int(match[1]) == 0:
        raise BadInputError(
            f"{text!r} is no length of time", remedy="write a number and s, m, h, d or w: 90m"
        )
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])})


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """Return a time: ``2026-05-14T12:00:00Z``, a day (its start), or a length before ``now``.

    Raises:
        BadInputError: It is none of these, or does not say its offset from UTC.

    """
    if _LENGTH.fullmatch(text):
        try:
            return now - length(text)
        except OverflowError as error:
            raise BadInputError(
                f"{text!r} is too long ago", remedy="choose a later time"
            ) from error
    try:
        time = dt.datetime.fromisoformat(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
        if time.tzinfo is None:
            raise BadInputError(
                f"{text!r} could be local time or UTC", remedy=f"write {text}Z for UTC"
            )
        return time.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(
            f"{text!r} is no time",
            remedy="write 2026-05-14T12:00:00Z, 2026-05-14, or 2h for two hours ago",
        ) from error


def text(time: dt.datetime) -> str:
    """Return a time as the cache's items hold it: whole seconds, fixed width, ``Z``."""
    return time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def now() -> dt.datetime:
    """Return the time in UTC."""
    return dt.datetime.now(tz=dt.UTC)
