"""An answer that satisfies a JSON schema: the part of one that Gemini takes, in both its dialects.

Gemini has two ways to say what to answer with: ``responseJsonSchema`` (JSON Schema, types in lower
case) and ``responseSchema`` (types in upper case, ``nullable`` instead of a null type).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

TEXT = "Local stand-in, not Gemini: no model was asked."

_DEEPEST = 32
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
}


class UnsupportedSchemaError(ValueError):
    """The schema asks for something that this stand-in cannot make up."""


def answer(schema: Mapping[str, Any]) -> Any:
    """Return a value that satisfies ``schema``; its texts say where they come from.

    Raises:
        UnsupportedSchemaError: It cannot be satisfied here.

    """
    return _Maker(schema).make(schema, "", 0)


class _Maker:
    """Makes up values; ``root`` is where references lead to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._makers: dict[str, Callable[[Mapping[str, Any], str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "number": self._number,
            "integer": self._integer,
            "boolean": lambda *_: False,
            "null": lambda *_: None,
        }

    def make(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            raise UnsupportedSchemaError("the schema is nested too deeply")
        if reference := schema.get("$ref"):
            return self.make(self._resolved(str(reference)), name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("enum"):
            return choices[0]
        for alternatives in ("anyOf", "oneOf"):
            if schema.get(alternatives):
                return self.make(schema[alternatives][0], name, depth + 1)
        kind = _kind(schema)
        if kind not in self._makers:
            raise UnsupportedSchemaError(f"type {kind!r} is not known here")
        return self._makers[kind](schema, name, depth)

    def _object(self, schema: Mapping[str, Any], _name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        missing = set(schema.get("required", [])) - set(properties)
        if missing:
            raise UnsupportedSchemaError(f"required, but not described: {sorted(missing)}")
        return {name: self.make(part, name, depth + 1) for name, part in properties.items()}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        if items := schema.get("prefixItems"):
            return [self.make(item, name, depth + 1) for item in items]
        # One item shows more than none, where one is allowed.
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 1))
        count = max(least, min(1, most))
        return [self.make(schema.get("items", {}), name, depth + 1) for _ in range(count)]

    def _string(self, schema: Mapping[str, Any], name: str, _depth: int) -> str:
        if "pattern" in schema:
            raise UnsupportedSchemaError("texts of a given pattern cannot be made up here")
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = f"{TEXT} ({name})" if name else TEXT
        least = int(schema.get("minLength", 0))
        return text.ljust(least, ".")[: int(schema.get("maxLength", max(least, len(text))))]

    def _number(self, schema: Mapping[str, Any], _name: str, _depth: int) -> float:
        least, most = _bounds(schema)
        if least is not None and most is not None:
            return (least + most) / 2
        if least is not None:
            return least + 1
        return most - 1 if most is not None else 0

    def _integer(self, schema: Mapping[str, Any], name: str, depth: int) -> int:
        number = self._number(schema, name, depth)
        least, most = _bounds(schema)
        for whole in (math.floor(number), math.ceil(number)):
            if (least is None or whole >= least) and (most is None or whole <= most):
                return whole
        raise UnsupportedSchemaError(f"no whole number lies between {least} and {most}")

    def _resolved(self, reference: str) -> Mapping[str, Any]:
        target: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            target = target.get(part) if isinstance(target, Mapping) and part else target
        if not reference.startswith("#") or not isinstance(target, Mapping):
            raise UnsupportedSchemaError(f"the reference {reference!r} leads nowhere")
        return target


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "string"
    return str(kind).lower()


def _bounds(schema: Mapping[str, Any]) -> tuple[float | None, float | None]:
    least, most = schema.get("minimum"), schema.get("maximum")
    # Halfway between exclusive bounds lies inside them, and so does one step from a single one.
    return schema.get("exclusiveMinimum", least), schema.get("exclusiveMaximum", most)
