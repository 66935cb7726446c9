"""Results on stdout, progress on stderr; colour and live lines only on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

_PLAIN_EVERY_SECONDS = 5.0
_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000


class Progress(Protocol):
    """Shows how many items are done."""

    def add(self, count: int) -> None:
        """Add ``count`` items."""


class Output:
    """Writes a command's result: lines for people, or one JSON document with ``--json``."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: object, lines: Iterable[str]) -> None:
        """Print the document with ``--json``, else the lines."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
        else:
            self.lines(lines)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines to stdout; with ``--json`` to stderr."""
        stream = sys.stderr if self.as_json else sys.stdout
        for line in lines:
            stream.write(f"{printable(line)}\n")

    def note(self, line: str) -> None:
        """Print a line to stderr."""
        sys.stderr.write(f"{line}\n")

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Progress]:
        """Show the progress of the block."""
        if sys.stderr.isatty():
            with _live_progress(what, total) as progress:
                yield progress
        else:
            yield _PlainProgress(what)


class _PlainProgress:
    """Prints a line every few seconds, for logs."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._count = 0
        self._last = time.monotonic()

    def add(self, count: int) -> None:
        self._count += count
        if time.monotonic() - self._last >= _PLAIN_EVERY_SECONDS:
            self._last = time.monotonic()
            sys.stderr.write(f"{self._what}: {self._count:,}\n")


@contextmanager
def _live_progress(what: str, total: int | None) -> Iterator[Progress]:
    # Imported late: rich is half of a command's start-up time.
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    columns = (
        progress.TextColumn(what),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(what, total=total)

        class Live:
            def add(self, count: int) -> None:
                display.advance(task, count)

        yield Live()


def printable(text: str) -> str:
    """Return a text without control characters, so that stored data cannot drive the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table; columns of numbers are right-aligned."""
    cells = [[printable(_cell(value)) for value in row] for row in rows]
    aligned = []
    for title, *column in zip(header, *cells, strict=True):
        width = max(map(len, (title, *column)))
        to_right = bool(column) and all(map(_is_number, column))
        aligned.append(
            [text.rjust(width) if to_right else text.ljust(width) for text in (title, *column)]
        )
    return ["  ".join(row).rstrip() for row in zip(*aligned, strict=True)]


def format_bytes(count: float) -> str:
    """Return a number of bytes in decimal units, as AWS bills them."""
    for unit in _UNITS[:-1]:
        if count < _THOUSAND:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _THOUSAND
    return f"{count:.1f} {_UNITS[-1]}"


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").isdigit() or not text
