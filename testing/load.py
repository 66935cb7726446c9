"""Many requests at once against the emulated AWS, for the tests and for the measurements."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reasoning.answer import parse_answer
from reasoning.deadline import Deadline
from reasoning.events import HttpRequest
from reasoning.handler import respond
from reasoning.models import KeySpace, Query
from reasoning.prompt import PROMPT_VERSION
from reasoning.responses import LambdaResponse
from reasoning.runtime import Runtime

from testing.emulator import Emulator
from testing.questions import (
    ANSWER,
    CREDENTIALS,
    FIELDS,
    VARIABLES,
    Context,
    get_event,
    post_event,
)

MODEL = "gemini-3.8-flash"
TIMEOUT_SECONDS = 20


@dataclass
class Upstream:
    """A Gemini that names the question in its answer, takes a while, and fails now and then."""

    seconds: float
    failing: float = 0.0
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    chance: random.Random = field(default_factory=lambda: random.Random(4))

    def answer(self, body: bytes) -> tuple[int, bytes]:
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
    """What stands before the emulator and refuses some of the calls to the table."""

    port: int
    share: float
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    local: threading.local = field(default_factory=threading.local)

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
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
def serving(answerer: Upstream | Throttle) -> Iterator[str]:
    """Serve POSTs from threads, one for each connection; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if isinstance(answerer, Throttle):
                status, content = answerer.answer(dict(self.headers.items()), body)
            else:
                status, content = answerer.answer(body)
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n"
            self.wfile.write(head.encode() + content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: clients hang up at their deadlines."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Function:
    """The function in an environment of its own, in as many instances as are asked for."""

    def __init__(self, emulator: Emulator, *, gemini: str, endpoint: str | None = None) -> None:
        name = f"load-{uuid.uuid4().hex[:8]}"
        prefix = f"/co2-analysis/{name}"
        self.table = f"co2-analysis-{name}-cache"
        self.variables = {
            **CREDENTIALS,
            **VARIABLES,
            "PARAMETER_PREFIX": prefix,
            "GEMINI_SECRET_ID": f"co2-analysis-{name}-gemini-api-key",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint or emulator.ports.endpoint,
        }
        self._dynamodb = emulator.client("dynamodb")
        self._dynamodb.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "cache_key", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "cache_key", "KeyType": "HASH"}],
        )
        ssm = emulator.client("ssm")
        for suffix, value in {
            "/storage/dynamodb/cache-table-name": self.table,
            "/config/gemini/model": MODEL,
            "/config/gemini/endpoint": gemini,
            "/config/gemini/timeout-seconds": str(TIMEOUT_SECONDS),
            "/config/cache/ttl-days": "90",
            "/config/cache/namespace": "1",
        }.items():
            ssm.put_parameter(Name=prefix + suffix, Value=value, Type="String")
        secret = self.variables["GEMINI_SECRET_ID"]
        emulator.client("secretsmanager").create_secret(Name=secret, SecretString="k")

    def instances(self, count: int) -> list[Runtime]:
        """Return running instances that have read their configuration."""
        started = [Runtime(self.variables) for _ in range(count)]
        for runtime in started:
            runtime.service(Deadline.after(30))
        return started

    def items(self) -> Iterator[dict[str, Any]]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self.table):
            yield from page["Items"]


@dataclass(frozen=True)
class Load:
    """What many requests brought: seconds of each, and the responses."""

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

    def ask(runtime: Runtime) -> tuple[float, LambdaResponse]:
        ready.wait()
        return _timed(runtime, get_event(FIELDS), remaining_ms=28_000)

    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(ask, instances))
    return Load([seconds for seconds, _ in done], [response for _, response in done])


def mixed(function: Function, count: int, *, workers: int = 16) -> Load:
    """Send questions, good and bad, popular and rare, over and over from some instances."""
    chance = random.Random(6)
    idle = function.instances(workers)
    events = [_mixed_event(chance) for _ in range(count)]

    def ask(event: object) -> tuple[float, LambdaResponse]:
        runtime = idle.pop()
        try:
            return _timed(runtime, event, remaining_ms=8_000)
        finally:
            idle.append(runtime)

    with ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(ask, events))
    return Load([seconds for seconds, _ in done], [response for _, response in done])


def wrong_items(function: Function) -> list[str]:
    """Return what is wrong in the table: every answer must be valid and belong to its key."""
    keys = KeySpace(namespace="1", model=MODEL, prompt_version=PROMPT_VERSION)
    wrong = []
    for item in function.items():
        if "reasoning_result" not in item:
            continue
        text, asked = item["reasoning_result"]["S"], item["query_params"]["S"]
        query = Query.parse(HttpRequest.from_event(post_event(asked)).fields())
        if parse_answer(text) != text:
            wrong.append(f"not a canonical answer: {text[:80]}")
        if keys.key(query) != item["cache_key"]["S"]:
            wrong.append(f"under the key of another question: {asked}")
        if json.loads(text)["summary"] != asked:
            wrong.append(f"the answer to another question: {asked}")
    return wrong


def _timed(runtime: Runtime, event: object, *, remaining_ms: int) -> tuple[float, LambdaResponse]:
    started = time.monotonic()
    response = respond(event, Context(remaining_ms), runtime.service)
    return time.monotonic() - started, response


def _mixed_event(chance: random.Random) -> dict[str, object]:
    # Two questions in three are among ten popular ones.
    number = chance.randrange(10) if chance.random() < 0.67 else chance.randrange(10, 10_000)
    fields = {**FIELDS, "co2": str(400 + number / 100)}
    kind = chance.random()
    if kind < 0.1:
        return get_event({**fields, "lat": "north"})
    if kind < 0.15:
        return post_event("{")
    if kind < 0.4:
        numbers = {name: float(text) for name, text in fields.items() if name not in _WORDS}
        return post_event(json.dumps({**fields, **numbers}))
    return get_event(fields)


_WORDS = ("date", "severity")
