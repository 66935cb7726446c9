"""The doctor finds what is wrong, and names the remedy."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from modules.catalogue import (
    CACHE_TTL,
    GEMINI_CALLS_PER_DAY,
    GEMINI_ENDPOINT,
    GEMINI_LANGUAGE,
    GEMINI_MODEL,
    GEMINI_TIMEOUT,
    GEOJSON,
)
from testing.storage import Storage
from tests.ops.conftest import Run

pytestmark = pytest.mark.integration


def _wrong(box: Run) -> dict[str, str]:
    answer = box("doctor", "--json")
    assert "Traceback" not in answer.err
    document: Any = dataclasses.replace(answer, code=0).json()
    assert (answer.code == 0) == document["healthy"]
    return {one["found"]: one["remedy"] for one in document["findings"] if one["remedy"]}


@pytest.fixture
def healthy(storage: Storage) -> Storage:
    """Add what the doctor checks of the other layers."""
    naming = storage.naming
    storage.dynamodb.tag_resource(
        ResourceArn=storage.dynamodb.describe_table(TableName=naming.cache_table)["Table"][
            "TableArn"
        ],
        Tags=[
            {"Key": "Project", "Value": "co2-analysis"},
            {"Key": "Environment", "Value": "box"},
            {"Key": "Application", "Value": "CO2 Anomaly Analysis"},
            {"Key": "ManagedBy", "Value": "terraform"},
            {"Key": "Layer", "Value": "3-Data"},
        ],
    )
    port = storage.emulator.ports.emulator
    for row, value in (
        (GEMINI_MODEL, "gemini-3.8-flash"),
        (GEMINI_ENDPOINT, f"http://127.0.0.1:{port + 1}"),
        (GEMINI_TIMEOUT, "20"),
        (GEMINI_CALLS_PER_DAY, "1000"),
        (GEMINI_LANGUAGE, "en"),
        (CACHE_TTL, "90"),
    ):
        path = naming.parameter(row)
        storage.ssm.put_parameter(Name=path, Value=value, Type="String", Overwrite=True)
    return storage


def test_what_is_missing_and_what_differs(box: Run, healthy: Storage) -> None:
    before = _wrong(box)
    # The secret and the function do not exist, and the doctor continues after each.
    absent = {found for found in before if found.startswith("the resource does not exist: ")}
    assert len(absent) == 2, before
    published = f"{healthy.naming.parameters}/compute/"
    assert all(
        found.startswith(published) and " is missing" in found for found in before.keys() - absent
    ), before

    naming = healthy.naming
    table = naming.cache_table
    healthy.dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
    )
    healthy.ssm.delete_parameter(Name=naming.parameter(CACHE_TTL))
    arn = f"{naming.parameters}/storage/dynamodb/cache-table-arn"
    healthy.ssm.put_parameter(Name=arn, Value="arn:other", Type="String", Overwrite=True)
    healthy.s3.put_bucket_versioning(
        Bucket=naming.bucket(GEOJSON), VersioningConfiguration={"Status": "Enabled"}
    )
    added = {found: remedy for found, remedy in _wrong(box).items() if found not in before}
    assert len(added) == 4, added
    assert set(added.values()) == {"make up"}
    assert "the TTL attribute is off, not ttl" in added
    assert f"{naming.bucket(GEOJSON)}, versioning on" in added
    assert any(found.startswith(f"{arn} is 'arn:other', not 'arn:aws:dynamodb:") for found in added)
    assert any(found.endswith("ttl-days is missing, not '90'") for found in added)


def test_table_size(box: Run, healthy: Storage) -> None:
    found = box("table", "size", "--json").json()
    assert found["name"] == healthy.naming.cache_table
    assert found["ttl_attribute"] == "ttl"
    assert found["differences"] == []
    assert "by the attribute ttl" in box("table", "size").out
