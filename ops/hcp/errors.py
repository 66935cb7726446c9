"""Errors of HCP Terraform and its client, in one line with a remedy, and without secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pydantic
from pytfe.errors import AuthError, NotFound, RateLimited, ServerError, TFEError

from ops.common.errors import AccessError, BusyError, MissingError, OperatorError
from ops.common.output import printable
from ops.hcp.access import Access, token_variable

# What the client raises on an answer of another shape than it expects.
_NOT_UNDERSTOOD = (AttributeError, KeyError, TypeError, ValueError, pydantic.ValidationError)
_UNAUTHORIZED = 401
_CONFLICT = 409
# Actions that another's approval, discard or cancellation can forestall.
_OF_RUNS = ("apply ", "discard ", "cancel ")


@contextmanager
def translated(what: str, access: Access, secrets: Collection[str] = ()) -> Iterator[None]:
    """Translate an error of the client; ``what`` is the attempted action, like "read a run".

    Raises:
        OperatorError: The request failed; without ``__cause__`` where that has a secret.

    """
    try:
        yield
    except (TFEError, *_NOT_UNDERSTOOD) as error:
        known = _translate(error, what, access)
        text = str(known)
        for secret in (access.token, *secrets):
            text = text.replace(secret, "***")
        known.args = (text,)
        # pydantic quotes its input, and HCP Terraform may quote a rejected value.
        hidden = not isinstance(error, TFEError) or any(
            secret in str(error) for secret in (access.token, *secrets)
        )
        raise known from (None if hidden else error)


def _translate(error: Exception, what: str, access: Access) -> OperatorError:
    host = access.hostname
    if not isinstance(error, TFEError):
        return OperatorError(
            f"{host}: cannot {what}: the answer is not understood ({_kind(error)})",
            remedy="check the hostname in [state.hcp]; update pytfe if HCP Terraform has changed",
        )
    message = printable(" ".join(str(error).split()))
    if error.status == _UNAUTHORIZED:
        return AccessError(
            f"{host} rejects the token: {message}",
            remedy=f"terraform login {host}, or set {token_variable(host)} to a valid token",
        )
    status = f" (HTTP {error.status})" if error.status else ""
    if isinstance(error, RateLimited):
        wait = "a minute" if error.retry_after is None else f"{error.retry_after:.0f} seconds"
        return OperatorError(
            f"{host}: cannot {what}: {message}{status}",
            remedy=f"wait {wait} and run it again; it resumes",
        )
    if error.status == _CONFLICT and what.startswith(_OF_RUNS):
        return BusyError(
            f"{host}: cannot {what}: {message}{status}",
            remedy="look at the run in HCP Terraform, where somebody may have acted on it",
        )
    for kind, translation, remedy in _TRANSLATIONS:
        if kind(error):
            return translation(f"{host}: cannot {what}: {message}{status}", remedy=remedy)
    return OperatorError(f"{host}: cannot {what}: {message}{status}")


_TRANSLATIONS: tuple[tuple[Callable[[TFEError], bool], type[OperatorError], str], ...] = (
    (
        lambda error: isinstance(error, AuthError),
        AccessError,
        "use a token with the rights that docs/hcp-terraform.md lists",
    ),
    (
        lambda error: isinstance(error, NotFound),
        MissingError,
        "check the organization, the rights of the token, and with `ops hcp status` the workspaces",
    ),
    (
        lambda error: error.status == _CONFLICT,
        BusyError,
        "`ops hcp status` shows locks; run it again when nobody else changes the workspaces",
    ),
    (
        lambda error: isinstance(error, ServerError) and error.status is None,
        AccessError,
        "check the network and the proxy, then run it again; it resumes",
    ),
    (
        lambda error: isinstance(error, ServerError) or error.status is None,
        OperatorError,
        "run it again; it resumes",
    ),
)


def _kind(error: Exception) -> str:
    """Return what was wrong with an answer, without any of its values."""
    if isinstance(error, pydantic.ValidationError):
        fields = {".".join(map(str, one["loc"])) for one in error.errors(include_input=False)}
        return ", ".join(sorted(fields))
    return type(error).__name__
