"""Paginated reads of the table, with backoff."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from modules.catalogue import BUDGET_KEY_PREFIX
from ops.cache.backoff import Backoff
from ops.cache.items import KEY, Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        QueryOutputTypeDef,
        ScanInputTypeDef,
        ScanOutputTypeDef,
    )

Page = TypeVar("Page", "QueryOutputTypeDef", "ScanOutputTypeDef")

_PAGE_ITEMS = 500
_POLL_SECONDS = 0.2


def pages(
    operation: Callable[..., Page], request: Mapping[str, object], backoff: Backoff
) -> Iterator[Page]:
    """Yield the pages of a Query or Scan, each requested when it is asked for."""
    request = dict(request)
    while True:
        page = backoff.call(partial(operation, **request))
        yield page
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def answers_scan(table: str, condition: str = "") -> ScanInputTypeDef:
    """Return the Scan of the items that meet a condition, except the budget of Gemini calls.

    Deleting the budget's items, or replacing them by older ones, would allow more calls.
    """
    no_budget = f"NOT begins_with({KEY}, :budget)"
    return {
        "TableName": table,
        "FilterExpression": f"{no_budget} AND ({condition})" if condition else no_budget,
        "ExpressionAttributeValues": {":budget": {"S": BUDGET_KEY_PREFIX}},
    }


def scan_all(
    dynamodb: DynamoDBClient,
    request: ScanInputTypeDef,
    on_page: Callable[[Sequence[Item]], None],
    *,
    parallel: int,
    backoff: Backoff,
) -> None:
    """Scan in ``parallel`` segments, and call ``on_page`` in their threads with each page.

    Memory does not grow with the table. After the first failure, or Ctrl-C, each thread ends with
    the page that it is working on.

    Raises:
        Exception: A request or ``on_page`` failed.

    """
    stopped = threading.Event()

    def scan(segment: int) -> None:
        segmented = {
            **request,
            "Segment": segment,
            "TotalSegments": parallel,
            "Limit": _PAGE_ITEMS,
        }
        for page in pages(dynamodb.scan, segmented, backoff):
            if page["Items"]:
                on_page(page["Items"])
            if stopped.is_set():
                return

    with ThreadPoolExecutor(parallel) as pool:
        running = {pool.submit(scan, segment) for segment in range(parallel)}
        try:
            while running:
                # Without a timeout the wait would block Ctrl-C.
                done, running = wait(running, timeout=_POLL_SECONDS)
                for future in done:
                    future.result()
        finally:
            stopped.set()
