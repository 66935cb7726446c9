"""The function over HTTP: function URL events, concurrent instances, a restarting worker."""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.common.errors import OperatorError
from ops.serve.http_events import Context, event
from ops.serve.reloading import Worker, keep_running
from ops.serve.server import FunctionResponse, FunctionServer, Instances, Invoke


def make(
    body: bytes = b"", content_type: str = "", target: str = "/a?b=1&b=2"
) -> dict[str, object]:
    return event(method="POST", target=target, headers={"Content-Type": content_type}, body=body)


def test_path_and_query_string_stay_as_they_were_sent() -> None:
    made = make(target="/a%20b?lat=%31&x=?")

    assert (made["rawPath"], made["rawQueryString"]) == ("/a%20b", "lat=%31&x=?")


@given(st.binary(min_size=1), st.sampled_from(["application/json", "text/plain", "image/png", ""]))
def test_a_body_survives_whatever_it_is(body: bytes, content_type: str) -> None:
    made = make(body, content_type)

    text = str(made["body"])
    encoded = made["isBase64Encoded"]
    assert (base64.b64decode(text) if encoded else text.encode()) == body


def test_text_is_not_encoded_and_no_body_is_none() -> None:
    assert make(b"{}", "application/json; charset=utf-8")["body"] == "{}"
    assert "body" not in make()


def test_the_remaining_time_runs_out() -> None:
    context = Context(function_name="f", timeout_seconds=0.02)
    before = context.get_remaining_time_in_millis()
    time.sleep(0.03)

    assert 0 < before <= 20
    assert context.get_remaining_time_in_millis() == 0


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[], Invoke]], int]]:
    servers = []

    def start(create: Callable[[], Invoke]) -> int:
        server = FunctionServer(0, Instances(create))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def get(port: int, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, "/x")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_requests_at_the_same_time_get_instances_of_their_own(
    serve: Callable[[Callable[[], Invoke]], int],
) -> None:
    together = threading.Barrier(2, timeout=5)
    created: list[int] = []

    def create() -> Invoke:
        number = len(created)
        created.append(number)

        def invoke(_event: Mapping[str, object]) -> FunctionResponse:
            if number < 2 and len(created) < 3 and not together.broken:
                together.wait()
            return {
                "statusCode": 200,
                "headers": {},
                "body": str(number),
                "isBase64Encoded": False,
            }

        return invoke

    port = serve(create)
    other = threading.Thread(target=get, args=(port,))
    other.start()
    get(port)
    other.join()
    assert len(created) == 2

    together.abort()
    get(port)
    assert len(created) == 2, "an idle instance is used again"


def test_the_response_of_the_function_is_the_response(
    serve: Callable[[Callable[[], Invoke]], int],
) -> None:
    def invoke(given: Mapping[str, object]) -> FunctionResponse:
        body = json.dumps(given["requestContext"], ensure_ascii=False) + "₂"
        return {"statusCode": 418, "headers": {"X-A": "b"}, "body": body, "isBase64Encoded": False}

    port = serve(lambda: invoke)

    assert get(port, "DELETE")[0] == 418
    assert get(port)[1].endswith("₂".encode())


class EndOfTestError(Exception):
    pass


def worker(folder: Path) -> Worker:
    code = folder / "code"
    code.mkdir()
    (code / "main.py").write_text("1")
    script = "import pathlib, time; pathlib.Path('started').open('a').write('x'); time.sleep(60)"
    return Worker(
        command=[sys.executable, "-IS", "-c", script], environment={}, folder=folder, code=code
    )


def test_changed_code_is_served_by_a_new_worker(tmp_path: Path) -> None:
    serving, said = worker(tmp_path), list[str]()
    started = tmp_path / "started"

    def wait_for(count: int) -> None:
        give_up = time.monotonic() + 5
        while not started.exists() or len(started.read_text()) < count:
            assert time.monotonic() < give_up
            time.sleep(0.01)

    def pauses() -> Iterator[None]:
        wait_for(1)
        yield
        (serving.code / "main.py").write_text("22")
        yield
        wait_for(2)
        yield
        raise EndOfTestError

    steps = pauses()
    with pytest.raises(EndOfTestError):
        keep_running(serving, said.append, pause=lambda _: next(steps))

    assert started.read_text() == "xx"
    assert len(said) == 1


def test_ctrl_c_at_the_terminal_does_not_reach_the_worker(tmp_path: Path) -> None:
    script = "import os, pathlib; pathlib.Path('session').write_text(str(os.getsid(0)))"
    serving = Worker(
        command=[sys.executable, "-IS", "-c", script],
        environment={},
        folder=tmp_path,
        code=tmp_path,
    )
    with pytest.raises(OperatorError):
        keep_running(serving, lambda _: None, pause=lambda _: time.sleep(0.02))

    assert int((tmp_path / "session").read_text()) != os.getsid(0)


def test_a_worker_that_cannot_start_is_reported(tmp_path: Path) -> None:
    broken = Worker(
        command=[sys.executable, "-IS", "-c", "raise SystemExit(3)"],
        environment={},
        folder=tmp_path,
        code=tmp_path,
    )

    with pytest.raises(OperatorError, match="exit code 3"):
        keep_running(broken, lambda _: None, pause=lambda _: time.sleep(0.02))
