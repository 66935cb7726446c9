"""Concurrent requests to the function on the emulated AWS, for tests and benchmarks."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from reasoning.answer import parse_answer
from reasoning.deadline import Deadline
from reasoning.events import HttpRequest
from reasoning.handler import respond
from reasoning.models import KeySpace, Query
from reasoning.prompt import PROMPT_VERSION
from reasoning.responses import LambdaResponse
from reasoning.runtime import Runtime

from modules.catalogue import (
    CACHE_NAMESPACE,
    CACHE_TABLE_NAME,
    CACHE_TTL,
    GEMINI_CALLS_PER_DAY,
    GEMINI_ENDPOINT,
    GEMINI_LANGUAGE,
    GEMINI_MODEL,
    GEMINI_TIMEOUT,
    TABLE_KEY,
)
from modules.environments import load
from modules.naming import Naming
from ops.common.local_address import ENVIRONMENT, REGION
from testing.emulator import Emulator
from testing.questions import (
    ANSWER,
    FIELDS,
    NUMBERS,
    Context,
    get_event,
    post_event,
)
from testing.storage import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

MODEL = "gemini-3.8-flash"
TIMEOUT_SECONDS = 20


Answer = Callable[[dict[str, str], bytes], tuple[int, bytes]]


@dataclass
class Upstream:
    """A Gemini whose answers repeat the question; slow, and failing for a share of the calls."""

    seconds: float
    failing: float = 0.0
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    chance: random.Random = field(default_factory=lambda: random.Random(4))

    def __call__(self, _headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        with self.lock:
            self.calls += 1
            fails = self.chance.random() < self.failing
            way = self.chance.choice(["503", "429", "500", "400", "cut", "schema"])
        time.sleep(self.seconds)
        text = json.loads(body)["contents"][0]["parts"][0]["text"]
        answer = {**ANSWER, "summary": text.partition("\n")[2]}
        if fails and way.isdigit():
            return int(way), b"{}"
        finish = "MAX_TOKENS" if fails and way == "cut" else "STOP"
        if fails and way == "schema":
            answer["confidence"] = 7
        parts = {"role": "model", "parts": [{"text": json.dumps(answer)}]}
        document = {"candidates": [{"content": parts, "finishReason": finish}]}
        return 200, json.dumps(document).encode()


@dataclass
class Throttle:
    """A proxy of the emulator that throttles a share of the calls to DynamoDB."""

    port: int
    share: float
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    local: threading.local = field(default_factory=threading.local)

    def __call__(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if "DynamoDB" in headers.get("X-Amz-Target", ""):
            with self.lock:
                refuse = self.chance.random() < self.share
                self.refused += refuse
            if refuse:
                return 400, b'{"__type":"ProvisionedThroughputExceededException"}'
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            self.local.connection = connection
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve POST requests, one thread for each connection; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = answer(dict(self.headers.items()), body)
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n"
            self.wfile.write(head.encode() + content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            """Log nothing: clients close connections at their deadlines."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Function:
    """The function in its own environment, with any number of instances."""

    def __init__(self, emulator: Emulator, *, gemini: str, endpoint: str | None = None) -> None:
        naming = Naming(environment=f"load-{uuid.uuid4().hex[:8]}")
        self.table = naming.cache_table
        self.variables = {
            **emulator.key.variables,
            **replace(load([ENVIRONMENT])[0], naming=naming).function_variables,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint or emulator.ports.endpoint,
        }
        self._dynamodb = emulator.client("dynamodb")
        create_table(self._dynamodb, self.table)
        ssm = emulator.client("ssm")
        for parameter, value in {
            CACHE_TABLE_NAME: self.table,
            GEMINI_MODEL: MODEL,
            GEMINI_ENDPOINT: gemini,
            GEMINI_TIMEOUT: str(TIMEOUT_SECONDS),
            GEMINI_CALLS_PER_DAY: "100000",
            GEMINI_LANGUAGE: "en",
            CACHE_TTL: "90",
            CACHE_NAMESPACE: "1",
        }.items():
            ssm.put_parameter(Name=naming.parameter(parameter), Value=value, Type="String")
        secrets = emulator.client("secretsmanager")
        secrets.create_secret(Name=naming.gemini_secret, SecretString="k")

    def instances(self, count: int) -> list[Runtime]:
        """Return instances that have read their configuration."""
        started = [Runtime(self.variables) for _ in range(count)]
        for runtime in started:
            runtime.service(Deadline.after(30))
        return started

    def items(self) -> Iterator[dict[str, AttributeValueTypeDef]]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self.table):
            yield from page["Items"]


