"""Where everything of the local AWS lies: below ``.local/`` in the checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.common.local_address import CHECKOUT, ENVIRONMENT


@dataclass(frozen=True)
class LocalPaths:
    """The files of the local AWS of one checkout."""

    checkout: Path = CHECKOUT

    @property
    def home(self) -> Path:
        """Folder of all of it."""
        return self.checkout / ".local"

    @property
    def lock(self) -> Path:
        """File that keeps two commands from working at once."""
        return self.home / "lock"

    @property
    def run(self) -> Path:
        """Ports and processes of the local AWS that runs."""
        return self.home / "run.json"

    @property
    def logs(self) -> Path:
        """Logs of the emulator, the stand-in and every Terraform command."""
        return self.home / "logs"

    @property
    def emulator(self) -> Path:
        """The emulator's snapshot, objects and temporary files."""
        return self.home / "emulator"

    @property
    def terraform_config(self) -> Path:
        """Terraform's CLI configuration, when the provider comes from a folder."""
        return self.home / "terraform.tfrc"

    @property
    def plugin_cache(self) -> Path:
        """Providers that Terraform downloaded or unpacked; kept by ``down``."""
        return self.home / "plugin-cache"

    @property
    def terraform_data(self) -> Path:
        """Terraform's working data, one folder for each stack."""
        return self.home / "terraform"

    @property
    def state(self) -> Path:
        """Folder of the layers' states; other environments may keep theirs beside it."""
        return self.home / "state" / ENVIRONMENT

    @property
    def output(self) -> Path:
        """Where the stacks are synthesized; the paths of their states count on its depth."""
        return self.checkout / "cdktf.out"

    def shown(self, path: Path) -> str:
        """Return ``path`` as one would type it in the checkout."""
        return (
            str(path.relative_to(self.checkout))
            if path.is_relative_to(self.checkout)
            else str(path)
        )
