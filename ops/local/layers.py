"""Applying and destroying the layers: each starts when those that it depends on are done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ops.common.display import Display
from ops.common.errors import OperatorError, StoppedError
from ops.terraform.runner import Changes, Terraform
from ops.terraform.stacks import Stack, read_state

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
    return _run(
        terraform.apply, stacks, needs=needs, terraform=terraform, display=display, watch=watch
    )


def destroy(
    stacks: Sequence[Stack], terraform: Terraform, display: Display, watch: Callable[[], None]
) -> list[LayerResult]:
    """Destroy the stacks in reverse order; arguments and errors are those of ``apply``."""
    dependents = {
        stack.name: tuple(other.name for other in stacks if stack.name in other.needs)
        for stack in stacks
    }
    return _run(
        terraform.destroy,
        stacks[::-1],
        needs=dependents,
        terraform=terraform,
        display=display,
        watch=watch,
    )


def _run(
    change: Callable[[Stack, Callable[[str], None]], Changes],
    stacks: Sequence[Stack],
    *,
    needs: Mapping[str, Sequence[str]],
    terraform: Terraform,
    display: Display,
    watch: Callable[[], None],
) -> list[LayerResult]:
    """Change the stacks; ``needs`` names those to finish before each stack."""
    futures: dict[str, Future[LayerResult]] = {}
    # Terraform's plugin cache is not safe for concurrent writes.
    initializing = threading.Lock()

    def run_one(stack: Stack) -> LayerResult:
        with initializing:
            terraform.initialize(stack)
        for name in needs[stack.name]:
            if name in futures:
                futures[name].result()  # raises what it raised
        begin = time.monotonic()
        with display.step(stack.name) as step:
            step.say("planning")
            changes = change(stack, step.say)
            resources = len(read_state(stack.state_file).resources)
            step.result = f"{resources} resources, {changes}"
        seconds = round(time.monotonic() - begin, 1)
        return LayerResult(name=stack.name, resources=resources, changes=changes, seconds=seconds)

    # One thread each, submitted in dependency order, so that none waits for a missing future.
    with ThreadPoolExecutor(max_workers=len(stacks)) as pool:
        for stack in stacks:
            futures[stack.name] = pool.submit(run_one, stack)
        try:
            while wait(futures.values(), timeout=_WATCH_SECONDS).not_done:
                watch()
        except StoppedError:
            display.say("waiting for Terraform to stop; a second signal kills it")
            terraform.children.interrupt(grace_seconds=_GRACE_SECONDS)
            raise
        except OperatorError:
            # The emulator is gone, so there is nothing that Terraform could complete.
            terraform.children.kill()
            raise
    return [future.result() for future in futures.values()]
