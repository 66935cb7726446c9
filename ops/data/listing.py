"""What is in the bucket, page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from ops.common.aws import Client


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object as it is listed."""

    key: str
    bytes: int
    modified: dt.datetime


def objects(s3: Client, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Yield the objects below a prefix in the order of their keys, read as they are asked for."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for one in page.get("Contents", []):
            yield StoredObject(
                key=str(one["Key"]), bytes=int(one["Size"]), modified=one["LastModified"]
            )
