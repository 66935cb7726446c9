"""Validates GeoJSON against RFC 7946.

geojson-pydantic checks structure, closed rings and bounding boxes. Added here: the range of
longitude and latitude, and that ``crs`` is absent (both section 4). The winding order of a ring
(section 3.1.6) is only noted, because the RFC tells parsers to accept either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_BYTES = 50_000_000
_MOST_FAULTS = 20
_LONGITUDE, _LATITUDE = 180, 90
_MONTH = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2]))-[0-9]{2}")
# A position may have two or three numbers; pydantic reports the error of each alternative.
_ALTERNATIVES = ("Position2D", "Position3D")


@dataclass(kw_only=True)
class Verdict:
    """The result for a file; ``months`` are those of the features' ``date`` properties."""

    path: Path
    bytes: int
    features: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    months: set[str] = field(default_factory=set)

    @property
    def valid(self) -> bool:
        """Whether the file has no faults."""
        return not self.faults

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "file": str(self.path),
            "valid": self.valid,
            "bytes": self.bytes,
            "features": self.features,
            "faults": self.faults,
            "notes": self.notes,
        }


def validate(path: Path) -> Verdict:
    """Validate a file, feature by feature.

    Raises:
        OSError: The file is unreadable.

    """
    verdict = Verdict(path=path, bytes=path.stat().st_size)
    if verdict.bytes > MOST_BYTES:
        verdict.faults.append(
            f"{verdict.bytes:,} bytes exceed the {MOST_BYTES:,} that a browser can load: split it"
        )
        return verdict
    try:
        document = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        verdict.faults.append(f"not JSON in UTF-8: {error}")
        return verdict
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        verdict.faults.append(
            'not a FeatureCollection: "type" and "features" are required (section 3.3)'
        )
        return verdict
    if "crs" in document:
        verdict.faults.append('"crs" is not allowed: coordinates are WGS 84 (section 4)')
    verdict.features = len(features)
    for number, feature in enumerate(features):
        _validate_feature(number, feature, verdict)
        if len(verdict.faults) >= _MOST_FAULTS:
            verdict.faults.append(f"stopped after {_MOST_FAULTS} faults")
            break
    return verdict


def _validate_feature(number: int, feature: Any, verdict: Verdict) -> None:
    # Imported late: pydantic takes a fifth of a second.
    from geojson_pydantic import Feature  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    where = f"feature {number}"
    try:
        Feature.model_validate_json(json.dumps(feature), strict=True)
    except ValidationError as error:
        verdict.faults.append(f"{where}: {_rule(error)}")
        return
    properties = feature["properties"] or {}
    if match := _MONTH.fullmatch(str(properties.get("date", ""))):
        verdict.months.add(match[1])
    for geometry in _geometries(feature["geometry"]):
        for longitude, latitude, *_ in _positions(geometry["coordinates"]):
            if abs(longitude) > _LONGITUDE or abs(latitude) > _LATITUDE:
                swapped = abs(latitude) <= _LONGITUDE and abs(longitude) <= _LATITUDE
                hint = "; longitude comes first" if swapped else ""
                verdict.faults.append(
                    f"{where}: [{longitude}, {latitude}] is not a longitude and latitude "
                    f"in degrees (section 4){hint}"
                )
                return
        if any(_has_wrong_winding(polygon) for polygon in _polygons(geometry)):
            verdict.notes.append(
                f"{where}: outer rings should run counterclockwise, holes clockwise (section 3.1.6)"
            )


def _rule(error: ValidationError) -> str:
    """Return the most specific error, with its place in the feature."""
    faults = error.errors(include_url=False, include_context=False)
    fault = max(faults, key=lambda one: one["type"] == "value_error")
    place = ".".join(str(part) for part in fault["loc"] if part not in _ALTERNATIVES)
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}" if place else fault["msg"]


def _geometries(geometry: Any) -> Iterator[Any]:
    if geometry is None:
        return
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _geometries(part)
    else:
        yield geometry


def _positions(coordinates: Any) -> Iterator[Any]:
    if coordinates and not isinstance(coordinates[0], list):
        yield coordinates
        return
    for part in coordinates:
        yield from _positions(part)


def _polygons(geometry: Any) -> list[Any]:
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"]]
    return list(geometry["coordinates"]) if geometry["type"] == "MultiPolygon" else []


def _has_wrong_winding(rings: Any) -> bool:
    areas = [_signed_area(ring) for ring in rings]
    return any(area < 0 for area in areas[:1]) or any(area > 0 for area in areas[1:])


def _signed_area(ring: Any) -> float:
    """Return twice the area of a ring, positive if it is counterclockwise."""
    return float(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)))


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")
