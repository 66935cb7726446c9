"""Fixtures: the stacks, synthesized once per session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modules import environments
from modules.app import synthesize
from modules.environments import Environment
from modules.naming import Naming
from modules.schema.reader import structure
from modules.settings import Settings
from tests.modules.terraform_json import Stack

VARIANTS = Path(__file__).resolve().parents[1] / "integration" / "environments"
SHIPPED = tuple(environments.names())

Synthesize = Callable[..., dict[str, Stack]]


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stack]:
    """Return every stack of the shipped environments, by name."""
    output = tmp_path_factory.mktemp("shipped") / "out"
    names = synthesize(environments.load(SHIPPED), output=output)
    return {name: Stack.read(output, name) for name in names}


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stack]:
    """Return the stacks of one environment with every option enabled, by layer."""
    output = tmp_path_factory.mktemp("everything") / "out"
    names = synthesize(environments.load(["everything"], folder=VARIANTS), output=output)
    return {name.partition("-")[2]: Stack.read(output, name) for name in names}


@pytest.fixture(scope="session")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stack]:
    """Return the stacks of an environment as a regulated owner has it, by layer."""
    output = tmp_path_factory.mktemp("hardened") / "out"
    names = synthesize(environments.load(["hardened"], folder=VARIANTS), output=output)
    return {name.partition("-")[2]: Stack.read(output, name) for name in names}


@pytest.fixture(scope="session")
def every(
    shipped: dict[str, Stack], everything: dict[str, Stack], hardened: dict[str, Stack]
) -> dict[str, Stack]:
    """Return the stacks of the fixtures above, by name."""
    variants = (*everything.values(), *hardened.values())
    return shipped | {stack.name: stack for stack in variants}


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Return a function that synthesizes one environment from a settings document."""

    def run(document: dict[str, object], **options: object) -> dict[str, Stack]:
        settings, problems = structure(Settings, document)
        assert not problems
        environment = Environment(
            naming=Naming(environment="unit", bucket_suffix=settings.buckets.suffix),
            settings=settings,
        )
        output = tmp_path_factory.mktemp("synthesized") / "out"
        names = synthesize([environment], output=output, **options)  # type: ignore[arg-type]
        return {name.removeprefix("unit-"): Stack.read(output, name) for name in names}

    return run
