"""A measured figure beside what was promised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row: what was measured, the figure, the promise, and whether it is kept."""

    what: str
    figure: str
    promise: str
    kept: bool


def at_most(what: str, figure: float, limit: float, *, unit: str = "") -> Result:
    """Return a row for a figure that must not exceed ``limit``."""
    suffix = f" {unit}" if unit else ""
    return Result(
        what=what,
        figure=f"{figure:.3g}{suffix}",
        promise=f"at most {limit:g}{suffix}",
        kept=figure <= limit,
    )


def at_least(what: str, figure: float, limit: float, *, unit: str = "") -> Result:
    """Return a row for a figure that must reach ``limit``."""
    suffix = f" {unit}" if unit else ""
    return Result(
        what=what,
        figure=f"{figure:.3g}{suffix}",
        promise=f"at least {limit:g}{suffix}",
        kept=figure >= limit,
    )


def note(what: str, figure: str) -> Result:
    """Return a row for a figure that nothing was promised for."""
    return Result(what=what, figure=figure, promise="", kept=True)


def table(results: Iterable[Result]) -> str:
    """Return the rows as a Markdown table, as docs/performance.md keeps them."""
    rows = [("What", "Measured", "Promised", "Kept"), ("---", "---", "---", "---")]
    rows += [(r.what, r.figure, r.promise, "yes" if r.kept else "NO") for r in results]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
