"""Applying and destroying the layers: each starts when those that it depends on are done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ops.common.errors import OperatorError, StoppedError
from ops.local.display import Display
from ops.local.terraform.runner import Changes, Terraform
from ops.local.terraform.stacks import Stack, read_state

_WATCH_SECONDS = 0.5
_GRACE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class LayerResult:
    """The result of applying or destroying a layer."""

    name: str
    resources: int
    changes: Changes
    seconds: float


def apply(
    stacks: Sequence[Stack], terraform: Terraform, display: Display, watch: Callable[[], None]
) -> list[LayerResult]:
    """Apply the stacks, given in dependency order.

    ``watch`` is called twice a second and may raise to stop Terraform.

    Raises:
        StoppedError: A signal arrived; Terraform was interrupted and has saved its states.
        OperatorError: Terraform failed on a stack; those that do not depend on it were applied.

    """
    needs = {stack.name: stack.needs for stack in stacks}
    return _Work(terraform, terraform.apply, display, needs).run(stacks, watch)


def destroy(
    stacks: Sequence[Stack], terraform: Terraform, display: Display, watch: Callable[[], None]
) -> list[LayerResult]:
    """Destroy the stacks in reverse order; arguments and errors are those of ``apply``."""
    dependents = {
        stack.name: tuple(other.name for other in stacks if stack.name in other.needs)
        for stack in stacks
    }
    return _Work(terraform, terraform.destroy, display, dependents).run(stacks[::-1], watch)


class _Work:
    """A Terraform command on several stacks; ``needs`` names those to finish before each stack."""

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
        # Terraform's plugin cache is not safe for concurrent writes.
        self._initializing = threading.Lock()

    def run(self, stacks: Sequence[Stack], watch: Callable[[], None]) -> list[LayerResult]:
        futures = self._futures
        # One thread each, submitted in dependency order, so that none waits for a missing future.
        with ThreadPoolExecutor(max_workers=len(stacks)) as pool:
            for stack in stacks:
                futures[stack.name] = pool.submit(self._run_one, stack)
            try:
                while wait(futures.values(), timeout=_WATCH_SECONDS).not_done:
                    watch()
            except StoppedError:
                self._display.say("waiting for Terraform to stop; a second signal kills it")
                self._terraform.children.interrupt(grace_seconds=_GRACE_SECONDS)
                raise
            except OperatorError:
                # The emulator is gone, so there is nothing that Terraform could complete.
                self._terraform.children.kill()
                raise
        return [future.result() for future in futures.values()]

    def _run_one(self, stack: Stack) -> LayerResult:
        with self._initializing:
            self._terraform.initialize(stack)
        for name in self._needs[stack.name]:
            if name in self._futures:
                self._futures[name].result()  # raises what it raised
        begin = time.monotonic()
        with self._display.step(stack.name) as step:
            step.say("planning")
            changes = self._change(stack, step.say)
            resources = read_state(stack.state_file).resources
            step.result = f"{resources} resources, {changes}"
        seconds = round(time.monotonic() - begin, 1)
        return LayerResult(name=stack.name, resources=resources, changes=changes, seconds=seconds)
