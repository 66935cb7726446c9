"""Constraints on a single setting, written beside its type: ``Annotated[int, Between(1, 9)]``."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Complaint:
    """Why a value is refused, and what to write instead."""

    reason: str
    remedy: str


@runtime_checkable
class Constraint(Protocol):
    """Judges one value that already has the right type."""

    def complaint(self, value: object, /) -> Complaint | None:
        """Return why ``value`` is refused, or None."""


@dataclass(frozen=True)
class Between:
    """A number from ``low`` to ``high``, both included; ``source`` names who sets the limits."""

    low: int
    high: int
    unit: str = ""
    source: str = ""

    def complaint(self, value: object, /) -> Complaint | None:
        """Return why ``value`` is out of range, or None."""
        if isinstance(value, int) and self.low <= value <= self.high:
            return None
        limits = f"{self.low} to {self.high}{f' {self.unit}' if self.unit else ''}"
        because = f" ({self.source})" if self.source else ""
        return Complaint(f"it is outside {limits}{because}", f"write a number from {limits}")


@dataclass(frozen=True)
class OneOf:
    """One of a service's fixed numbers."""

    values: tuple[int, ...]
    source: str

    def complaint(self, value: object, /) -> Complaint | None:
        """Return why ``value`` is none of them, or None."""
        if value in self.values:
            return None
        listed = ", ".join(map(str, self.values))
        return Complaint(f"{self.source} takes only certain numbers", f"write one of {listed}")


@dataclass(frozen=True)
class Among:
    """One of a few words; for a single choice without a list ``Literal`` does."""

    words: tuple[str, ...]

    def complaint(self, value: object, /) -> Complaint | None:
        """Return why ``value`` is none of them, or None."""
        if value in self.words:
            return None
        near = difflib.get_close_matches(str(value), self.words, n=1)
        listed = ", ".join(f'"{word}"' for word in self.words)
        remedy = f'did you mean "{near[0]}"?' if near else f"write one of {listed}"
        return Complaint("there is no such thing here", remedy)


@dataclass(frozen=True)
class Matches:
    """Text that fits ``pattern`` as a whole; ``form`` says it in words, ``example`` shows one."""

    pattern: str
    form: str
    example: str

    def complaint(self, value: object, /) -> Complaint | None:
        """Return why ``value`` does not fit, or None."""
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return None
        return Complaint(f"it is not {self.form}", f'write it like "{self.example}"')


@dataclass(frozen=True)
class HttpsUrl:
    """An ``https`` address without path, query or user: what browsers call an origin.

    ``star`` allows ``"*"``; plain ``http`` is allowed for loopback hosts, where nothing crosses a
    network.
    """

    star: bool = False

    def complaint(self, value: object, /) -> Complaint | None:
        """Return why ``value`` is no such address, or None."""
        if self.star and value == "*":
            return None
        if isinstance(value, str) and _is_origin(value):
            return None
        allowed = ', or "*" for any' if self.star else ""
        return Complaint(
            "it is no origin URL (scheme and host, no path)",
            f'write it like "https://app.example.org"{allowed}',
        )


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host names this machine itself."""
    return host in {"localhost", "127.0.0.1", "::1"}


def _is_origin(value: str) -> bool:
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", value):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname
    if not host or (parts.scheme == "http" and not is_loopback(host)):
        return False
    return ":" in host or all(
        re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", label) for label in host.split(".")
    )
