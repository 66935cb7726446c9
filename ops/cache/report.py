"""Output of the cache commands."""

from __future__ import annotations

import json
from dataclasses import asdict

from ops.cache.items import Item, entry, parsed
from ops.cache.recent import Page, Span
from ops.cache.stats import Stats
from ops.cache.warming import WarmResult
from ops.common.output import format_bytes, table
from ops.common.times import format_time

_BAR = 40
_MOST_FAILURES = 10


def stats_lines(found: Stats) -> list[str]:
    """Return the statistics, with the ages as bars."""
    largest = max(found.by_age.values(), default=0) or 1
    hits = (
        f"{found.hit_percent} % of the questions were answered without Gemini"
        if found.hit_percent is not None
        else "no question was counted"
    )
    return [
        f"{found.table}: {found.status.lower()}",
        f"{found.items:,} items, {format_bytes(found.bytes)} (updated about every six hours)",
        f"{format_bytes(found.index_bytes)} in the index",
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


def recent_document(page: Page, span: Span) -> dict[str, object]:
    """Return a page for JSON."""
    return {
        "from": format_time(span.begin),
        "to": format_time(span.end),
        "items": [asdict(entry(item)) for item in page.items],
        "next": page.next,
    }


def recent_lines(page: Page, span: Span) -> list[str]:
    """Return a page as a table; keys are not shortened, so that they can be copied."""
    entries = [entry(item) for item in page.items]
    if not entries:
        return [f"nothing was cached from {format_time(span.begin)} to {format_time(span.end)}"]
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


def item_document(item: Item) -> dict[str, object]:
    """Return an item for JSON, with question and answer as objects."""
    answer = item.get("reasoning_result", {}).get("S")
    return {**asdict(entry(item)), "answer": parsed(answer)}


def warm_lines(result: WarmResult) -> list[str]:
    """Return the number of answers by cache status, and the first failures."""
    more = len(result.failures) - _MOST_FAILURES
    return [
        *table(("cache", "answers"), sorted(result.answers.items())),
        *result.failures[:_MOST_FAILURES],
        *([f"and {more:,} more failures"] if more > 0 else []),
    ]
