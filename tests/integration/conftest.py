"""Shared by the integration tests: the synthesized stacks, and Terraform with the provider."""

from __future__ import annotations

import pytest

from modules import environments
from ops.common.errors import MissingToolError
from ops.terraform.stacks import Stack
from tests.integration.terraform import VARIANTS, Installation, install, synthesize

# Its assertions are to show their values, as those of a test do.
pytest.register_assert_rewrite("tests.integration.bootstrapping", "tests.integration.pipelining")


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stack]:
    """Return every stack in AWS, of the project and of the variants."""
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
    """Return Terraform and the real provider; skip the test if one of them is missing."""
    some_stack = next(iter(stacks.values()))
    try:
        return install(
            tmp_path_factory.mktemp("terraform"),
            some_stack.document["terraform"]["required_providers"],
        )
    except MissingToolError as error:
        pytest.skip(f"NOT TESTED WITH TERRAFORM: {error}. Remedy: {error.remedy}.")
