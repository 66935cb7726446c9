"""The files of one bootstrap below ``.local/bootstrap/ENV``, and the Terraform that works there."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modules.catalogue import Layer
from modules.naming import from_stack
from modules.settings import LocalAws
from ops.bootstrap.state_store import Lock
from ops.common import processes
from ops.common.children import Children
from ops.common.environment import for_terraform, local_aws
from ops.common.errors import BusyError
from ops.common.local_address import CHECKOUT
from ops.common.paths import LocalPaths
from ops.common.target import Target
from ops.hcp import access
from ops.terraform.provider import find_provider
from ops.terraform.runner import Terraform, automation
from ops.terraform.stacks import Stack, read_stacks, run_main, settings_folder

_WAIT_SECONDS = 300.0
_POLL_SECONDS = 0.2
# How Terraform calls its locks, by the word in its command; "init" is that of an empty state.
_LOCKING: Mapping[str, Sequence[str]] = {
    "apply": ("OperationTypeApply", "init"),
    "-migrate-state": ("migration destination state", "init"),
}
# It takes its lock before anything else.
_LOCKS_WITHIN = timedelta(minutes=2)


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
        # Since when a Terraform runs that takes a lock; it is left if this command is killed.
        self.running = self.folder / "running"

    def synthesize(self, user_environment: Mapping[str, str]) -> Stack:
        """Synthesize the bootstrap layer alone, with the environment's settings.

        Raises:
            BadInputError: A setting is wrong.
            OperatorError: ``main.py`` failed.

        """
        local = self.target.settings.local_aws
        run_main(
            *("--env", self.target.name, "--layer", Layer.BOOTSTRAP.key),
            *("--settings", str(settings_folder(user_environment))),
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
        """Remove the local state, its backups, and what a killed run left."""
        for file in sorted(self.folder.glob(f"{self.state.name}*")):
            file.unlink()
        self.running.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what the next run makes anew, so everything but states and records."""
        # Terraform writes a state that it could not store beside the stack.
        if not any(self.folder.glob("stacks/*/errored.tfstate")):
            shutil.rmtree(self.folder / "stacks", ignore_errors=True)
        kept = {self.lock.name, self.running.name}
        for path in self.folder.iterdir():
            if path.is_file() and not (path.name in kept or path.name.startswith(self.state.name)):
                path.unlink()
        stack = self.target.naming.stack(Layer.BOOTSTRAP)
        # The whole plan once more.
        (self.paths.logs / f"{stack}-show.log").unlink(missing_ok=True)
        data = self.paths.terraform_data / stack
        shutil.rmtree(data, ignore_errors=True)

    def terraform(self, program: str, user: Mapping[str, str], children: Children) -> Terraform:
        """Return Terraform with the user's credentials, or with none for the local AWS."""
        source = find_provider(self.paths, user)
        environment = for_terraform(user)
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
                **automation(user),
            },
            paths=self.paths,
            children=children,
            remedy="then run bootstrap again: it continues from there",
        )

    def private_plan(self) -> Path:
        """Return the path of an empty plan that this user alone may read."""
        self.plan.unlink(missing_ok=True)
        self.plan.touch(mode=0o600)
        return self.plan

    def record(self, command: Sequence[str]) -> None:
        """Record that a Terraform is started, if it takes the lock of the state."""
        operations = next((found for word, found in _LOCKING.items() if word in command), None)
        if operations:
            started = datetime.now(tz=UTC).isoformat()
            document = {"started": started, "operations": operations}
            self.running.write_text(json.dumps(document), encoding="utf-8")

    def ended(self, command: Sequence[str]) -> None:
        """Remove the record of a Terraform that has ended."""
        if any(word in command for word in _LOCKING):
            self.running.unlink(missing_ok=True)

    def left(self, lock: Lock, *, gone: datetime) -> bool:
        """Return whether the Terraform of a killed run left the lock; by ``gone`` it had ended."""
        try:
            found = json.loads(self.running.read_text(encoding="utf-8"))
            started = datetime.fromisoformat(found["started"])
            operations = found["operations"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return bool(
            lock.id
            and lock.is_this_users
            and lock.operation in operations
            and lock.created
            and started <= lock.created <= min(gone, started + _LOCKS_WITHIN)
        )

    def wait_for_terraform(self, say: Callable[[str], None]) -> datetime:
        """Wait for a Terraform that outlived its command: it still records what it creates.

        Return when it was first seen to have ended.

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
        return datetime.now(tz=UTC)


class RecordedChildren(Children):
    """Child processes, one at a time; those that take the lock are recorded until they end."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Record the time, and start a program."""
        self._work.record(command)
        return super().start(command, **options)

    def finish(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a program, and remove the record if it is that of this program."""
        code = super().finish(process)
        if isinstance(process.args, list):
            self._work.ended(process.args)
        return code


def _override(stack: Stack) -> Path:
    return stack.folder / "bootstrap_override.tf.json"


def _imports(stack: Stack) -> Path:
    return stack.folder / "imports.tf.json"
