"""Progress for people: live lines on a terminal, one plain line for each ended step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Step:
    """A step under way."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.say = show
        """Show what happens right now, where lines can be rewritten."""
        self.result = ""
        """What came out, shown when the step has ended."""


class Display:
    """Shows steps; several may be under way at once, each in its own thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<14}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", markup=True),
            console=console,
            disable=not console.is_terminal,
        )

    @contextmanager
    def live(self) -> Iterator[None]:
        """Rewrite lines in place, on a terminal, until this ends."""
        with self._progress:
            yield

    def say(self, text: str) -> None:
        """Print a line between the steps."""
        # The terminal may be gone, and that must not keep anyone from clearing up.
        with suppress(OSError):
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step for as long as it takes; a step that raises is shown as failed."""
        task = self._progress.add_task(escape(name), total=1, text="")

        def show(text: str, completed: int = 0) -> None:
            self._progress.update(task, text=text, completed=completed)

        step = Step(lambda text: show(f"[dim]{escape(text)}[/]"))
        begin = time.monotonic()
        try:
            yield step
        except BaseException:
            show("[red]not finished[/]")
            self._progress.stop_task(task)
            self._line(name, begin, "not finished")
            raise
        show(escape(step.result), completed=1)
        self._line(name, begin, step.result)

    def _line(self, name: str, begin: float, text: str) -> None:
        if not self._console.is_terminal:
            self.say(f"{time.monotonic() - begin:6.1f} s  {name:<14} {text}")
