"""Reading a whole table in parallel, a page at a time, so that memory does not grow with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from ops.cache.items import Item
from ops.cache.pace import Pace
from ops.common.aws import Client

PAGE = 500
_POLL_SECONDS = 0.2

OnPage = Callable[[Sequence[Item]], None]


def read_all(
    dynamodb: Client,
    table: str,
    on_page: OnPage,
    *,
    parallel: int,
    pace: Pace,
    **scan: Any,
) -> None:
    """Call ``on_page`` with every page of ``table``, in ``parallel`` threads.

    ``scan`` are further parameters of the Scan. The first failure ends all threads after the page
    they are at, as does Ctrl-C.

    Raises whatever AWS or ``on_page`` raises.
    """
    stopped = threading.Event()

    def read(segment: int) -> None:
        start: dict[str, Any] = {}
        while not stopped.is_set():
            page = pace.call(
                lambda: dynamodb.scan(
                    TableName=table,
                    Segment=segment,
                    TotalSegments=parallel,
                    Limit=PAGE,
                    **scan,
                    **start,  # noqa: B023  called before the next page changes it
                )
            )
            if page["Items"]:
                on_page(page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    with ThreadPoolExecutor(parallel) as pool:
        running = {pool.submit(read, segment) for segment in range(parallel)}
        try:
            while running:
                # Waiting with a limit lets Ctrl-C through.
                done, running = wait(running, timeout=_POLL_SECONDS)
                for future in done:
                    future.result()
        finally:
            stopped.set()
