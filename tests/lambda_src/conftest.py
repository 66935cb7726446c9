"""Fixtures for the Lambda: scripted servers for the unit tests, an emulated AWS for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from reasoning.deadline import Deadline

from testing.emulator import running_emulator
from tests.lambda_src.builders import LogLines
from tests.lambda_src.fake_gemini import FakeGemini
from tests.lambda_src.scripted_server import ScriptedServer, reply


@pytest.fixture
def gemini_server() -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        yield server


@pytest.fixture
def aws_server() -> Iterator[ScriptedServer]:
    """One AWS service; every call succeeds with an empty result unless scripted."""
    with ScriptedServer(default=reply(200, {})) as server:
        yield server


@pytest.fixture
def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> LogLines:
    """Return what was logged since the last call; fails if a line is not JSON."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@dataclass(frozen=True)
class LocalAws:
    """The emulated AWS."""

    endpoint: str
    region: str = "us-east-1"


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield LocalAws(emulator.ports.endpoint)
