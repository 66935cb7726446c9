"""A series of values as one line of bars."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = ".:-=+*#@"
_GAP = " "


def bars(values: Sequence[float | None], *, unicode: bool = True) -> str:
    """Return a character for each value, scaled from 0 to the largest; a gap for None."""
    alphabet = _BARS if unicode else _ASCII_BARS
    largest = max((value for value in values if value is not None), default=0.0)
    steps = len(alphabet) - 1
    return "".join(
        _GAP
        if value is None
        else alphabet[round(steps * max(value, 0) / largest) if largest else 0]
        for value in values
    )
