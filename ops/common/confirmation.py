"""Asking before anything is written or deleted."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ops.common.errors import BadInputError, RefusedError
from ops.common.target import Target


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What the options say about asking."""

    dry_run: bool = False
    yes: bool = False
    confirm: str | None = None


def require(target: Target, consent: Consent, *, what: str) -> None:
    """Return if the operator agrees to ``what``, a short sentence in the infinitive.

    Where data is retained, only the environment's name counts: typed, or in ``confirm``.

    Raises:
        BadInputError: ``confirm`` names another environment.
        RefusedError: The operator said no, or there is no one to ask.

    """
    if consent.confirm is not None:
        if consent.confirm != target.name:
            raise BadInputError(
                f"--confirm {consent.confirm} is not this environment, {target.name}",
                remedy="check --env; nothing was changed",
            )
        return
    if consent.yes and not target.guarded:
        return
    if not sys.stdin.isatty():
        raise RefusedError(
            f"not confirmed: {what}",
            remedy=f"add --confirm {target.name}" if target.guarded else "add --yes",
        )
    if target.guarded:
        answer = _ask(f"{what}\nThis is {target.name}. Type its name to go on: ")
        agreed = answer == target.name
    else:
        answer = _ask(f"{what}\nGo on? [y/N] ")
        agreed = answer.lower() in {"y", "yes"}
    if not agreed:
        raise RefusedError("not confirmed; nothing was changed")


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
