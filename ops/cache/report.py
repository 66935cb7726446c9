"""What the cache commands print."""

from __future__ import annotations

import json
from typing import Any

from ops.cache.items import Item, entry, parsed
from ops.cache.recent import Page, Span
from ops.cache.stats import Stats
from ops.cache.warming import Warmed
from ops.common.output import size, table
from ops.common.times import text

_BAR = 40
_MOST_FAILURES = 10


def stats_lines(found: Stats) -> list[str]:
    """Return the statistics with the ages as bars."""
    largest = max(found.by_age.values(), default=0) or 1
    hits = (
        f"{found.hit_percent} % of the questions were answered without Gemini"
        if found.hit_percent is not None
        else "no question was counted"
    )
    return [
        f"{found.table}: {found.status.lower()}",
        f"{found.items:,} items, {size(found.bytes)} (as AWS counted some six hours ago)",
        f"{size(found.index_bytes)} in the index",
        "",
        *table(
            ("cached", "items", ""),
            [
                (age, count, "█" * round(_BAR * count / largest))
                for age, count in found.by_age.items()
            ],
        ),
        "",
        f"last 24 hours: {hits}",
        *table(("counter", "answers"), found.requests_last_day.items()),
    ]


def recent_document(page: Page, span: Span) -> dict[str, Any]:
    """Return a page for JSON."""
    return {
        "from": text(span.begin),
        "to": text(span.end),
        "items": [entry(item).document() for item in page.items],
        "next": page.next,
    }


def recent_lines(page: Page, span: Span) -> list[str]:
    """Return a page as a table; keys stand in full, so that they can be copied."""
    entries = [entry(item) for item in page.items]
    if not entries:
        return [f"nothing was cached from {text(span.begin)} to {text(span.end)}"]
    rows = [
        (
            one.cached_at or "",
            one.cache_key,
            "expired" if one.expired else "",
            json.dumps(one.query, separators=(",", ":")),
        )
        for one in entries
    ]
    more = [f"next page: add --page {page.next}"] if page.next else []
    return [*table(("cached at", "cache key", "", "question"), rows), *more]


def item_document(item: Item) -> dict[str, Any]:
    """Return an item for JSON, question and answer as objects."""
    answer = item.get("reasoning_result", {}).get("S")
    return {**entry(item).document(), "answer": parsed(answer)}


def item_lines(item: Item) -> list[str]:
    """Return an item as indented JSON, which is how its answer reads best."""
    return json.dumps(item_document(item), indent=2).splitlines()


def warm_lines(done: Warmed) -> list[str]:
    """Return where the answers came from, and the first failures."""
    more = len(done.failures) - _MOST_FAILURES
    return [
        *table(("cache", "answers"), sorted(done.answers.items())),
        *done.failures[:_MOST_FAILURES],
        *([f"and {more:,} more failures"] if more > 0 else []),
    ]
