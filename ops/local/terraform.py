"""Running Terraform on a stack, with its progress as events and its errors as errors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ops.common.errors import OperatorError
from ops.local.children import Children
from ops.local.paths import LocalPaths
from ops.local.stacks import Stack

_LOCK_SECONDS = 120
_POLL_SECONDS = 0.05
_MOST_ERRORS = 5


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How many resources a command created, changed and destroyed."""

    added: int = 0
    changed: int = 0
    destroyed: int = 0

    def __str__(self) -> str:
        words = {"added": self.added, "changed": self.changed, "destroyed": self.destroyed}
        return ", ".join(f"{count} {word}" for word, count in words.items() if count) or "no change"


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """Terraform as it is run here. ``environment`` is all that it and its provider see."""

    program: str
    environment: Mapping[str, str]
    paths: LocalPaths
    children: Children

    def initialize(self, stack: Stack) -> None:
        """Run ``init``, unless an earlier one did the same.

        Raises:
            OperatorError: Terraform failed.

        """
        mark = self._data(stack) / "initialized"
        lock = stack.folder / ".terraform.lock.hcl"
        wanted = _digest(stack.document["terraform"], self.environment.get("TF_CLI_CONFIG_FILE"))
        if lock.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
            return
        mark.unlink(missing_ok=True)
        # A lock file may be left of another provider source, which had another version.
        self._run(stack, "init", ["-reconfigure", "-upgrade"], _ignore)
        mark.write_text(wanted, encoding="utf-8")

    def apply(self, stack: Stack, report: Callable[[str], None]) -> Changes:
        """Bring the stack's resources to what its code says.

        Raises:
            OperatorError: Terraform failed.

        """
        return self._change(stack, "apply", [], report)

    def destroy(self, stack: Stack, report: Callable[[str], None]) -> Changes:
        """Destroy the stack's resources.

        Raises:
            OperatorError: Terraform failed.

        """
        # The state is what was applied last, and whatever is gone since need not be destroyed.
        return self._change(stack, "destroy", ["-refresh=false"], report)

    def _change(
        self, stack: Stack, command: str, options: Sequence[str], report: Callable[[str], None]
    ) -> Changes:
        progress = _Progress(report)
        # An earlier command that was killed may have left a Terraform that still finishes its work.
        always = ["-auto-approve", f"-lock-timeout={_LOCK_SECONDS}s"]
        self._run(stack, command, [*always, *options], progress.take)
        return progress.changes

    def _run(
        self,
        stack: Stack,
        command: str,
        options: Sequence[str],
        take: Callable[[Mapping[str, Any]], None],
    ) -> None:
        log = self.log(stack, command)
        log.parent.mkdir(parents=True, exist_ok=True)
        errors: list[str] = []
        # A file, not a pipe: were this command killed, Terraform would die of a closed pipe, with
        # resources made that its state does not know yet.
        with log.open("w", encoding="utf-8") as output, log.open(encoding="utf-8") as said:
            process = self.children.start(
                [
                    self.program,
                    f"-chdir={stack.folder}",
                    command,
                    "-input=false",
                    "-json",
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self.environment, "TF_DATA_DIR": str(self._data(stack))},
            )
            for line in _lines(said, until=lambda: process.poll() is not None):
                event = _event(line)
                if event.get("@level") == "error":
                    errors.append(_error(event))
                take(event)
            code = self.children.finish(process)
        if code:
            shown = "\n".join(errors[:_MOST_ERRORS]) or f"  exit code {code}, without a reason"
            raise OperatorError(
                f"{stack.name}: terraform {command} failed\n{shown}",
                remedy=(
                    f"all that it said is in {self.paths.shown(log)};"
                    " down, then up, start from nothing"
                ),
            )

    def log(self, stack: Stack, command: str) -> Path:
        """File that holds what ``command`` said last."""
        return self.paths.logs / f"{stack.name}-{command}.log"

    def _data(self, stack: Stack) -> Path:
        return self.paths.terraform_data / stack.name


class _Progress:
    """Counts what is done, and says so."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.changes = Changes()
        self._report = report
        self._planned = 0
        self._done = 0

    def take(self, event: Mapping[str, Any]) -> None:
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
        elif kind == "apply_start":
            self._say(event)
        elif kind == "apply_complete":
            self._done += 1
            self._say(event)

    def _say(self, event: Mapping[str, Any]) -> None:
        self._report(f"{self._done}/{self._planned} {event['hook']['resource']['addr']}")


def _lines(file: TextIO, *, until: Callable[[], bool]) -> Iterator[str]:
    """Yield the lines of a file that is still being written, until it is not any more."""
    begun = ""
    ended = False
    while not ended:
        ended = until()  # before reading: what was written until then is still read
        while part := file.readline():
            begun += part
            if begun.endswith("\n"):
                yield begun
                begun = ""
        if not ended:
            time.sleep(_POLL_SECONDS)


def _ignore(_event: Mapping[str, Any]) -> None:
    pass


def _digest(terraform: Mapping[str, Any], config: str | None) -> str:
    installation = Path(config).read_text(encoding="utf-8") if config else ""
    return hashlib.sha256(json.dumps([terraform, installation]).encode()).hexdigest()


def _event(line: str) -> Mapping[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _error(event: Mapping[str, Any]) -> str:
    diagnostic = event.get("diagnostic") or {}
    summary = diagnostic.get("summary") or event.get("@message", "")
    address = diagnostic.get("address")
    detail = diagnostic.get("detail")
    return "\n".join(
        [
            f"  {summary}" + (f" ({address})" if address else ""),
            *(f"    {line}" for line in (detail or "").splitlines() if line.strip()),
        ]
    )
