"""GeoJSON is validated against RFC 7946; a fault names the feature and the rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.common.errors import BadInputError
from ops.data import layout, sample
from ops.data.validation import Verdict, validate
from tests.ops.conftest import Run

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


def _file(folder: Path, document: Any) -> Path:
    path = folder / "some.geojson"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def _feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _collection(*geometries: Any) -> dict[str, Any]:
    features = [_feature(geometry, date="2025-11-03") for geometry in geometries]
    return {"type": "FeatureCollection", "features": features}


def _point(*coordinates: Any) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(coordinates)}


def _polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_a_valid_file(tmp_path: Path) -> None:
    several = {"type": "GeometryCollection", "geometries": [_point(1, 2), _polygon(SQUARE)]}
    path = _file(tmp_path, _collection(_point(-180, 90, 10), several, None))
    verdict = validate(path)
    assert (verdict.faults, verdict.notes, verdict.features) == ([], [], 3)
    assert verdict.months == {"2025-11"}


@pytest.mark.parametrize(
    ("geometry", "fault"),
    [
        (_point(181, 0), "feature 1: [181, 0] is not a longitude and latitude"),
        (_point(52.5, 113.4), "longitude comes first"),
        (_point("1", 2), "feature 1: geometry.Point.coordinates"),
        (_point(1), "feature 1: geometry.Point.coordinates"),
        (_point(True, 2), "feature 1: geometry.Point.coordinates"),
        (_polygon(SQUARE[:-1]), "feature 1: geometry.Polygon.coordinates: All linear rings MUST"),
        (_polygon(SQUARE[:2]), "feature 1: geometry.Polygon.coordinates"),
        ({"type": "Circle", "coordinates": [1, 2]}, "feature 1: geometry: Input tag 'Circle'"),
        ("a point", "feature 1: geometry"),
    ],
)
def test_a_wrong_feature_is_named_with_its_rule(tmp_path: Path, geometry: Any, fault: str) -> None:
    verdict = validate(_file(tmp_path, _collection(_point(1, 2), geometry, _point(3, 4))))
    assert len(verdict.faults) == 1
    assert fault in verdict.faults[0]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("{", "not JSON"),
        ('{"type": "FeatureCollection", "features": [NaN]}', "NaN is not a number in JSON"),
        ("[" * 100_000, "not JSON"),
        ([], "not a FeatureCollection"),
        (_feature(_point(1, 2)), "not a FeatureCollection"),
        ({**_collection(), "crs": {}}, '"crs" is not allowed'),
        ({"type": "FeatureCollection", "features": [7]}, "feature 0"),
    ],
)
def test_what_is_not_a_collection(tmp_path: Path, document: Any, fault: str) -> None:
    verdict = validate(_file(tmp_path, document))
    assert len(verdict.faults) == 1
    assert fault in verdict.faults[0]


def test_winding_order_is_only_noted(tmp_path: Path) -> None:
    hole = [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.2]]
    right = _polygon(SQUARE, hole[::-1])
    wrong = (_polygon(SQUARE[::-1]), _polygon(SQUARE, hole))
    verdict = validate(_file(tmp_path, _collection(right, *wrong)))
    assert verdict.valid
    assert [note.split(":")[0] for note in verdict.notes] == ["feature 1", "feature 2"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=25)
@given(geometry=JSON, kind=st.sampled_from(["Point", "Polygon", "MultiPolygon", "LineString"]))
def test_any_geometry_gets_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, geometry: Any, kind: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    validate(_file(folder, _collection(geometry, {"type": kind, "coordinates": geometry})))


@pytest.mark.parametrize(
    ("name", "month", "months", "key"),
    [
        ("a.geojson", "2025-11", set(), "observations/2025/11/a.geojson"),
        ("a.geojson", None, {"2024-02"}, "observations/2024/02/a.geojson"),
        ("a.geojson", "2025-11", {"2024-02"}, "observations/2025/11/a.geojson"),
    ],
)
def test_keys(name: str, month: str | None, months: set[str], key: str) -> None:
    verdict = Verdict(path=Path(name), bytes=1, months=months)
    assert layout.key(verdict, month) == key


@pytest.mark.parametrize(
    ("name", "month", "months"),
    [
        ("a.geojson", None, set()),
        ("a.geojson", None, {"2024-02", "2024-03"}),
        ("a.geojson", "2025-13", set()),
        ("a.geojson", "../../x", set()),
        ("it's.geojson", "2025-11", set()),
        ("a b.geojson", "2025-11", set()),
        (".geojson", "2025-11", set()),
    ],
)
def test_invalid_keys(name: str, month: str | None, months: set[str]) -> None:
    with pytest.raises(BadInputError) as error:
        layout.key(Verdict(path=Path(name), bytes=1, months=months), month)
    assert error.value.remedy


def test_the_sample_is_valid_and_names_its_source(ops: Run, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    assert ops("data", "sample", str(folder), "--dry-run").code == 0
    assert not folder.exists()
    files = [Path(one) for one in ops("data", "sample", str(folder), "--json").json()["files"]]
    verdicts = ops("data", "validate", *map(str, files), "--json").json()
    assert len(verdicts) == len(list(sample.months())) == 14
    assert all(one["valid"] for one in verdicts)
    properties = json.loads(files[-1].read_text("utf-8"))["features"][0]["properties"]
    assert properties["co2"] == 422.03
    assert properties["deviation"] == -3.43
    assert "gml.noaa.gov" in properties["source"]
    again = ops("data", "sample", str(folder))
    assert (again.code, "already exists" in again.err) == (2, True)


def test_validate_lists_every_fault(ops: Run, tmp_path: Path) -> None:
    path = _file(tmp_path, _collection(_point(181, 0), _point(1, 2), _point(0, 91)))
    answer = ops("data", "validate", str(path))
    assert answer.code == 2
    assert "feature 0: [181, 0]" in answer.out
    assert "feature 2: [0, 91]" in answer.out
    assert "error: 1 of 1 files is not valid GeoJSON" in answer.err
