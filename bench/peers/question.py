"""The fields of a request, its key, and the response, shared by all peers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

NUMBERS = ("lat", "lon", "co2", "deviation", "zscore")
ANSWER = {
    "summary": "Night-time traffic under an inversion is the likeliest explanation.",
    "causes": [
        {
            "cause": "Traffic",
            "explanation": "A motorway lies upwind, 3 km away; CO2 pools in winter.",
            "likelihood": "high",
        }
    ],
    "confidence": 0.6,
}


def fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query's fields, numbers as numbers."""
    given = dict(parse_qsl(event["rawQueryString"]))
    return {name: float(text) if name in NUMBERS else text for name, text in given.items()}


def cache_key(asked: Mapping[str, Any]) -> str:
    """Return the key of a question."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def response(status: str, reasoning: Any) -> dict[str, Any]:
    """Return an HTTP response with the cache status."""
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "X-Cache": status},
        "body": json.dumps({"reasoning": reasoning}),
    }
