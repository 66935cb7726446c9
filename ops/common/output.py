"""Results on stdout, progress on stderr; colour and moving lines only on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_EVERY_SECONDS = 5.0
_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000


class Counter(Protocol):
    """Something that shows how far the work has come."""

    def add(self, count: int) -> None:
        """Count ``count`` more."""


class Output:
    """Where a command writes to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: object, lines: Iterable[str]) -> None:
        """Print the document with ``--json``, else the lines."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
        else:
            self.lines(lines)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines for people; with ``--json`` they go to stderr."""
        stream = sys.stderr if self.as_json else sys.stdout
        for line in lines:
            stream.write(f"{printable(line)}\n")

    def note(self, line: str) -> None:
        """Print a line beside the result."""
        sys.stderr.write(f"{line}\n")

    @contextmanager
    def counting(self, what: str, total: int | None = None) -> Iterator[Counter]:
        """Show progress of work that may take longer than two seconds."""
        if sys.stderr.isatty():
            with _moving(what, total) as counter:
                yield counter
        else:
            yield _PlainCounter(what)


class _PlainCounter:
    """One line now and then, for logs."""

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
def _moving(what: str, total: int | None) -> Iterator[Counter]:
    # Imported late: half of what a command costs before it does anything.
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_stderr(), transient=True) as progress:
        task = progress.add_task(what, total=total)

        class Moving:
            def add(self, count: int) -> None:
                progress.advance(task, count)

        yield Moving()


def _stderr() -> Console:
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True)


def printable(text: str) -> str:
    """Return a text that cannot drive the terminal, whatever a bucket or table had in it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return aligned columns; numbers to the right."""
    cells = [
        [str(cell) for cell in header],
        *([printable(_shown(cell)) for cell in row] for row in rows),
    ]
    widths = [max(len(row[index]) for row in cells) for index in range(len(header))]
    right = [
        len(cells) > 1 and all(_is_number(row[index]) for row in cells[1:])
        for index in range(len(header))
    ]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def size(count: float) -> str:
    """Return a number of bytes in decimal units, as AWS bills them."""
    for unit in _UNITS:
        if count < _THOUSAND or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _THOUSAND
    raise AssertionError("the last unit returns")


def _shown(cell: object) -> str:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").isdigit() or not text
