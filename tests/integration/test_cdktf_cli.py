"""The cdktf CLI on a copy of the checkout."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testing.emulator import Emulator, running_emulator
from tests.integration.inventory import found_in
from tests.integration.terraform import CHECKOUT, Installation, remove_endpoints, run

OF_OTHER_LAYERS = {
    *("distributions", "edge functions", "web ACLs", "log deliveries"),
    *("alarms", "dashboards", "topics", "keys", "budgets"),
}
COPIED = (
    "main.py",
    "modules",
    "environments",
    "lambda_src",
    "Pipfile.lock",
    "LICENSE",
    "cdktf.json",
)

pytestmark = pytest.mark.integration


@dataclass(frozen=True, kw_only=True)
class User:
    """A user of a checkout, with an emulator to deploy to."""

    checkout: Path
    emulator: Emulator
    installation: Installation

    def cdktf(self, *arguments: str) -> str:
        """Run the CLI and return its output."""
        _, printed = run(
            ["npx", "--no", "cdktf", *arguments],
            folder=self.checkout,
            environment={
                **self.installation.installing,
                "AWS_ENDPOINT_URL": self.emulator.ports.endpoint,
                "CO2_ENVIRONMENTS": "local",
                "CO2_LOCAL_PORT": str(self.emulator.ports.emulator),
                # No prompts, no requests for newer versions, no cache in the home directory.
                "CI": "1",
                "DISABLE_VERSION_CHECK": "1",
                "CDKTF_DISABLE_PLUGIN_CACHE_ENV": "1",
            },
        )
        return printed

    def states(self) -> set[str]:
        """Return the paths of the stacks' states."""
        found = (self.checkout / ".local/state").rglob("*.tfstate")
        return {path.relative_to(self.checkout).as_posix() for path in found}


@pytest.fixture(scope="module")
def user(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    if not (CHECKOUT / "node_modules/.bin/cdktf").exists():
        pytest.skip("NOT TESTED WITH CDKTF: it is not installed. Remedy: npm ci.")
    home = tmp_path_factory.mktemp("cdktf")
    checkout = home / "checkout"
    checkout.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, checkout / name)
    (checkout / "node_modules").symlink_to(CHECKOUT / "node_modules")
    # The command in cdktf.json names this folder.
    (checkout / ".venv").symlink_to(sys.prefix)
    with running_emulator(checkout) as emulator:
        user = User(checkout=checkout, emulator=emulator, installation=installation)
        user.cdktf("synth")
        yield user


def test_synth_writes_the_chosen_environment(user: User) -> None:
    written = {path.name for path in (user.checkout / "cdktf.out/stacks").iterdir()}
    assert written == {"local-base", "local-storage", "local-compute"}


def test_diff_shows_a_plan_and_changes_nothing(user: User) -> None:
    printed = user.cdktf("diff", "local-base", "--no-color", "--skip-provider-lock")

    assert re.search(r"aws_secretsmanager_secret\.gemini_api_key .*will be created", printed)
    assert not any(found_in(user.emulator).values())


def test_deploy_creates_all_layers_and_destroy_removes_them(user: User) -> None:
    for stack in (user.checkout / "cdktf.out/stacks").iterdir():
        remove_endpoints(stack, user.emulator.ports.endpoint)

    options = ("local-*", "--auto-approve", "--skip-provider-lock", "--skip-synth")
    user.cdktf("deploy", *options)

    missing = {kind for kind, names in found_in(user.emulator).items() if not names}
    assert missing == OF_OTHER_LAYERS, "local has neither a frontend nor monitoring"
    assert user.states() == {
        f".local/state/local/{layer}.tfstate" for layer in ("base", "storage", "compute")
    }

    user.cdktf("destroy", *options)

    assert {kind: names for kind, names in found_in(user.emulator).items() if names} == {}
