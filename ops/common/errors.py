"""Errors that an operator can expect: a message, a remedy and an exit code.

OperatorError          1
├── BadInputError      2
├── MissingToolError   3
├── BusyError          4
├── RefusedError       5
├── AccessError        6
├── MissingError       7
└── StoppedError       128 + the signal's number
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


class OperatorError(Exception):
    """The command failed; ``str()`` is the message, ``remedy`` what the operator can do."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class BadInputError(OperatorError):
    """An option, a setting or a file is invalid; nothing was changed."""

    exit_code = 2


class MissingToolError(OperatorError):
    """A required program is missing or too old."""

    exit_code = 3


class BusyError(OperatorError):
    """A port or the local AWS is in use."""

    exit_code = 4


class RefusedError(OperatorError):
    """Refused for safety: wrong account or Region, not confirmed, or not provably local."""

    exit_code = 5


class AccessError(OperatorError):
    """AWS denied access or could not be reached."""

    exit_code = 6


class MissingError(OperatorError):
    """The resource that the command works on does not exist."""

    exit_code = 7


class StoppedError(OperatorError):
    """A signal stopped the command."""

    def __init__(self, message: str, *, signal_number: int, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.exit_code = 128 + signal_number


@contextmanager
def reported(*, debug: bool) -> Iterator[None]:
    """Print an OperatorError and exit with its code; with ``debug`` re-raise it.

    Raises:
        typer.Exit: The block raised an OperatorError.

    """
    try:
        yield
    except OperatorError as error:
        if debug:
            raise
        sys.stderr.write(f"error: {error}\n")
        if error.remedy:
            sys.stderr.write(f"remedy: {error.remedy}\n")
        raise typer.Exit(error.exit_code) from error
