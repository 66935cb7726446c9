"""Observations in the emulator's bucket."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from modules.catalogue import GEOJSON
from testing.storage import Storage
from tests.ops.conftest import Run

pytestmark = pytest.mark.integration


def test_upload_sends_what_has_changed(box: Run, storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    box("data", "sample", str(folder))
    files = sorted(map(str, folder.iterdir()))
    bucket = storage.naming.bucket(GEOJSON)
    planned = box("data", "upload", *files, "--dry-run", "--json").json()
    assert {one["action"] for one in planned["files"]} == {"new"}
    assert box("data", "list", "--json").json()["objects"] == []

    assert box("data", "upload", *files).code == 5
    assert box("data", "upload", *files, "--yes", "--json").json()["uploaded"] == 14
    key = "observations/2024/09/mauna-loa-2024-09.geojson"
    stored = storage.s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert stored["ContentType"] == "application/geo+json"
    assert stored["ContentEncoding"] == "gzip"
    assert stored["CacheControl"] == "public, max-age=3600"
    assert stored["ChecksumSHA256"]
    assert gzip.decompress(stored["Body"].read()) == Path(files[-1]).read_bytes()

    assert box("data", "upload", *files, "--yes", "--json").json()["uploaded"] == 0
    changed = Path(files[-1])
    changed.write_text(changed.read_text("utf-8").replace("422.03", "422.04"), "utf-8")
    again = box("data", "upload", *files, "--yes", "--json").json()
    assert [one["key"] for one in again["files"] if one["action"] == "replace"] == [key]
    listed = box("data", "list", "--month", "2024-09", "--json").json()
    assert [one["key"] for one in listed["objects"]] == [key]
    assert box("data", "list", "--limit", "3", "--json").json()["more"] is True


def test_one_wrong_file_keeps_all_from_being_uploaded(
    box: Run, storage: Storage, tmp_path: Path
) -> None:
    folder = tmp_path / "sample"
    box("data", "sample", str(folder))
    files = sorted(folder.iterdir())
    files[3].write_text("{}", encoding="utf-8")
    answer = box("data", "upload", *map(str, files), "--yes")
    assert answer.code == 2
    assert f"{files[3]}, not a FeatureCollection" in answer.err
    assert "python -m ops data validate" in answer.err
    assert "Contents" not in storage.s3.list_objects_v2(Bucket=storage.naming.bucket(GEOJSON))


def test_a_large_file_is_sent_in_parts(box: Run, storage: Storage, tmp_path: Path) -> None:
    numbers = random.Random(1)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [numbers.uniform(-180, 180), 0]},
            "properties": {"noise": numbers.randbytes(15_000).hex()},
        }
        for _ in range(650)
    ]
    path = tmp_path / "large.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    assert box("data", "upload", str(path), "--month", "2025-11", "--yes").code == 0
    key = "observations/2025/11/large.geojson"
    stored = storage.s3.get_object(Bucket=storage.naming.bucket(GEOJSON), Key=key)
    assert stored["ETag"].strip('"').endswith("-2")
    assert gzip.decompress(stored["Body"].read()) == path.read_bytes()
    assert (
        box("data", "upload", str(path), "--month", "2025-11", "--yes", "--json").json()["uploaded"]
        == 0
    )


def test_a_missing_bucket_is_one_clear_line(box: Run, storage: Storage) -> None:
    storage.s3.delete_bucket(Bucket=storage.naming.bucket(GEOJSON))
    storage.buckets.remove(storage.naming.bucket(GEOJSON))
    answer = box("data", "list")
    assert answer.code == 7
    assert "remedy: " in answer.err
