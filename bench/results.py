"""A measured figure and the limit that docs/performance.md promises for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """A row of the table; ``kept`` is whether the figure is within the promise, if there is one."""

    what: str
    figure: str
    promise: str = ""
    kept: bool = True


def at_most(what: str, figure: float, limit: float, *, unit: str = "") -> Result:
    """Return a row whose figure must not exceed ``limit``."""
    return _limited(what, figure, f"at most {limit:g}", unit, kept=figure <= limit)


def at_least(what: str, figure: float, limit: float, *, unit: str = "") -> Result:
    """Return a row whose figure must reach ``limit``."""
    return _limited(what, figure, f"at least {limit:g}", unit, kept=figure >= limit)


def _limited(what: str, figure: float, promise: str, unit: str, *, kept: bool) -> Result:
    return Result(
        what=what,
        figure=f"{figure:.3g} {unit}".rstrip(),
        promise=f"{promise} {unit}".rstrip(),
        kept=kept,
    )


def table(results: Iterable[Result]) -> str:
    """Return the rows as a Markdown table."""
    rows = [("What", "Measured", "Promised", "Kept"), ("---", "---", "---", "---")]
    rows += [(r.what, r.figure, r.promise, "yes" if r.kept else "NO") for r in results]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
