"""Fixtures: scripted servers for the unit tests, the AWS emulator for the integration tests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from reasoning.deadline import Deadline

from testing.emulator import Emulator, running_emulator
from tests.lambda_src.builders import LogLines
from tests.lambda_src.fake_gemini import answering
from tests.lambda_src.scripted_server import ScriptedServer, reply


@pytest.fixture
def gemini_server() -> Iterator[ScriptedServer]:
    """Gemini; every call succeeds unless scripted."""
    with ScriptedServer(default=answering()) as server:
        yield server


@pytest.fixture
def aws_server() -> Iterator[ScriptedServer]:
    """An AWS service; every call succeeds with an empty result unless scripted."""
    with ScriptedServer(default=reply(200, {})) as server:
        yield server


@pytest.fixture
def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> LogLines:
    """Return what was logged since the last call; fails if a line is not JSON."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running
