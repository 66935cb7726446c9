"""Files and names of the local AWS. Every file is below ``.local/`` in the checkout."""

from __future__ import annotations

from pathlib import Path

from modules.catalogue import Layer
from modules.naming import Naming
from modules.settings.local_aws import LocalAws
from ops.common.local_address import CHECKOUT, ENVIRONMENT

NAMING = Naming(environment=ENVIRONMENT)


class LocalPaths:
    """The files of the local AWS of one checkout."""

    def __init__(self, checkout: Path = CHECKOUT) -> None:
        self.checkout = checkout
        self.home = checkout / ".local"
        # Locked by the command at work.
        self.lock = self.home / "lock"
        # Ports and processes of the running local AWS.
        self.run = self.home / "run.json"
        self.logs = self.home / "logs"
        # The key of the running emulator: for AWS SDKs, which Terraform's provider is one of, and
        # for curl.
        self.credentials = checkout / LocalAws.credentials_file
        self.curl = self.credentials.with_name("curl")
        # The emulator's snapshot, objects and temporary files.
        self.emulator = self.home / "emulator"
        # Terraform's CLI configuration, if the provider comes from a mirror.
        self.terraform_config = self.home / "terraform.tfrc"
        # Downloaded and unpacked providers; `down` keeps them.
        self.plugin_cache = self.home / "plugin-cache"
        # Terraform's data directories, one for each stack.
        self.terraform_data = self.home / "terraform"
        # Other environments with local state keep theirs beside it.
        self.state = self.home / "state" / ENVIRONMENT
        # The relative paths of the states in the stacks depend on the depth of this folder.
        self.output = checkout / "cdktf.out"

    def state_files(self) -> dict[str, Path]:
        """Return the existing state files by stack name, in the layers' order."""
        files = {
            NAMING.stack(layer): self.state / Path(NAMING.state_file("", layer)).name
            for layer in Layer
        }
        return {name: file for name, file in files.items() if file.exists()}

    def shown(self, path: Path) -> str:
        """Return ``path`` relative to the checkout where possible."""
        return str(path.relative_to(self.checkout) if path.is_relative_to(self.checkout) else path)
