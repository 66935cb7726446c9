"""Valid requests, and in-memory fakes of what a request needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from reasoning.answer_cache import AnswerCache
from reasoning.aws import AwsClient, JsonService
from reasoning.budget import CallBudget
from reasoning.cache import Failure, Lease, Snapshot
from reasoning.circuit_breaker import CircuitBreaker
from reasoning.connection import Origin
from reasoning.cors import CorsPolicy
from reasoning.deadline import Deadline
from reasoning.errors import CacheUnavailableError, ItemTooLargeError, NotAskedError
from reasoning.events import HttpRequest
from reasoning.freshness import Lifetimes
from reasoning.handler import respond
from reasoning.models import CacheEntry, Explanation, KeySpace, Query
from reasoning.prompt import PROMPT_VERSION
from reasoning.responses import LambdaResponse
from reasoning.service import ReasoningService
from reasoning.single_flight import SingleFlight

from testing.questions import ANSWER, CREDENTIALS, FIELDS, NUMBERS, Context, get_event

LogLines = Callable[[], list[dict[str, object]]]

NOW = 1_779_000_000
DAY = 86_400
NO_CORS = CorsPolicy()
LIFETIMES = Lifetimes(browser=300, edge=3600, stale_while_revalidate=60)


def json_body(fields: dict[str, str]) -> str:
    """Encode fields as a JSON object, number fields verbatim."""
    members = (
        f"{json.dumps(name)}: {text if name in NUMBERS else json.dumps(text)}"
        for name, text in fields.items()
    )
    return "{" + ", ".join(members) + "}"


def query(**changes: str) -> Query:
    return Query.parse(HttpRequest.from_event(get_event({**FIELDS, **changes})).fields())


def key(parsed: Query | None = None, model: str = "test-model") -> str:
    """Return the cache key in the namespace that the tests configure."""
    return key_space(model).key(parsed or query())


def key_space(model: str = "test-model") -> KeySpace:
    return KeySpace(namespace="1", model=model, prompt_version=PROMPT_VERSION, language="en")


KEY = key()


def entry(
    *,
    key: str = KEY,
    reasoning_json: str = "{}",
    cached_at: int = NOW,
    expires_at: int = NOW + DAY,
) -> CacheEntry:
    """Return an entry, by default for the default query and valid for a day from `NOW`."""
    return CacheEntry(
        key=key,
        reasoning_json=reasoning_json,
        model="m",
        model_version="m-001",
        cached_at=cached_at,
        expires_at=expires_at,
    )


def aws_client(
    service: JsonService,
    url: str,
    environment: Mapping[str, str] = CREDENTIALS,
    *,
    region: str = "eu-central-1",
) -> AwsClient:
    """Return a client of an AWS service that listens at `url`."""
    return AwsClient(service, region=region, endpoint=Origin.parse(url), environment=environment)


class MemoryCache:
    """An in-memory cache with the table's conditions; `broken` makes every call fail."""

    def __init__(self) -> None:
        self.entries: dict[str, CacheEntry] = {}
        self.queries: dict[str, Query] = {}
        self.leases: dict[str, Lease] = {}
        self.failures: dict[str, Failure] = {}
        self.budgets: list[float] = []
        self.reads: list[bool] = []
        self.broken = False
        self.unreadable = False
        self.read_only = False
        self.losing_replies = False
        self.too_small = False

    def read(
        self, key: str, query: Query, now: float, deadline: Deadline, *, consistent: bool = False
    ) -> Snapshot:
        self.reads.append(consistent)
        self._begin(deadline)
        if self.unreadable:
            raise CacheUnavailableError("scripted")
        return self._snapshot(key, query, now)

    def _snapshot(self, key: str, query: Query, now: float) -> Snapshot:
        entry, lease = self.entries.get(key), self.leases.get(key)
        if self.queries.get(key, query) != query:
            entry = None
        fresh = entry is not None and entry.expires_at > now
        return Snapshot(
            fresh=entry if fresh else None,
            stale=None if fresh else entry,
            version={"S": str(entry.cached_at)} if entry else None,
            holder=lease.owner if lease and lease.until >= 1000 * now else None,
            failure=self.failures.get(key),
        )

    def acquire(self, lease: Lease, snapshot: Snapshot, now: float, deadline: Deadline) -> bool:
        self._begin_write(deadline)
        current = self._snapshot(lease.key, query(), now)
        if current.holder or current.version != snapshot.version:
            return False
        self.leases[lease.key] = lease
        if self.losing_replies:
            raise CacheUnavailableError("the reply was lost")
        return True

    def put(self, entry: CacheEntry, query: Query, lease: Lease, deadline: Deadline) -> bool:
        self._begin_write(deadline)
        if self.too_small:
            raise ItemTooLargeError("scripted")
        held, found = self.leases.get(entry.key), self.entries.get(entry.key)
        free = held is None or held.until < 1000 * entry.cached_at
        if held != lease and not (free and (not found or found.expires_at <= entry.cached_at)):
            return False
        self.leases.pop(entry.key, None)
        self.failures.pop(entry.key, None)
        self.entries[entry.key] = entry
        self.queries[entry.key] = query
        return True

    def release(self, lease: Lease, failure: Failure, deadline: Deadline) -> bool:
        self._begin_write(deadline)
        if self.leases.get(lease.key) != lease:
            return False
        del self.leases[lease.key]
        self.failures[lease.key] = failure
        return True

    def _begin(self, deadline: Deadline) -> None:
        self.budgets.append(deadline.remaining())
        if self.broken:
            raise CacheUnavailableError("scripted")

    def _begin_write(self, deadline: Deadline) -> None:
        self._begin(deadline)
        if self.read_only:
            raise CacheUnavailableError("scripted")


