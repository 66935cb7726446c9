"""What was cached lately, read from the index: the cost is that of the items returned."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.cache.items import CACHED_AT, CACHED_DATE, INDEX, KEY, Item
from ops.cache.pace import Pace
from ops.common.aws import Client
from ops.common.errors import BadInputError
from ops.common.times import text

LISTED = f"{KEY}, {CACHED_AT}, {CACHED_DATE}, #ttl, model, query_params"
_NAMES = {"#ttl": "ttl"}
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """From ``begin`` to ``end``, both included, to the second."""

    begin: dt.datetime
    end: dt.datetime

    def days(self) -> Iterator[str]:
        """Yield the days that it touches, the latest first."""
        day = self.end.date()
        while day >= self.begin.date():
            yield day.isoformat()
            day -= _ONE_DAY


@dataclass(frozen=True, kw_only=True)
class Page:
    """Items, the latest first, and the token of the page after them."""

    items: list[Item]
    next: str | None


def page(dynamodb: Client, table: str, span: Span, *, limit: int, token: str | None) -> Page:
    """Return at most ``limit`` items of the span.

    Raises:
        BadInputError: The token is not one that this command printed.

    """
    start = _start(token) if token else None
    found: list[Item] = []
    for day in span.days():
        if start and day > str(start[CACHED_DATE]["S"]):
            continue
        left = limit - len(found)
        if left == 0:
            return Page(items=found, next=_token_before(day))
        same_day = start if start and day == start[CACHED_DATE]["S"] and KEY in start else None
        for answer in _pages(
            dynamodb, table, span, day, limit=left, start=same_day, latest_first=True
        ):
            found += answer["Items"]
            if len(found) == limit and "LastEvaluatedKey" in answer:
                return Page(items=found, next=_token(answer["LastEvaluatedKey"]))
    return Page(items=found, next=None)


def every(dynamodb: Client, table: str, span: Span) -> Iterator[Item]:
    """Yield every item of the span with all its attributes, the latest day first."""
    for day in span.days():
        for answer in _pages(dynamodb, table, span, day, limit=None, start=None):
            yield from answer["Items"]


def _pages(
    dynamodb: Client,
    table: str,
    span: Span,
    day: str,
    *,
    limit: int | None,
    start: Mapping[str, Any] | None,
    latest_first: bool = False,
) -> Iterator[Mapping[str, Any]]:
    pace = Pace()
    left = limit
    position = {"ExclusiveStartKey": start} if start else {}
    listed = (
        {"ProjectionExpression": LISTED, "ExpressionAttributeNames": _NAMES} if latest_first else {}
    )
    while True:
        some = {"Limit": left} if left else {}
        answer: Mapping[str, Any] = pace.call(
            lambda: dynamodb.query(
                TableName=table,
                IndexName=INDEX,
                KeyConditionExpression=(
                    f"{CACHED_DATE} = :day AND {CACHED_AT} BETWEEN :begin AND :end"
                ),
                ExpressionAttributeValues={
                    ":day": {"S": day},
                    ":begin": {"S": text(span.begin)},
                    ":end": {"S": text(span.end)},
                },
                ScanIndexForward=not latest_first,
                **listed,
                **some,  # noqa: B023  called before the next page changes it
                **position,  # noqa: B023
            )
        )
        yield answer
        if left is not None:
            left -= len(answer["Items"])
        if "LastEvaluatedKey" not in answer or left == 0:
            return
        position = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _token(key: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode()


def _token_before(day: str) -> str:
    """Return the token of the page that begins with the end of ``day``."""
    return _token({CACHED_DATE: {"S": day}})


def _start(token: str) -> dict[str, Any]:
    try:
        key = json.loads(base64.urlsafe_b64decode(token.encode()))
        dt.date.fromisoformat(key[CACHED_DATE]["S"])
    except (ValueError, binascii.Error, KeyError, TypeError) as error:
        raise BadInputError(
            "--page: this is no page", remedy="copy it whole from the end of the previous page"
        ) from error
    return dict(key)
