"""The minimum cost of GetItem: http.client on a persistent connection, signed by botocore."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_URL = os.environ["AWS_ENDPOINT_URL"]
_BODY = json.dumps(
    {
        "TableName": os.environ["TABLE_NAME"],
        "Key": {"cache_key": {"S": os.environ["PREPARED_KEY"]}},
    }
).encode()
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.GetItem",
}
_connection = http.client.HTTPConnection(urlsplit(_URL).netloc)
_credentials = Credentials(
    os.environ["AWS_ACCESS_KEY_ID"],
    os.environ["AWS_SECRET_ACCESS_KEY"],
    os.environ.get("AWS_SESSION_TOKEN"),
)


def handler(_event: Any, _context: Any) -> dict[str, Any]:
    """Read one item."""
    request = AWSRequest(method="POST", url=_URL, data=_BODY, headers=_HEADERS)
    SigV4Auth(_credentials, "dynamodb", os.environ["AWS_REGION"]).add_auth(request)
    _connection.request("POST", "/", _BODY, dict(request.headers.items()))
    found = "Item" in json.loads(_connection.getresponse().read())
    return {"statusCode": 200, "headers": {"X-Cache": "HIT" if found else "MISS"}, "body": ""}
