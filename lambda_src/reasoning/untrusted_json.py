"""Reading JSON of unknown structure."""

from __future__ import annotations

import json


def parse_json(text: str) -> object:
    """Decode strict JSON: unlike `json.loads`, reject NaN and Infinity.

    Raises:
        ValueError: The text is not JSON, or nested too deeply.

    """
    try:
        document: object = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return document


def member(value: object, name: str) -> object:
    """Return a member of a JSON object, None if it is missing or `value` is not an object."""
    return value.get(name) if isinstance(value, dict) else None


def member_list(value: object, name: str) -> list[object]:
    """Return an array member of a JSON object, empty if it is missing or not an array."""
    found = member(value, name)
    return found if isinstance(found, list) else []


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


# Built once: json.loads would create a decoder for every call.
_DECODER = json.JSONDecoder(parse_constant=_reject_constant)
