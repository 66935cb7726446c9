"""Failures that an operator can expect: a message, a remedy, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


class OperatorError(Exception):
    """Something went wrong that the operator can mend; ``str()`` is the message to show."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class BadInputError(OperatorError):
    """An option or a setting is wrong."""

    exit_code = 2


class MissingToolError(OperatorError):
    """A program that this command runs is missing or too old."""

    exit_code = 3


class BusyError(OperatorError):
    """A port or the local AWS itself is in use."""

    exit_code = 4


class RefusedError(OperatorError):
    """Going on could have touched something that is not local."""

    exit_code = 5


class StoppedError(OperatorError):
    """The operator stopped the command with a signal."""

    def __init__(self, message: str, *, signal_number: int, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.exit_code = 128 + signal_number


@contextmanager
def reported(*, debug: bool) -> Iterator[None]:
    """Turn an OperatorError into its message and exit code; with ``debug`` let it through.

    Raises typer.Exit with the error's exit code.
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
