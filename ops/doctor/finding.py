"""The result of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ops.common.aws_errors import translate
from ops.common.errors import OperatorError
from ops.common.session import Session


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report; a remedy marks it as a problem, or as a warning."""

    found: str
    remedy: str | None = None
    warning: bool = False

    @property
    def status(self) -> Literal["ok", "WARN", "WRONG"]:
        """The first column of the report."""
        if self.remedy is None:
            return "ok"
        return "WARN" if self.warning else "WRONG"


Check = Callable[[Session], Iterator[Finding]]


def run(check: Check, session: Session) -> Iterator[Finding]:
    """Yield the findings of a check; an error that it raises becomes a finding."""
    try:
        yield from check(session)
    except Exception as error:
        known = error if isinstance(error, OperatorError) else translate(error)
        if known is None:
            raise
        yield Finding(found=str(known), remedy=known.remedy or "see the message")
