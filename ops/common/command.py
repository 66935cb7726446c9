"""The decorator that gives every command its shared options, error reporting and help epilog."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import typer

from ops.common.confirmation import Consent
from ops.common.options import EXIT_CODES, epilog
from ops.common.session import session

Function = Callable[..., None]


def command(
    app: typer.Typer,
    name: str,
    *examples: str,
    context: Callable[..., AbstractContextManager[Any]] = session,
    exit_codes: Mapping[int | str, str] = EXIT_CODES,
) -> Callable[[Function], Function]:
    """Register a function as a command.

    Its first parameter receives what ``context`` yields, and ``context``'s parameters become
    options. A parameter ``consent`` becomes --dry-run, --yes and --confirm. Its other parameters
    are the command's own.
    """

    def register(function: Function) -> Function:
        _, *own = _parameters(function)
        shared = _parameters(context)
        asked = _parameters(Consent) if any(one.name == "consent" for one in own) else []

        def run(**given: object) -> None:
            consent = {"consent": Consent(**_taken(given, asked))} if asked else {}
            with context(**_taken(given, shared)) as entered:
                function(entered, **consent, **given)

        own = [one for one in own if one.name != "consent"]
        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *asked, *shared)
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__doc__ = function.__doc__
        app.command(name, epilog=epilog(*examples, exit_codes=exit_codes))(run)
        return function

    return register


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _taken(given: dict[str, object], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    return {one.name: given.pop(one.name) for one in parameters}
