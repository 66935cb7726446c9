"""Versions as Terraform writes them, and the constraints on them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_CONSTRAINT = re.compile(r"(>=|<=|!=|>|<|=)?\s*(\d+(?:\.\d+){0,2})")
_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def parse_version(text: str) -> Version:
    """Return the numbers of a version such as ``1.11.4`` or ``v1.12.0-beta1``.

    Raises ValueError if there are none.
    """
    match = _VERSION.match(text.strip().removeprefix("v"))
    if not match:
        raise ValueError(f"{text!r} is no version")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch


def satisfies(version: str, constraint: str) -> bool:
    """Return whether ``version`` meets every part of a constraint such as ``>= 5.1, < 7.0``.

    Raises ValueError if one of them cannot be read.
    """
    found = parse_version(version)
    for part in constraint.split(","):
        match = _CONSTRAINT.fullmatch(part.strip())
        if not match:
            raise ValueError(f"{part.strip()!r} is no version constraint that is known here")
        if not _OPERATORS[match[1] or "="](found, parse_version(match[2])):
            return False
    return True
