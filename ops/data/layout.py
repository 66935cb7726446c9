"""Keys of the observations in the bucket: ``observations/YYYY/MM/name``."""

from __future__ import annotations

import re

from ops.common.errors import BadInputError
from ops.data.validation import Verdict

ROOT = "observations/"
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def prefix(month: str | None) -> str:
    """Return the prefix of a month, ``YYYY-MM``, or of all months.

    Raises:
        BadInputError: The month is invalid.

    """
    if month is None:
        return ROOT
    match = _MONTH.fullmatch(month)
    if not match:
        raise BadInputError(f"{month!r} is not a month", remedy="write it as 2025-11")
    return f"{ROOT}{match[1]}/{match[2]}/"


def key(verdict: Verdict, month: str | None) -> str:
    """Return the key of a file in ``month``, or else in the month of its features.

    Raises:
        BadInputError: The month is unknown, or the file's name is not safe in a URL.

    """
    path = verdict.path
    if not _NAME.fullmatch(path.name):
        raise BadInputError(
            f"{path.name!r} cannot be part of a key",
            remedy="rename the file: letters, digits, dots, hyphens and underscores",
        )
    if month is None:
        if len(verdict.months) != 1:
            months = ", ".join(sorted(verdict.months)) or "none"
            raise BadInputError(
                f"{path}: the dates of the features do not give a single month ({months})",
                remedy="add the month: --month 2025-11",
            )
        (month,) = verdict.months
    return f"{prefix(month)}{path.name}"
