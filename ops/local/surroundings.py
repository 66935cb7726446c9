"""What a command works with, given from outside so that tests can give something else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.local.children import Children
from ops.local.display import Display
from ops.local.environment import local_aws
from ops.local.mirror import known_folders
from ops.local.paths import LocalPaths
from ops.local.ports import Ports
from ops.local.provider import ProviderSource, ask_registry, terraform_environment
from ops.local.signals import Stopping
from ops.local.terraform import Terraform


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The checkout's files, the user's environment, and where progress is shown."""

    display: Display
    children: Children
    stopping: Stopping
    paths: LocalPaths = field(default_factory=LocalPaths)
    user_environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    registry_answers: Callable[[], bool] = ask_registry
    provider_folders: Iterable[Path] | None = None
    """Folders that may hold a provider; None means those that are known."""

    def folders(self) -> Iterable[Path]:
        """Return the folders that may hold a provider."""
        if self.provider_folders is not None:
            return self.provider_folders
        return known_folders(self.user_environment, checkout=self.paths.checkout)

    def terraform(self, program: str, ports: Ports, source: ProviderSource) -> Terraform:
        """Return Terraform, able to reach the emulator on these ports and no AWS besides."""
        return Terraform(
            program=program,
            environment={
                **local_aws(self.user_environment, ports.emulator),
                **terraform_environment(source, self.paths, self.user_environment),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
                # The provider builds the same large schema several times a command. Collecting
                # its garbage less often takes a third off the CPU time, for some hundred MB.
                "GOGC": self.user_environment.get("GOGC", "400"),
            },
            paths=self.paths,
            children=self.children,
        )
