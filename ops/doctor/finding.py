"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ops.common.aws_errors import explained
from ops.common.errors import OperatorError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report; a remedy means that something is wrong."""

    what: str
    found: str
    remedy: str | None = None


Check = Callable[[], Iterator[Finding]]


def run(what: str, check: Check) -> Iterator[Finding]:
    """Yield what a check finds; where it cannot even look, that is a finding, too."""
    try:
        yield from check()
    except OperatorError as error:
        yield Finding(what=what, found=str(error), remedy=error.remedy or "see the message")
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        yield Finding(what=what, found=str(known), remedy=known.remedy or "see the message")
