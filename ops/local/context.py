"""The injected dependencies of `up` and `down`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.common.children import Children
from ops.common.display import Display
from ops.common.environment import local_aws
from ops.common.paths import LocalPaths
from ops.local import locality
from ops.local.services.ports import Ports
from ops.terraform import stacks
from ops.terraform.provider import ProviderSource, find_provider
from ops.terraform.runner import Terraform, automation
from ops.terraform.stacks import Stack


@dataclass(frozen=True, kw_only=True)
class LocalContext:
    """Injected dependencies: files, environment variables, progress, child processes."""

    display: Display
    children: Children
    paths: LocalPaths = field(default_factory=LocalPaths)
    user_environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def synthesize(self, output: Path, ports: Ports) -> list[Stack]:
        """Synthesize the local stacks to ``output`` and check that they are local.

        Raises:
            BadInputError: A setting is wrong.
            RefusedError: A stack is not provably local.
            OperatorError: The stacks could not be synthesized.

        """
        with self.display.step("synthesis") as step:
            found = stacks.synthesize(
                self.paths,
                output=output,
                port=ports.emulator,
                user_environment=self.user_environment,
            )
            locality.check(found, port=ports.emulator, state_root=self.paths.state)
            step.result = ", ".join(stack.name for stack in found)
        return found

    def provider_source(self) -> ProviderSource:
        """Return where Terraform installs the provider from."""
        return find_provider(self.paths, self.user_environment)

    def terraform(self, program: str, ports: Ports, source: ProviderSource) -> Terraform:
        """Return Terraform with an environment in which it reaches the emulator and not AWS."""
        return Terraform(
            program=program,
            environment={
                **local_aws(self.user_environment, ports.emulator),
                **source.configure(self.paths, self.user_environment),
                **automation(self.user_environment),
            },
            paths=self.paths,
            children=self.children,
        )
