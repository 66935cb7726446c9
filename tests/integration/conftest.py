"""What the integration tests share: every synthesized stack, and Terraform with its provider."""

from __future__ import annotations

import pytest

from modules import environments
from ops.common.errors import MissingToolError
from tests.integration.terraform import VARIANTS, Installation, Stack, install, synthesize


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stack]:
    """Every stack of the project, and those of the variants that are not for an emulator."""
    output = tmp_path_factory.mktemp("stacks")
    found = [
        *synthesize(*environments.names(), output=output / "project"),
        *synthesize(output=output / "variants", settings=VARIANTS),
    ]
    return {stack.name: stack for stack in found}


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, stacks: dict[str, Stack]
) -> Installation:
    """Terraform and the real provider; where one of them is missing, no such test can run."""
    some_stack = next(iter(stacks.values()))
    try:
        return install(
            tmp_path_factory.mktemp("terraform"),
            some_stack.document["terraform"]["required_providers"],
        )
    except MissingToolError as error:
        pytest.skip(f"NOT TESTED WITH TERRAFORM: {error}. Remedy: {error.remedy}.")
