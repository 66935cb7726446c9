"""Documentation of a setting, beside its type: ``Annotated[int, Between(1, 9), Doc("...")]``."""

from __future__ import annotations

from dataclasses import dataclass

# AWS list prices on which the costs of the settings are based, without the free tier.
PRICES_REGION = "us-east-1"
PRICES_DATE = "2026-11-22"


@dataclass(frozen=True)
class Doc:
    """What a setting does, in one line of sentences, and its effect on the monthly bill, if any."""

    text: str
    cost: str = ""
