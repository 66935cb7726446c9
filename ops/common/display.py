"""Progress on stderr: live lines on a terminal, elsewhere one plain line for each finished step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Step:
    """A running step. ``say`` shows its current activity; ``result`` is shown when it ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.result = ""


class Display:
    """Shows steps. Several can run at the same time, each in its own thread."""

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
        """Update lines in place until the end of the block, if this is a terminal."""
        with self._progress:
            yield

    def say(self, text: str) -> None:
        """Print a line between the steps."""
        # The cleanup goes on even if the terminal is gone.
        with suppress(OSError):
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step for the length of the block; if the block raises, as not finished."""
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
            self.say(f"{time.monotonic() - begin:6.1f} s  {name:<14} {text}".rstrip())
