"""A careful handler on a boto3 client."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3

from bench.peers.question import ANSWER, cache_key, fields, response

_dynamodb = boto3.client("dynamodb")
_TABLE = os.environ["TABLE_NAME"]


def handler(event: Any, _context: Any) -> dict[str, Any]:
    """Return the cached answer, or cache the constant one."""
    asked = fields(event)
    key = cache_key(asked)
    item = _dynamodb.get_item(TableName=_TABLE, Key={"cache_key": {"S": key}}).get("Item")
    if item and int(item["ttl"]["N"]) > time.time():
        return response("HIT", json.loads(item["reasoning_result"]["S"]))
    _dynamodb.put_item(
        TableName=_TABLE,
        Item={
            "cache_key": {"S": key},
            "ttl": {"N": str(int(time.time()) + 3600)},
            "reasoning_result": {"S": json.dumps(ANSWER)},
            "query_params": {"S": json.dumps(asked)},
        },
    )
    return response("MISS", ANSWER)
