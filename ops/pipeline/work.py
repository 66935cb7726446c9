"""The files of a pipeline on this machine, below ``.local/pipeline/ENV``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from modules.catalogue import Layer
from ops.common.local_address import CHECKOUT
from ops.common.paths import LocalPaths
from ops.common.target import Target
from ops.pipeline import bundle
from ops.terraform.runner import LOCK_FILE
from ops.terraform.stacks import Stack, read_stacks, run_main, settings_folder


class Work:
    """The synthesized stacks and the plans of one environment."""

    def __init__(self, target: Target, checkout: Path = CHECKOUT) -> None:
        self.target = target
        self.paths = LocalPaths(checkout)
        self._folder = self.paths.home / "pipeline" / target.name
        # Held by the command at work.
        self.busy = self._folder / "lock"
        self._plans = self._folder / "plans"
        self.stacks: list[Stack] = []
        self.files: Mapping[str, bytes] = {}

    def synthesize(self, user_environment: Mapping[str, str]) -> None:
        """Synthesize the environment's layers, except what an administrator applies.

        Raises:
            BadInputError: A setting is wrong.
            OperatorError: ``main.py`` failed.

        """
        self.tidy()
        run_main(
            *("--env", self.target.name),
            *("--settings", str(settings_folder(user_environment))),
            *("--output", str(self._folder)),
            checkout=self.paths.checkout,
            user_environment=user_environment,
        )
        bootstrap = self.target.naming.stack(Layer.BOOTSTRAP)
        found = read_stacks(self._folder, place=self._folder)
        self.stacks = [stack for stack in found if stack.name != bootstrap]
        self.files = bundle.read_files(self._folder, [stack.name for stack in self.stacks])
        self._plans.mkdir(mode=0o700)

    @property
    def lock_file(self) -> str | None:
        """The lock file of the checkout, which pins the providers of all stacks."""
        file = self.paths.checkout / LOCK_FILE
        return file.read_text(encoding="utf-8") if file.exists() else None

    @property
    def digest(self) -> str:
        """The digest of what an apply of this checkout depends on."""
        return bundle.digest(self.files, self.lock_file)

    def plan_file(self, stack: Stack) -> Path:
        """Return the path of a saved plan."""
        return self._plans / stack.name

    def tidy(self) -> None:
        """Remove everything: plans have secrets, and the next run makes the stacks anew."""
        for path in self._folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self.busy:
                path.unlink()