@dataclass(frozen=True)
class Load:
    """The responses to concurrent requests, and the seconds that each of them took."""

    seconds: list[float]
    responses: list[LambdaResponse]

    @property
    def statuses(self) -> Counter[int]:
        return Counter(response["statusCode"] for response in self.responses)

    @property
    def caches(self) -> Counter[str]:
        return Counter(response["headers"].get("X-Cache", "-") for response in self.responses)


def simultaneous(function: Function, count: int) -> Load:
    """Send one question from `count` instances at the same moment."""
    instances = function.instances(count)
    ready = threading.Barrier(count)

    def ask(event: object) -> tuple[float, LambdaResponse]:
        runtime = instances.pop()
        ready.wait()
        return _timed(runtime, event, remaining_ms=28_000)

    return _sent(ask, [get_event(FIELDS)] * count, workers=count)


def mixed(function: Function, count: int, *, workers: int = 16) -> Load:
    """Send valid and invalid, popular and rare questions from some instances."""
    chance = random.Random(6)
    idle = function.instances(workers)

    def ask(event: object) -> tuple[float, LambdaResponse]:
        runtime = idle.pop()
        try:
            return _timed(runtime, event, remaining_ms=8_000)
        finally:
            idle.append(runtime)

    return _sent(ask, [_mixed_event(chance) for _ in range(count)], workers=workers)


def wrong_items(function: Function) -> list[str]:
    """Return what is wrong in the table: every answer must be valid and belong to its key."""
    keys = KeySpace(namespace="1", model=MODEL, prompt_version=PROMPT_VERSION, language="en")
    wrong = []
    for item in function.items():
        if "reasoning_result" not in item:
            continue
        text, asked = item["reasoning_result"]["S"], item["query_params"]["S"]
        query = Query.parse(HttpRequest.from_event(post_event(asked)).fields())
        if parse_answer(text) != text:
            wrong.append(f"not a canonical answer: {text[:80]}")
        if keys.key(query) != item[TABLE_KEY]["S"]:
            wrong.append(f"stored under the key of another question: {asked}")
        if json.loads(text)["summary"] != asked:
            wrong.append(f"the answer to another question: {asked}")
    return wrong


def _sent(
    ask: Callable[[object], tuple[float, LambdaResponse]], events: Sequence[object], *, workers: int
) -> Load:
    with ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(ask, events))
    return Load([seconds for seconds, _ in done], [response for _, response in done])


def _timed(runtime: Runtime, event: object, *, remaining_ms: int) -> tuple[float, LambdaResponse]:
    started = time.monotonic()
    response = respond(event, Context(remaining_ms), runtime.service)
    return time.monotonic() - started, response


def _mixed_event(chance: random.Random) -> dict[str, object]:
    # Two questions in three are among ten popular ones.
    number = chance.randrange(10) if chance.random() < 0.67 else chance.randrange(10, 10_000)
    fields = {**FIELDS, "co2": str(400 + number / 10)}
    kind = chance.random()
    if kind < 0.1:
        return get_event({**fields, "lat": "north"})
    if kind < 0.15:
        return post_event("{")
    if kind < 0.4:
        return post_event(json.dumps({**fields, **{name: float(fields[name]) for name in NUMBERS}}))
    return get_event(fields)
