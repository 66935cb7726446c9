"""Valid requests, and the smallest stand-ins for what a request needs."""

from __future__ import annotations

import json
from collections.abc import Callable

from reasoning.breaker import CircuitBreaker
from reasoning.deadline import Deadline
from reasoning.errors import CacheUnavailableError
from reasoning.events import HttpRequest
from reasoning.flight import SingleFlight
from reasoning.handler import respond
from reasoning.hot import HotAnswers
from reasoning.models import CacheEntry, KeySpace, Query
from reasoning.prompt import PROMPT_VERSION
from reasoning.responses import LambdaResponse
from reasoning.service import ReasoningService
from reasoning.snapshot import Failure, Lease, Snapshot

from testing.questions import ANSWER, FIELDS, NUMBERS, Context, get_event

LogLines = Callable[[], list[dict[str, object]]]

NOW = 1_779_000_000
DAY = 86_400


def json_body(fields: dict[str, str]) -> str:
    """Write fields as a JSON object, number fields exactly as spelled."""
    members = (
        f"{json.dumps(name)}: {text if name in NUMBERS else json.dumps(text)}"
        for name, text in fields.items()
    )
    return "{" + ", ".join(members) + "}"


def query(**changes: str) -> Query:
    return Query.parse(HttpRequest.from_event(get_event({**FIELDS, **changes})).fields())


def key(asked: Query | None = None, model: str = "test-model") -> str:
    """Return the cache key under the namespace that the tests configure."""
    keys = KeySpace(namespace="1", model=model, prompt_version=PROMPT_VERSION)
    return keys.key(asked or query())


class MemoryCache:
    """A cache in a dict with the table's rules; `broken` makes it fail as a lost table does."""

    def __init__(self) -> None:
        self.entries: dict[str, CacheEntry] = {}
        self.queries: dict[str, Query] = {}
        self.leases: dict[str, Lease] = {}
        self.failures: dict[str, Failure] = {}
        self.seconds_given: list[float] = []
        self.reads: list[bool] = []
        self.broken = False
        self.read_only = False

    def read(
        self, key: str, now: float, deadline: Deadline, *, consistent: bool = False
    ) -> Snapshot:
        self.reads.append(consistent)
        self._begin(deadline)
        entry, lease = self.entries.get(key), self.leases.get(key)
        fresh = entry is not None and entry.expires_at > now
        return Snapshot(
            fresh=entry if fresh else None,
            stale=None if fresh else entry,
            version={"S": str(entry.cached_at)} if entry else None,
            holder=lease.owner if lease and lease.until >= 1000 * now else None,
            failure=self.failures.get(key),
        )

    def acquire(self, lease: Lease, seen: Snapshot, now: float, deadline: Deadline) -> bool:
        self._begin_write(deadline)
        current = self.read(lease.key, now, deadline)
        if current.holder or current.version != seen.version:
            return False
        self.leases[lease.key] = lease
        return True

    def put(self, entry: CacheEntry, query: Query, lease: Lease | None, deadline: Deadline) -> bool:
        self._begin_write(deadline)
        if self.leases.get(entry.key) != lease:
            return False
        self.leases.pop(entry.key, None)
        self.failures.pop(entry.key, None)
        self.entries[entry.key] = entry
        self.queries[entry.key] = query
        return True

    def fail(self, lease: Lease, failure: Failure, deadline: Deadline) -> bool:
        self._begin_write(deadline)
        if self.leases.get(lease.key) != lease:
            return False
        del self.leases[lease.key]
        self.failures[lease.key] = failure
        return True

    def _begin(self, deadline: Deadline) -> None:
        self.seconds_given.append(deadline.remaining())
        if self.broken:
            raise CacheUnavailableError("scripted")

    def _begin_write(self, deadline: Deadline) -> None:
        self._begin(deadline)
        if self.read_only:
            raise CacheUnavailableError("scripted")


class CountingModel:
    """A model that always gives the same answer, or always fails."""

    model = "test-model"
    timeout_seconds = 20.0

    def __init__(self, failure: Exception | None = None) -> None:
        self.queries: list[Query] = []
        self.seconds_given: list[float] = []
        self.failure = failure

    def explain(self, query: Query, deadline: Deadline) -> str:
        self.queries.append(query)
        self.seconds_given.append(deadline.remaining())
        if self.failure:
            raise self.failure
        return json.dumps(ANSWER, ensure_ascii=False)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class Api:
    """The whole request path around a cache in memory and a counting model."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.cache = MemoryCache()
        self.model = CountingModel(failure)
        self.clock = Clock()
        self.service = self.instance()

    def instance(self, pause: Callable[[float], None] = lambda _seconds: None) -> ReasoningService:
        """Return what another running instance of the function would hold."""
        flight = SingleFlight(
            cache=self.cache,
            model=self.model,
            breaker=CircuitBreaker(self.clock),
            ttl_days=90,
            clock=self.clock,
            pause=pause,
        )
        return ReasoningService(
            cache=self.cache,
            hot=HotAnswers(),
            keys=KeySpace(namespace="1", model=self.model.model, prompt_version=PROMPT_VERSION),
            flight=lambda: flight,
            clock=self.clock,
        )

    def send(self, event: object) -> LambdaResponse:
        return respond(event, Context(), lambda _deadline: self.service)
