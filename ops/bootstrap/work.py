"""The files of one bootstrap below ``.local/bootstrap/ENV``, and the Terraform that works there."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modules import environments
from modules.catalogue import Layer
from modules.naming import from_stack
from modules.settings import LocalAws
from ops.common.errors import BusyError
from ops.common.local_address import CHECKOUT
from ops.common.target import Target
from ops.hcp import access
from ops.local.environment import local_aws
from ops.local.paths import LocalPaths
from ops.local.services import processes
from ops.local.services.children import Children
from ops.local.terraform.provider import find_provider
from ops.local.terraform.runner import Terraform
from ops.local.terraform.stacks import Stack, read_stacks, run_main

_WAIT_SECONDS = 300.0
_POLL_SECONDS = 0.2
# Variables of Terraform that do not change what it does, only how it gets providers and tokens.
_HARMLESS = ("TF_TOKEN_", "TF_PLUGIN_", "TF_REGISTRY_")


class Work:
    """The files of the bootstrap of one environment."""

    def __init__(self, target: Target, checkout: Path = CHECKOUT) -> None:
        self.target = target
        self.paths = LocalPaths(checkout)
        self.folder = self.paths.home / "bootstrap" / target.name
        # Held by the command at work.
        self.lock = self.folder / "lock"
        # Until it is in the bucket.
        self.state = self.folder / "terraform.tfstate"
        self.plan = self.folder / "plan"
        # Since when a Terraform runs; it is left if this command is killed.
        self.running = self.folder / "running"
        # The id of a lock that a killed run left.
        self.left_lock = self.folder / "left-lock"

    def synthesize(self, user_environment: Mapping[str, str]) -> Stack:
        """Synthesize the bootstrap layer alone, with the environment's settings.

        Raises:
            BadInputError: A setting is wrong.
            OperatorError: ``main.py`` failed.

        """
        local = self.target.settings.local_aws
        run_main(
            *("--env", self.target.name, "--layer", Layer.BOOTSTRAP.key),
            *("--settings", user_environment.get("CO2_SETTINGS") or str(environments.FOLDER)),
            *("--output", str(self.folder)),
            *(("--local-port", str(local.port)) if local else ()),
            checkout=self.paths.checkout,
            user_environment=user_environment,
        )
        (stack,) = read_stacks(self.folder, place=self.folder)
        for file in (_override(stack), _imports(stack)):
            file.unlink(missing_ok=True)
        if local:
            # The path in the stacks depends on the depth of their folder in the checkout.
            file = stack.folder / "cdk.tf.json"
            text = file.read_text(encoding="utf-8")
            text = text.replace(
                json.dumps(from_stack(LocalAws.credentials_file)),
                json.dumps(str(self.target.credentials_file.resolve())),
            )
            file.write_text(text, encoding="utf-8")
            stack = dataclasses.replace(stack, document=json.loads(text))
        return stack

    def keep_state_here(self, stack: Stack) -> Stack:
        """Override the backend of the stack by the local state file."""
        terraform = {
            key: value
            for key, value in stack.document["terraform"].items()
            if key not in {"backend", "cloud"}
        }
        backend = {"backend": {"local": {"path": str(self.state)}}}
        _override(stack).write_text(json.dumps({"terraform": backend}), encoding="utf-8")
        return dataclasses.replace(
            stack, document={**stack.document, "terraform": {**terraform, **backend}}
        )

    def import_existing(self, stack: Stack, imports: Mapping[str, str]) -> None:
        """Add import blocks to the stack. Terraform does not accept them in an override file."""
        blocks = [{"to": address, "id": id_} for address, id_ in imports.items()]
        if blocks:
            _imports(stack).write_text(json.dumps({"import": blocks}), encoding="utf-8")

    def keep_state_there(self, stack: Stack) -> None:
        """Give the stack its own backend again, without imports."""
        for file in (_override(stack), _imports(stack)):
            file.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove the local state, its backups and the plan, and then the rest but the lock."""
        for file in sorted(self.folder.glob(f"{self.state.name}*")):
            file.unlink()
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self.lock:
                path.unlink()
        data = self.paths.terraform_data / self.target.naming.stack(Layer.BOOTSTRAP)
        shutil.rmtree(data, ignore_errors=True)

    def terraform(self, program: str, user: Mapping[str, str], children: Children) -> Terraform:
        """Return Terraform with the user's credentials, or with none for the local AWS."""
        source = find_provider(self.paths, user)
        environment = {
            name: value
            for name, value in user.items()
            if not name.startswith("TF_") or name.startswith(_HARMLESS)
        }
        if local := self.target.settings.local_aws:
            environment = local_aws(user, local.port)
        if hcp := self.target.settings.state.hcp:
            # Terraform does not know all the places of the token.
            token = access.find(hcp.hostname, variables=user).token
            environment[access.token_variable(hcp.hostname)] = token
        return Terraform(
            program=program,
            environment={
                **environment,
                **source.configure(self.paths, user),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
                "GOGC": user.get("GOGC", "400"),
            },
            paths=self.paths,
            children=children,
            remedy="then run bootstrap again: it continues from there",
        )

    def killed_since(self) -> datetime | None:
        """Return when the Terraform of a killed run was started, None if no run was killed."""
        try:
            return datetime.fromisoformat(self.running.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def wait_for_terraform(self, say: Callable[[str], None]) -> None:
        """Wait for a Terraform that outlived its command: it still records what it creates.

        Raises:
            BusyError: It still works after five minutes.

        """
        deadline = time.monotonic() + _WAIT_SECONDS
        stack = self.folder / "stacks" / self.target.naming.stack(Layer.BOOTSTRAP)
        while found := processes.with_argument(f"-chdir={stack}"):
            if time.monotonic() > deadline:
                raise BusyError(
                    f"the Terraform of a killed run still works (process {found[0]})",
                    remedy="wait until it has ended, and run bootstrap again",
                )
            say(f"waiting for the Terraform of a killed run (process {found[0]})")
            time.sleep(_POLL_SECONDS)


class RecordedChildren(Children):
    """Child processes, one at a time, whose start is recorded until they end."""

    def __init__(self, record: Path) -> None:
        super().__init__()
        self._record = record

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Record the time, and start a program."""
        self._record.write_text(datetime.now(tz=UTC).isoformat(), encoding="utf-8")
        return super().start(command, **options)

    def finish(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a program, and remove the record."""
        code = super().finish(process)
        self._record.unlink(missing_ok=True)
        return code


def _override(stack: Stack) -> Path:
    return stack.folder / "bootstrap_override.tf.json"


def _imports(stack: Stack) -> Path:
    return stack.folder / "imports.tf.json"
