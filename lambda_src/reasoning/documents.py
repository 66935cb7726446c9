"""Reading decoded JSON whose form nobody guarantees."""

from __future__ import annotations

import json


def parse_json(text: str) -> object:
    """Decode a JSON text, without the NaN and Infinity that Python accepts beside JSON.

    Raises:
        ValueError: The text is not JSON.
        RecursionError: It is nested too deeply.

    """
    document: object = _DECODER.decode(text)
    return document


def member(value: object, name: str) -> object:
    """Return a member of a JSON object, None if it has none or is something else."""
    return value.get(name) if isinstance(value, dict) else None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


# json.loads would make a decoder for every text.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
