"""The prompt before anything is written or deleted."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ops.common.errors import BadInputError, RefusedError
from ops.common.options import Confirm, DryRun, Yes
from ops.common.target import Target


@dataclass(frozen=True, kw_only=True)
class Consent:
    """The options that answer the prompt in advance."""

    dry_run: DryRun = False
    yes: Yes = False
    confirm: Confirm = None


def require_answerable(target: Target, consent: Consent) -> None:
    """Require that a prompt can be answered, before a command works for its question.

    Raises:
        BadInputError: ``confirm`` names another environment.
        RefusedError: The options do not confirm, and stdin is not a terminal.

    """
    if not (consent.dry_run or is_confirmed(target, consent) or sys.stdin.isatty()):
        raise _unconfirmed(target, f"{target.name} is not changed without a confirmation")


def require_confirmation(target: Target, consent: Consent, *, what: str) -> None:
    """Prompt for confirmation of ``what`` unless the options give it.

    An environment that retains its data wants its name: typed, or as ``confirm``.

    Raises:
        BadInputError: ``confirm`` names another environment.
        RefusedError: The operator declined, or stdin is not a terminal.

    """
    if is_confirmed(target, consent):
        return
    if not sys.stdin.isatty():
        raise _unconfirmed(target, f"not confirmed: {what}")
    if target.guarded:
        confirmed = _answer(f"{what}\nType the environment's name, {target.name}, to continue: ")
        accepted = {target.name}
    else:
        confirmed = _answer(f"{what}\nContinue? [y/N] ").lower()
        accepted = {"y", "yes"}
    if confirmed not in accepted:
        raise RefusedError("not confirmed; nothing was changed")


def is_confirmed(target: Target, consent: Consent) -> bool:
    """Return whether the options confirm, so that there is no prompt.

    Raises:
        BadInputError: ``confirm`` names another environment.

    """
    if consent.confirm not in {None, target.name}:
        raise BadInputError(
            f"--confirm {consent.confirm} does not name this environment, {target.name}",
            remedy="check --env; nothing was changed",
        )
    return consent.confirm is not None or (consent.yes and not target.guarded)


def _unconfirmed(target: Target, message: str) -> RefusedError:
    remedy = f"add --confirm {target.name}" if target.guarded else "add --yes"
    return RefusedError(message, remedy=remedy)


def _answer(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
