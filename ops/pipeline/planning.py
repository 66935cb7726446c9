"""Plan all stacks of an environment side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime

from ops.common.display import Display
from ops.common.errors import BusyError, MissingToolError, OperatorError, StoppedError
from ops.pipeline.bundle import Bundle, Planned
from ops.pipeline.deferral import Deferral, deferrals
from ops.pipeline.engine import Engine
from ops.pipeline.work import Work
from ops.terraform.stacks import Stack
from ops.terraform.states import State

# Each plan runs two processes of the provider, with half a gigabyte of memory each.
_MOST_AT_ONCE = 4
_POLL_SECONDS = 0.5


def plan_all(work: Work, engine: Engine, display: Display, *, keep: bool = False) -> Bundle:
    """Plan every stack that can be planned now; those whose plan fails have the error instead.

    With ``keep`` the plans are for a bundle.

    Raises:
        BusyError: Somebody else holds the lock of a state.
        MissingToolError: The provider cannot be installed.

    """
    with display.step("states") as step:
        states = {stack.name: engine.state(stack) for stack in work.stacks}
        waits = deferrals(work.stacks, states)
        step.result = f"{sum(one is not None for one in states.values())} of {len(states)} exist"
    ready = [stack for stack in work.stacks if stack.name not in waits]
    lock = work.lock_file
    if ready:
        # Alone: Terraform's plugin cache is not safe for concurrent writes.
        with display.step("init") as step:
            committed, lock = lock, engine.prepare(ready[0], lock)
            if lock and committed is None:
                step.result = "chose providers: the checkout has no lock file"
    planner = _Planner(engine, display, states, lock, keep=keep)
    planned = planner.plan(ready)
    return Bundle(
        environment=work.target.name,
        digest=work.digest,
        created=datetime.now(tz=UTC),
        terraform_version=engine.terraform_version,
        lock=lock or "",
        planned=[
            planned.get(stack.name) or _waiting(stack, waits[stack.name], states[stack.name])
            for stack in work.stacks
        ],
        files=work.files,
    )


class _Planner:
    def __init__(
        self,
        engine: Engine,
        display: Display,
        states: Mapping[str, State | None],
        lock: str | None,
        *,
        keep: bool,
    ) -> None:
        self._engine = engine
        self._display = display
        self._states = states
        self._lock = lock
        self._keep = keep

    def plan(self, stacks: Sequence[Stack]) -> dict[str, Planned]:
        # One more than cores: they also wait for AWS.
        workers = min(_MOST_AT_ONCE, (os.cpu_count() or 1) + 1)
        with ThreadPoolExecutor(max_workers=workers) as pool:
            futures: dict[str, Future[Planned]] = {}
            try:
                for stack in stacks:
                    futures[stack.name] = pool.submit(self._plan, stack)
                # A signal is not handled while this thread waits without end.
                while wait(futures.values(), timeout=_POLL_SECONDS).not_done:
                    pass
            except StoppedError:
                self._engine.stop()
                raise
        return {name: future.result() for name, future in futures.items()}

    def _plan(self, stack: Stack) -> Planned:
        state = self._states[stack.name]
        try:
            with self._display.step(stack.name) as step:
                step.say("initializing")
                self._engine.prepare(stack, self._lock)
                step.say("planning")
                made = self._engine.plan(stack, step.say, keep=self._keep)
                count = sum(one.change.action.changes for one in made.plan.changes)
                step.result = f"{count} to change" if count else "no changes"
        except (BusyError, MissingToolError):
            raise
        except OperatorError as error:
            return Planned(stack=stack.name, error=str(error), state=state)
        return Planned(stack=stack.name, json=made.json, state=state)


def _waiting(stack: Stack, deferral: Deferral, state: State | None) -> Planned:
    return Planned(stack=stack.name, deferral=deferral, state=state)