class CountingModel:
    """A model that records its calls and always returns the same answer, or always fails."""

    model = "test-model"
    timeout_seconds = 20.0

    def __init__(self, failure: Exception | None = None) -> None:
        self.queries: list[Query] = []
        self.budgets: list[float] = []
        self.failure = failure
        self.refusal: NotAskedError | None = None
        self.checks: list[float] = []

    def check(self, deadline: Deadline) -> None:
        self.checks.append(deadline.remaining())
        if self.refusal:
            raise self.refusal

    def explain(self, query: Query, deadline: Deadline) -> Explanation:
        self.queries.append(query)
        self.budgets.append(deadline.remaining())
        if self.failure:
            raise self.failure
        return Explanation(
            reasoning_json=json.dumps(ANSWER, ensure_ascii=False), model_version="test-model-001"
        )


class RecordingBudget(CallBudget):
    """A budget that records what it is asked for; `refusal` makes it refuse calls."""

    def __init__(self) -> None:
        self.admitted = 0
        self.pauses: list[int] = []
        self.refusal: NotAskedError | None = None

    def check(self) -> None:
        if self.refusal:
            raise self.refusal

    def admit(self, deadline: Deadline) -> None:
        self.check()
        assert deadline.remaining() <= 1
        self.admitted += 1

    def pause(self, seconds: int, deadline: Deadline) -> None:
        assert deadline.remaining() <= 1
        self.pauses.append(seconds)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class Api:
    """The whole request path with an in-memory cache and a fake model."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.cache = MemoryCache()
        self.model = CountingModel(failure)
        self.clock = Clock()
        self.consistent_reads = False
        self.service = self.instance()

    def instance(self, sleep: Callable[[float], None] = lambda _seconds: None) -> ReasoningService:
        """Return the service of another instance of the function."""
        single_flight = SingleFlight(
            cache=self.cache,
            model=self.model,
            breaker=CircuitBreaker(self.clock),
            ttl_days=90,
            clock=self.clock,
            sleep=sleep,
        )
        return ReasoningService(
            cache=self.cache,
            answer_cache=AnswerCache(),
            keys=key_space(self.model.model),
            single_flight=lambda: single_flight,
            lifetimes=LIFETIMES,
            consistent_reads=self.consistent_reads,
            clock=self.clock,
        )

    def send(self, event: object, cors: CorsPolicy = NO_CORS) -> LambdaResponse:
        return respond(event, Context(), lambda _deadline: self.service, cors=cors)
