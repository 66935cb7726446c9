"""What a setting does, said where it is declared: ``Annotated[int, Between(1, 9), Doc("...")]``."""

from __future__ import annotations

from dataclasses import dataclass

# What the costs in the settings are reckoned with: AWS list prices without the free tier.
PRICES_REGION = "us-east-1"
PRICES_DATE = "2026-11-22"


@dataclass(frozen=True)
class Doc:
    """The answer to "What happens if I change this?", for docs/settings.md.

    ``text`` is one line. ``unit`` is given where no constraint names it, ``cost`` where the choice
    moves the monthly bill.
    """

    text: str
    unit: str = ""
    cost: str = ""
