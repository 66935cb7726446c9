"""Only GetItem, through a boto3 client."""

from __future__ import annotations

import os
from typing import Any

import boto3

_dynamodb = boto3.client("dynamodb")
_TABLE = os.environ["TABLE_NAME"]
_KEY = {"cache_key": {"S": os.environ["PREPARED_KEY"]}}


def handler(_event: Any, _context: Any) -> dict[str, Any]:
    """Read one item."""
    found = "Item" in _dynamodb.get_item(TableName=_TABLE, Key=_KEY)
    return {"statusCode": 200, "headers": {"X-Cache": "HIT" if found else "MISS"}, "body": ""}
