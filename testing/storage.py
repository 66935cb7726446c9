"""The storage layer, created in an emulator without Terraform, and cache items."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modules.naming import Naming
from ops.common.times import text
from testing.emulator import Emulator

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

NOW = dt.datetime.now(tz=dt.UTC).replace(microsecond=0)


def item(number: int, cached_at: dt.datetime, *, answer: str = "because") -> dict[str, Any]:
    """Return an item that was cached at a time."""
    time = text(cached_at)
    question = {"co2": 430.0 + number, "date": "2026-05-14", "lat": -3.5, "lon": -62.2}
    return {
        "cache_key": {"S": hashlib.sha256(str(number).encode()).hexdigest()},
        "cached_at": {"S": time},
        "cached_date": {"S": time[:10]},
        "ttl": {"N": str(int(cached_at.timestamp()) + 90 * 86_400)},
        "reasoning_result": {"S": json.dumps({"summary": answer})},
        "query_params": {"S": json.dumps(question)},
        "model": {"S": "gemini-3.8-flash"},
        "schema_version": {"N": "1"},
    }


@dataclass
class Storage:
    """The table, the bucket and the parameters of one environment."""

    emulator: Emulator
    naming: Naming
    versioning: bool = False
    buckets: list[str] = field(default_factory=list)

    @property
    def dynamodb(self) -> DynamoDBClient:
        return self.emulator.client("dynamodb")

    @property
    def s3(self) -> S3Client:
        return self.emulator.client("s3")

    @property
    def ssm(self) -> SSMClient:
        return self.emulator.client("ssm")

    def build(self) -> None:
        table = self.naming.cache_table
        created = self.dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "cache_key", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("cache_key", "cached_at", "cached_date")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "cached-at-index",
                    "KeySchema": [
                        {"AttributeName": "cached_date", "KeyType": "HASH"},
                        {"AttributeName": "cached_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            StreamSpecification={
                "StreamEnabled": True,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        )["TableDescription"]
        self.dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )
        parameters = {
            self.naming.storage_parameter("dynamodb", "cache-table-name"): table,
            self.naming.storage_parameter("dynamodb", "cache-table-arn"): created["TableArn"],
            self.naming.storage_parameter("dynamodb", "stream-arn"): created["LatestStreamArn"],
            self.naming.config_parameter("cache", "namespace"): "1",
        }
        for bucket, name in (
            (self.naming.static_website_bucket, "static-website-bucket"),
            (self.naming.geojson_bucket, "geojson-bucket"),
        ):
            self.s3.create_bucket(Bucket=bucket)
            self.buckets.append(bucket)
            if self.versioning:
                self.s3.put_bucket_versioning(
                    Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
                )
            parameters[self.naming.storage_parameter("s3", f"{name}-name")] = bucket
            parameters[self.naming.storage_parameter("s3", f"{name}-arn")] = (
                f"arn:aws:s3:::{bucket}"
            )
        for name, value in parameters.items():
            self.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def put(self, *items: dict[str, Any]) -> None:
        for start in range(0, len(items), 25):
            batch = items[start : start + 25]
            self.dynamodb.batch_write_item(
                RequestItems={
                    self.naming.cache_table: [{"PutRequest": {"Item": one}} for one in batch]
                }
            )

    def keys(self) -> set[str]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.naming.cache_table)
        return {one["cache_key"]["S"] for page in pages for one in page["Items"]}

    def remove(self) -> None:
        prefix = f"co2-analysis-{self.naming.environment}-"
        for table in self.dynamodb.list_tables()["TableNames"]:
            if table.startswith(prefix):
                self.dynamodb.delete_table(TableName=table)
        for bucket in self.buckets:
            found = self.s3.list_object_versions(Bucket=bucket)
            for one in (*found.get("Versions", []), *found.get("DeleteMarkers", [])):
                self.s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            self.s3.delete_bucket(Bucket=bucket)
        names = [
            one["Name"]
            for page in self.ssm.get_paginator("get_parameters_by_path").paginate(
                Path=self.naming.parameters, Recursive=True
            )
            for one in page["Parameters"]
        ]
        for name in names:
            self.ssm.delete_parameter(Name=name)
