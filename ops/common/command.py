"""The decorator that gives every command its shared options, error reporting and help epilog."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import is_dataclass
from typing import Any

import typer
from typer.core import TyperCommand

from ops.common.options import EXIT_CODES, epilog
from ops.common.session import session

Function = Callable[..., None]


def command(
    app: typer.Typer,
    name: str,
    *examples: str,
    context: Callable[..., AbstractContextManager[Any]] = session,
    exit_codes: Mapping[int | str, str] = EXIT_CODES,
    cls: type[TyperCommand] | None = None,
) -> Callable[[Function], Function]:
    """Register a function as a command.

    Its first parameter receives what ``context`` yields, and ``context``'s parameters become
    options. So do the fields of each parameter that is a dataclass, such as ``Consent``. Its other
    parameters are the command's own.
    """

    def register(function: Function) -> Function:
        _, *own = _parameters(function)
        shared = _parameters(context)
        groups = {one.name: one.annotation for one in own if _is_group(one.annotation)}
        fields = {name: _parameters(group) for name, group in groups.items()}

        def run(**given: object) -> None:
            grouped = {name: group(**_taken(given, fields[name])) for name, group in groups.items()}
            with context(**_taken(given, shared)) as entered:
                function(entered, **grouped, **given)

        own = [one for one in own if one.name not in groups]
        asked = [one for group in fields.values() for one in group]
        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *asked, *shared)
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__doc__ = function.__doc__
        app.command(name, cls=cls, epilog=epilog(*examples, exit_codes=exit_codes))(run)
        return function

    return register


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and is_dataclass(annotation)


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _taken(given: dict[str, object], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    return {one.name: given.pop(one.name) for one in parameters}
