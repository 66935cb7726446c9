"""The logical clear: under a new namespace every cache key is new, so no old answer is found."""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})", re.DOTALL)


def next_namespace(value: str) -> str:
    """Return a namespace that was not used before: the number at the end is incremented."""
    match = _NUMBERED.fullmatch(value)
    return f"{match[1]}{int(match[2]) + 1}" if match else f"{value}-2"
