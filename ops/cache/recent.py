"""What was cached recently, read from the index: the cost is that of the items returned."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.catalogue import INDEX, TTL_ATTRIBUTE
from ops.cache.backoff import Backoff
from ops.cache.items import CACHED_AT, CACHED_DATE, KEY, Item
from ops.cache.reading import pages
from ops.common.errors import BadInputError
from ops.common.times import format_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_LISTED = f"{KEY}, {CACHED_AT}, {CACHED_DATE}, #ttl, model, query_params"
_POSITION = (KEY, CACHED_AT, CACHED_DATE)
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """From ``begin`` to ``end``, both included, in whole seconds."""

    begin: dt.datetime
    end: dt.datetime

    def days(self) -> Iterator[str]:
        """Yield its days as YYYY-MM-DD, the latest first."""
        day = self.end.date()
        while day >= self.begin.date():
            yield day.isoformat()
            day -= _ONE_DAY


@dataclass(frozen=True, kw_only=True)
class Page:
    """Items, the latest first, and the token of the next page."""

    items: list[Item]
    next: str | None


def page(
    dynamodb: DynamoDBClient, table: str, span: Span, *, limit: int, token: str | None
) -> Page:
    """Return at most ``limit`` items of the span.

    Raises:
        BadInputError: The token is invalid.

    """
    start = _decode(token) if token else None
    found: list[Item] = []
    for day in span.days():
        if start and day > start[CACHED_DATE]["S"]:
            continue
        request = _query(table, span, day)
        request["Limit"] = limit - len(found)
        request["ProjectionExpression"] = _LISTED
        request["ExpressionAttributeNames"] = {"#ttl": TTL_ATTRIBUTE}
        if start and day == start[CACHED_DATE]["S"]:
            request["ExclusiveStartKey"] = start
        for answer in pages(dynamodb.query, request, Backoff()):
            found += answer["Items"]
            if len(found) >= limit:
                return Page(items=found[:limit], next=_encode(found[limit - 1]))
    return Page(items=found, next=None)


def every(dynamodb: DynamoDBClient, table: str, span: Span) -> Iterator[Item]:
    """Yield the items of the span with all attributes, the latest first."""
    backoff = Backoff()
    for day in span.days():
        for answer in pages(dynamodb.query, _query(table, span, day), backoff):
            yield from answer["Items"]


def _query(table: str, span: Span, day: str) -> QueryInputTypeDef:
    return {
        "TableName": table,
        "IndexName": INDEX,
        "KeyConditionExpression": f"{CACHED_DATE} = :day AND {CACHED_AT} BETWEEN :begin AND :end",
        "ExpressionAttributeValues": {
            ":day": {"S": day},
            ":begin": {"S": format_time(span.begin)},
            ":end": {"S": format_time(span.end)},
        },
        "ScanIndexForward": False,
    }


def _encode(last: Item) -> str:
    position = {name: last[name] for name in _POSITION}
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode()


def _decode(token: str) -> Item:
    try:
        decoded = json.loads(base64.urlsafe_b64decode(token.encode()))
        position: Item = {name: {"S": str(decoded[name]["S"])} for name in _POSITION}
        dt.date.fromisoformat(position[CACHED_DATE]["S"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            "--page: invalid token", remedy="copy the whole token from the end of the previous page"
        ) from error
    return position
