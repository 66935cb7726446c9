"""Working on the layers: each starts as soon as those that it needs are done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ops.common.errors import OperatorError, StoppedError
from ops.local.display import Display
from ops.local.stacks import Stack, read_state
from ops.local.terraform import Changes, Terraform

_WATCH_SECONDS = 0.5
_GRACE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class LayerResult:
    """What came out of a layer."""

    name: str
    resources: int
    changes: Changes
    seconds: float


class _SkippedError(OperatorError):
    """A layer was left out because one before it failed."""


def apply(
    stacks: Sequence[Stack], terraform: Terraform, display: Display, watch: Callable[[], None]
) -> list[LayerResult]:
    """Apply the stacks in their order.

    ``watch`` is called now and then, and may raise to stop all of it.

    Raises:
        StoppedError: A signal came; Terraform was asked to end in order.
        OperatorError: Terraform failed on a stack; those that do not need it were still applied.

    """
    needs = {stack.name: stack.needs for stack in stacks}
    return _Work(terraform, terraform.apply, display, needs).do(stacks, watch)


def destroy(
    stacks: Sequence[Stack], terraform: Terraform, display: Display, watch: Callable[[], None]
) -> list[LayerResult]:
    """Destroy the stacks in the reverse order; arguments and errors are those of ``apply``."""
    users = {
        stack.name: tuple(other.name for other in stacks if stack.name in other.needs)
        for stack in stacks
    }
    return _Work(terraform, terraform.destroy, display, users).do(stacks[::-1], watch)


class _Work:
    """One command on several stacks; ``needs`` names, for each stack, those to be done before."""

    def __init__(
        self,
        terraform: Terraform,
        change: Callable[[Stack, Callable[[str], None]], Changes],
        display: Display,
        needs: Mapping[str, Sequence[str]],
    ) -> None:
        self._terraform = terraform
        self._change = change
        self._display = display
        self._needs = needs
        self._futures: dict[str, Future[LayerResult]] = {}
        # Terraform's plugin cache must not be written to by two at once.
        self._initializing = threading.Lock()

    def do(self, stacks: Sequence[Stack], watch: Callable[[], None]) -> list[LayerResult]:
        futures = self._futures
        # Each has its thread, and in this order none waits for one that was not submitted.
        with ThreadPoolExecutor(max_workers=len(stacks)) as pool:
            for stack in stacks:
                futures[stack.name] = pool.submit(self._do_one, stack)
            try:
                while wait(futures.values(), timeout=_WATCH_SECONDS).not_done:
                    watch()
            except StoppedError:
                self._display.say("waiting for Terraform to end in order; a second signal kills it")
                self._terraform.children.interrupt(grace_seconds=_GRACE_SECONDS)
                raise
            except OperatorError:
                # The emulator is gone, so Terraform has nothing left to put in order.
                self._terraform.children.kill()
                raise
        failures = [error for future in futures.values() if (error := future.exception())]
        if failures:
            raise next((f for f in failures if not isinstance(f, _SkippedError)), failures[0])
        return [future.result() for future in futures.values()]

    def _do_one(self, stack: Stack) -> LayerResult:
        with self._initializing:
            self._terraform.initialize(stack)
        for name in self._needs[stack.name]:
            if name in self._futures and self._futures[name].exception():
                raise _SkippedError(f"{stack.name}: left out, because {name} failed")
        begin = time.monotonic()
        with self._display.step(stack.name) as step:
            step.say("planning")
            changes = self._change(stack, step.say)
            resources = read_state(stack.state_file).resources
            step.result = f"{resources} resources, {changes}"
        seconds = round(time.monotonic() - begin, 1)
        return LayerResult(name=stack.name, resources=resources, changes=changes, seconds=seconds)
