"""The storage layer, created in an emulator without Terraform, and cache items."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from modules.catalogue import (
    CACHE_NAMESPACE,
    DATA_BUCKETS,
    INDEX,
    INDEX_HASH_KEY,
    INDEX_RANGE_KEY,
    PARAMETERS,
    STREAM_VIEW,
    TABLE_KEY,
    TTL_ATTRIBUTE,
    Layer,
    bucket_arn,
)
from modules.naming import Naming
from ops.common.local_address import REGION
from ops.common.times import format_time
from testing.emulator import Emulator

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.literals import StreamViewTypeType
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TableDescriptionTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

NOW = dt.datetime.now(tz=dt.UTC).replace(microsecond=0)


def item(
    number: int, cached_at: dt.datetime, *, answer: str = "because"
) -> dict[str, AttributeValueTypeDef]:
    """Return a cache item that was written at a time."""
    time = format_time(cached_at)
    question = {"co2": 430.0 + number, "date": "2026-05-14", "lat": -3.5, "lon": -62.2}
    return {
        TABLE_KEY: {"S": hashlib.sha256(str(number).encode()).hexdigest()},
        INDEX_RANGE_KEY: {"S": time},
        INDEX_HASH_KEY: {"S": time[:10]},
        TTL_ATTRIBUTE: {"N": str(int(cached_at.timestamp()) + 90 * 86_400)},
        "reasoning_result": {"S": json.dumps({"summary": answer})},
        "query_params": {"S": json.dumps(question)},
        "model": {"S": "gemini-3.8-flash"},
        "schema_version": {"N": "1"},
    }


def create_table(dynamodb: DynamoDBClient, name: str) -> TableDescriptionTypeDef:
    """Create a cache table with its index, stream and TTL."""
    created = dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in (TABLE_KEY, INDEX_HASH_KEY, INDEX_RANGE_KEY)
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": INDEX_HASH_KEY, "KeyType": "HASH"},
                    {"AttributeName": INDEX_RANGE_KEY, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={
            "StreamEnabled": True,
            "StreamViewType": cast("StreamViewTypeType", STREAM_VIEW),
        },
    )
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )
    return created["TableDescription"]


@dataclass
class Storage:
    """The table, the data buckets and the parameters of one environment."""

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
        table = create_table(self.dynamodb, self.naming.cache_table)
        self.buckets = [self.naming.bucket(bucket) for bucket in DATA_BUCKETS]
        for bucket in self.buckets:
            self.s3.create_bucket(Bucket=bucket)
            if self.versioning:
                self.s3.put_bucket_versioning(
                    Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
                )
        outputs = {
            "cache_table": SimpleNamespace(
                name=table["TableName"],
                arn=table["TableArn"],
                stream_arn=table["LatestStreamArn"],
            ),
            "buckets": {
                bucket.id: SimpleNamespace(name=name, arn=bucket_arn(REGION, name))
                for bucket, name in zip(DATA_BUCKETS, self.buckets, strict=True)
            },
            "origin_access": SimpleNamespace(reader_id="E1EXAMPLE"),
        }
        values = {
            parameter: parameter.value.format(**outputs)
            for parameter in PARAMETERS
            if parameter.layer is Layer.STORAGE
        }
        for parameter, value in {**values, CACHE_NAMESPACE: "1"}.items():
            self.ssm.put_parameter(
                Name=self.naming.parameter(parameter), Value=value, Type="String", Overwrite=True
            )

    def put(self, *items: Mapping[str, Mapping[str, object]]) -> None:
        for start in range(0, len(items), 25):
            batch = items[start : start + 25]
            self.dynamodb.batch_write_item(
                RequestItems={
                    self.naming.cache_table: [{"PutRequest": {"Item": one}} for one in batch]
                }
            )

    def keys(self) -> set[str]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.naming.cache_table)
        return {one[TABLE_KEY]["S"] for page in pages for one in page["Items"]}

    def remove(self) -> None:
        """Delete everything, restored tables and object versions included."""
        for table in self.dynamodb.list_tables()["TableNames"]:
            if table.startswith(self.naming.cache_table):
                self.dynamodb.delete_table(TableName=table)
        for bucket in self.buckets:
            found = self.s3.list_object_versions(Bucket=bucket)
            for one in (*found.get("Versions", []), *found.get("DeleteMarkers", [])):
                self.s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            self.s3.delete_bucket(Bucket=bucket)
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(
            Path=self.naming.parameters, Recursive=True
        )
        for name in [one["Name"] for page in pages for one in page["Parameters"]]:
            self.ssm.delete_parameter(Name=name)
