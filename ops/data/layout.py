"""Where an observation lies in the bucket: ``observations/YYYY/MM/name``."""

from __future__ import annotations

import re
from pathlib import Path

from ops.common.errors import BadInputError
from ops.data.validation import Verdict

ROOT = "observations/"
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def prefix(month: str | None) -> str:
    """Return the prefix of a month, ``YYYY-MM``, or of all of them.

    Raises:
        BadInputError: It is no month.

    """
    if month is None:
        return ROOT
    match = _MONTH.fullmatch(month)
    if not match:
        raise BadInputError(f"{month!r} is no month", remedy="write it as 2025-11")
    return f"{ROOT}{match[1]}/{match[2]}/"


def key(verdict: Verdict, month: str | None) -> str:
    """Return the key of a file: of the ``month`` named, else of the one its features tell.

    Raises:
        BadInputError: The month is unknown, or the file's name cannot stand in a URL as it is.

    """
    path: Path = verdict.path
    if not _NAME.fullmatch(path.name):
        raise BadInputError(
            f"{path.name!r} cannot be part of a key",
            remedy="rename the file: letters, digits, dots, hyphens and underscores",
        )
    if month is None:
        if len(verdict.months) != 1:
            told = ", ".join(sorted(verdict.months)) or "none"
            raise BadInputError(
                f"{path}: the features' dates do not tell one month ({told})",
                remedy="name it: --month 2025-11",
            )
        (month,) = verdict.months
    return f"{prefix(month)}{path.name}"
