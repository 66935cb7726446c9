"""Running Terraform on a stack: progress from its JSON events, its diagnostics as errors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ops.common.children import Children
from ops.common.errors import BusyError, MissingToolError, OperatorError
from ops.common.paths import LocalPaths
from ops.terraform.provider import REMEDY
from ops.terraform.stacks import Stack

LOCK_FILE = ".terraform.lock.hcl"

_LOCK_TIMEOUT = "-lock-timeout=120s"
_LOCKED = "Error acquiring the state lock"
_POLL_SECONDS = 0.05
_MAX_ERRORS = 5
_MAX_LINES = 15
_LONGEST = 1_000

Event = Mapping[str, Any]


def automation(user: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which Terraform runs in a program instead of a terminal."""
    return {
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        # The provider builds the same large schema several times a command. Fewer garbage
        # collections save a third of the CPU time, for some hundred MB.
        "GOGC": user.get("GOGC", "400"),
    }


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The number of resources that a command created, changed and destroyed."""

    added: int = 0
    changed: int = 0
    destroyed: int = 0

    def __str__(self) -> str:
        words = {"added": self.added, "changed": self.changed, "destroyed": self.destroyed}
        return ", ".join(f"{count} {word}" for word, count in words.items() if count) or "no change"


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """Terraform with the complete environment of it and of its provider."""

    program: str
    environment: Mapping[str, str]
    paths: LocalPaths
    children: Children
    # What else helps if a command fails.
    remedy: str = "to start from scratch, run down, then up"

    def initialize(self, stack: Stack) -> None:
        """Run ``init``, unless it succeeded before with the same settings.

        Raises:
            MissingToolError: The provider cannot be installed.
            OperatorError: Terraform failed for another reason.

        """
        # Whoever uses HCP Terraform forgets the backend before, so nothing is reconfigured.
        options = () if "cloud" in stack.document["terraform"] else ("-reconfigure",)
        # The lock file may be that of another provider source with another version.
        self._initialize(stack, *options, "-upgrade")

    def initialize_locked(self, stack: Stack, lock: str | None) -> str:
        """Run ``init`` with the providers of a lock file, without changing it.

        Without one, the newest providers are chosen that the stack accepts. Return the content of
        the lock file.

        Raises:
            MissingToolError: The provider cannot be installed.
            OperatorError: Terraform failed for another reason.

        """
        file = stack.folder / LOCK_FILE
        if lock is None:
            self._initialize(stack, "-reconfigure", "-upgrade")
        else:
            file.write_text(lock, encoding="utf-8")
            self._initialize(stack, "-reconfigure", "-lockfile=readonly", lock=lock)
        return file.read_text(encoding="utf-8")

    def _initialize(self, stack: Stack, *options: str, lock: str = "") -> None:
        mark = self._data(stack) / "initialized"
        config = self.environment.get("TF_CLI_CONFIG_FILE")
        installation = Path(config).read_text(encoding="utf-8") if config else ""
        settings = json.dumps([stack.document["terraform"], installation, lock])
        wanted = hashlib.sha256(settings.encode()).hexdigest()
        locked = (stack.folder / LOCK_FILE).exists()
        if locked and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
            return
        mark.unlink(missing_ok=True)
        self._run(stack, "init", *options)
        mark.write_text(wanted, encoding="utf-8")

    def forget_backend(self, stack: Stack) -> None:
        """Forget with which backend and workspace the stack was initialized."""
        for name in ("terraform.tfstate", "environment", "initialized"):
            (self._data(stack) / name).unlink(missing_ok=True)

    def apply(self, stack: Stack, report: Callable[[str], None]) -> Changes:
        """Apply the stack.

        Raises:
            OperatorError: Terraform failed.

        """
        return self._change(stack, report, "apply")

    def destroy(self, stack: Stack, report: Callable[[str], None]) -> Changes:
        """Destroy the stack's resources.

        Raises:
            OperatorError: Terraform failed.

        """
        # A refresh would only find out what need not be destroyed any more.
        return self._change(stack, report, "destroy", "-refresh=false")

    def plan(self, stack: Stack, file: Path, report: Callable[[str], None]) -> None:
        """Plan, and save the plan, which this user alone may read.

        Raises:
            OperatorError: Terraform failed.

        """
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        progress = _Progress(report)
        # It writes no state, and Terraform refuses to apply a plan of a state that has moved on.
        self._run(stack, "plan", f"-out={file}", "-lock=false", take=progress.take)

    def show(self, stack: Stack, plan: Path) -> bytes:
        """Return the JSON of a saved plan. It has secrets, so it is not logged.

        Raises:
            OperatorError: Terraform failed.

        """
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = self.children.start(
                [self.program, f"-chdir={stack.folder}", "show", "-json", "-no-color", str(plan)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=self._variables(stack),
            )
            code = self.children.finish(process)
            output.seek(0)
            errors.seek(0)
            if code:
                told = errors.read().decode(errors="replace").strip()
                raise self._error(stack, "show", f"  {told[:_LONGEST]}")
            return output.read()

    def apply_plan(
        self, stack: Stack, plan: Path, *, changes: int, report: Callable[[str], None]
    ) -> Changes:
        """Apply a saved plan of ``changes`` changes.

        Raises:
            OperatorError: Terraform failed.

        """
        progress = _Progress(report, planned=changes)
        self._run(stack, "apply", _LOCK_TIMEOUT, str(plan), take=progress.take)
        return progress.changes

    def text(
        self, stack: Stack, command: str, *options: str, accept: Sequence[int] = (0,)
    ) -> tuple[int, str]:
        """Run a command for its text; return its exit code, one of ``accept``, and the text.

        Raises:
            OperatorError: Terraform failed.

        """
        lines: list[str] = []
        code = self._print(stack, command, *options, read=lines.append)
        text = "".join(lines)
        if code not in accept:
            _, error, message = text.rpartition("\nError: ")
            shown = message if error else text
            told = [f"  {line}" for line in shown.splitlines() if line.strip()]
            raise self._error(stack, command, "\n".join(told[:_MAX_LINES]))
        return code, text

    def _change(
        self, stack: Stack, report: Callable[[str], None], command: str, *options: str
    ) -> Changes:
        progress = _Progress(report)
        # A killed command may have left a Terraform process that still finishes its work.
        self._run(stack, command, "-auto-approve", _LOCK_TIMEOUT, *options, take=progress.take)
        return progress.changes

    def _run(
        self,
        stack: Stack,
        command: str,
        *options: str,
        take: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        diagnostics: list[Event] = []

        def read(line: str) -> None:
            event = _event(line)
            if event.get("@level") == "error":
                diagnostics.append(
                    event.get("diagnostic") or {"summary": event.get("@message", "")}
                )
            take(event)

        code = self._print(stack, command, "-input=false", "-json", *options, read=read)
        if code == 0:
            return
        shown = "\n".join(map(_shown, diagnostics[:_MAX_ERRORS])) or f"  exit code {code}"
        # As in "Failed to query available provider packages" and "Incompatible provider version".
        if command == "init" and any("provider" in one["summary"] for one in diagnostics):
            raise MissingToolError(self._failed(stack, command, shown), remedy=REMEDY)
        if any(one["summary"] == _LOCKED for one in diagnostics):
            raise BusyError(
                self._failed(stack, command, shown),
                remedy="wait until it has ended; if nothing runs: terraform force-unlock",
            )
        raise self._error(stack, command, shown)

    def _print(self, stack: Stack, command: str, *options: str, read: Callable[[str], None]) -> int:
        """Run a command, pass on the lines that it prints, and return its exit code."""
        log = self._log(stack, command)
        log.parent.mkdir(parents=True, exist_ok=True)
        # A file, not a pipe: if this process were killed, Terraform would die of SIGPIPE before it
        # has recorded created resources in its state.
        with log.open("w", encoding="utf-8") as output, log.open(encoding="utf-8") as printed:
            process = self.children.start(
                [self.program, f"-chdir={stack.folder}", *command.split(), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._variables(stack),
            )
            for line in _lines(printed, until=lambda: process.poll() is not None):
                read(line)
            return self.children.finish(process)

    def _error(self, stack: Stack, command: str, shown: str) -> OperatorError:
        log = self.paths.shown(self._log(stack, command))
        return OperatorError(
            self._failed(stack, command, shown), remedy=f"read {log}; {self.remedy}"
        )

    def _failed(self, stack: Stack, command: str, shown: str) -> str:
        return f"{stack.name}: terraform {command} failed\n{shown}"

    def _log(self, stack: Stack, command: str) -> Path:
        return self.paths.logs / f"{stack.name}-{command.replace(' ', '-')}.log"

    def _variables(self, stack: Stack) -> dict[str, str]:
        return {**self.environment, "TF_DATA_DIR": str(self._data(stack))}

    def _data(self, stack: Stack) -> Path:
        return self.paths.terraform_data / stack.name


class _Progress:
    """Counts and reports the changes made so far."""

    def __init__(self, report: Callable[[str], None], *, planned: int = 0) -> None:
        self.changes = Changes()
        self._report = report
        self._planned = planned
        self._done = 0
        self._refreshed = 0

    def take(self, event: Event) -> None:
        kind = event.get("type")
        if kind == "change_summary":
            counts = event["changes"]
            changes = Changes(
                added=counts["add"], changed=counts["change"], destroyed=counts["remove"]
            )
            if counts["operation"] == "plan":
                self._planned = changes.added + changes.changed + changes.destroyed
            else:
                self.changes = changes
        elif kind == "refresh_complete":
            self._refreshed += 1
            self._report(f"{self._refreshed} resources read")
        elif kind in {"apply_start", "apply_complete"}:
            self._done += kind == "apply_complete"
            self._report(f"{self._done}/{self._planned} {event['hook']['resource']['addr']}")


def _lines(file: TextIO, *, until: Callable[[], bool]) -> Iterator[str]:
    """Yield the complete lines of a file that grows ``until`` the condition holds."""
    partial = ""
    ended = False
    while not ended:
        ended = until()  # before reading, so that the last lines are read too
        while part := file.readline():
            partial += part
            if partial.endswith("\n"):
                yield partial
                partial = ""
        if not ended:
            time.sleep(_POLL_SECONDS)


def _event(line: str) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _shown(diagnostic: Event) -> str:
    address = diagnostic.get("address")
    detail = diagnostic.get("detail") or ""
    return "\n".join(
        [
            f"  {diagnostic['summary']}" + (f" ({address})" if address else ""),
            *(f"    {line}" for line in detail.splitlines() if line.strip()),
        ]
    )
