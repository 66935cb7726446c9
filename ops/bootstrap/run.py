"""Bootstrap an environment: from nothing to a state in its own bucket.

Every run begins with what is there, not with what an earlier run remembers. So it continues from
wherever a killed one stopped: a resource that no state knows is imported, a state that is still on
this machine is moved, and a copy that was left is removed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from rich.console import Console

from ops.bootstrap.current import Current, current
from ops.bootstrap.existing import Account, Mistake
from ops.bootstrap.losses import refuse_losses
from ops.bootstrap.state_store import Lock, StateStore
from ops.bootstrap.work import Work
from ops.common.confirmation import Consent
from ops.common.display import Display
from ops.common.display import Step as Shown
from ops.common.errors import BusyError, OperatorError, RefusedError
from ops.common.session import Session
from ops.terraform.runner import Changes, Terraform
from ops.terraform.stacks import Stack
from ops.terraform.states import State, parse, read_file

_NO_CHANGE, _CHANGES = 0, 2
_COUNT = re.compile(r"(\d+) to (import|add|change|destroy)")
_BEGINNING = re.compile(
    r"^(Terraform used the selected|Terraform will perform|No changes\.)", re.MULTILINE
)
_END = re.compile(r"\n─+\n[^\n]*\nSaved the plan to: .*", re.DOTALL)


class Step(Enum):
    """The steps, in their order, with the names that are printed."""

    SYNTHESIZE = "synthesize"
    INSPECT = "inspect"
    PLAN = "plan"
    SHOW = "show"
    ASK = "ask"
    APPLY = "apply"
    MIGRATE = "migrate"
    VERIFY = "verify"
    CLEAN = "clean"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan of Terraform: its counts, its text, and whether anything is to be done."""

    counts: Mapping[str, int]
    text: str
    changes: bool

    @property
    def summary(self) -> str:
        """Return the counts in one line."""
        told = [f"{number} to {what}" for what, number in self.counts.items() if number]
        return ", ".join(told) or ("outputs only" if self.changes else "no changes")


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a run begins with."""

    current: Current
    local: State | None
    remote: State | None
    imports: Mapping[str, str]
    lock: Lock | None

    @property
    def text(self) -> str:
        """Return a short description."""
        if self.current is Current.NOWHERE:
            found = "no state"
        elif self.current is Current.LOCAL and self.local:
            found = f"the state is still on this machine ({self.local.text})"
        else:
            assert self.remote  # noqa: S101 - it is the current one
            found = f"the state is in place ({self.remote.text})"
            found += ", and an older copy is on this machine" if self.local else ""
        more = [f"{len(self.imports)} existing resources to import"] if self.imports else []
        more += [f"a lock that a killed run left ({self.lock.text})"] if self.lock else []
        return "; ".join([found, *more])


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished step."""

    step: Step
    seconds: float
    result: str


@dataclass(kw_only=True)
class Report:
    """What a run found and did."""

    location: str
    account: str
    steps: list[Done] = field(default_factory=list)
    plan: Plan | None = None
    changes: Changes = field(default_factory=Changes)
    state: State | None = None


@dataclass(kw_only=True)
class Bootstrap:
    """One run of the command."""

    ops: Session
    work: Work
    store: StateStore
    consent: Consent
    user_environment: Mapping[str, str]
    terraform: Terraform
    report: Report
    display: Display = field(init=False)

    def __post_init__(self) -> None:
        self.display = Display(Console(stderr=True))

    def run(self) -> bool:
        """Run every step that is needed; return whether the state is in place.

        Raises:
            BusyError: Another process holds the lock of the state, or works on it.
            RefusedError: Something that exists stands in the way, or the operator declined.
            OperatorError: Terraform failed, or what it did could not be verified.

        """
        with self.display.live():
            with self._step(Step.SYNTHESIZE) as step:
                gone = self.work.wait_for_terraform(step.say)
                stack = self.work.synthesize(self.user_environment)
                step.result = stack.name
            with self._step(Step.INSPECT) as step:
                found = self._inspect(stack, step.say, gone=gone)
                step.result = found.text
            here = found.current is not Current.REMOTE
            with self._step(Step.PLAN) as step:
                step.say("planning")
                planned, plan = self._plan(stack, found, here=here)
                step.result = plan.summary
        self.report.plan, self.report.state = plan, found.remote
        if not plan.changes and found.current is not Current.LOCAL:
            if not self.consent.dry_run:
                self._release(found.lock)
                self._clean(copy=found.local)
            return True
        with self._step(Step.SHOW) as step:
            self.ops.out.lines(plan.text.splitlines() if plan.changes else [])
            step.result = plan.summary
        with self._step(Step.ASK) as step:
            if not self.ops.confirmed(self.consent, self._question(plan, here=here)):
                step.result = "a dry run: nothing was changed"
                return False
            step.result = "confirmed"
        # Another one, because on a terminal this one has ended.
        self.display = Display(Console(stderr=True))
        with self.display.live():
            self._release(found.lock)
            if plan.changes:
                self._apply(planned, plan)
            if here:
                self._migrate(stack)
            self._verify(stack, moved=here)
            self._clean(copy=self.report.state if here else found.local)
        return True

    @contextmanager
    def _step(self, step: Step) -> Iterator[Shown]:
        begin = time.monotonic()
        with self.display.step(step.value) as shown:
            yield shown
        seconds = round(time.monotonic() - begin, 1)
        self.report.steps.append(Done(step=step, seconds=seconds, result=shown.result))

    def _inspect(self, stack: Stack, say: Callable[[str], None], *, gone: datetime) -> Situation:
        say("looking at the account")
        mistakes = self.store.mistakes()
        lock = None if mistakes else self.store.lock()
        if lock and not self.work.left(lock, gone=gone):
            raise BusyError(
                f"the state {self.store.location} is locked by {lock.text}",
                remedy="wait until that has ended; if its process is gone, release the lock: "
                + self.store.unlocking(lock),
            )
        places = (str(self.work.state), self.store.location)
        local = parse(read_file(self.work.state), places[0])
        remote = None if mistakes else parse(self.store.read(), places[1])
        which = current(local, remote, places=places)
        state = {Current.LOCAL: local, Current.REMOTE: remote}.get(which)
        survey = Account(self.ops, stack.document, bucket_exists=self.store.exists).survey(
            frozenset(state.resources) if state else frozenset()
        )
        _refuse([*mistakes, *survey.mistakes])
        return Situation(
            current=which, local=local, remote=remote, imports=survey.imports, lock=lock
        )

    def _release(self, lock: Lock | None) -> None:
        if lock:
            self.store.release(lock)
            self.work.running.unlink(missing_ok=True)
            self.display.say(f"released the lock of {lock.text}, which a killed run left")

    def _plan(self, stack: Stack, found: Situation, *, here: bool) -> tuple[Stack, Plan]:
        if here:
            stack = self.work.keep_state_here(stack)
        self.work.import_existing(stack, found.imports)
        self.terraform.forget_backend(stack)
        self.terraform.initialize(stack)
        # A plan writes no state. Without a lock, a killed one leaves none; Terraform itself refuses
        # to apply a plan of a state that has changed since.
        code, text = self.terraform.text(
            *(stack, "plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode"),
            f"-out={self.work.private_plan()}",
            accept=(_NO_CHANGE, _CHANGES),
        )
        if code == _CHANGES:
            _, document = self.terraform.text(stack, "show", "-json", str(self.work.plan))
            refuse_losses(document, stack=stack.name)
        beginning = _BEGINNING.search(text)
        shown = _END.sub("", text[beginning.start() :] if beginning else text).strip()
        counts = {what: int(number) for number, what in _COUNT.findall(shown)}
        return stack, Plan(counts=counts, text=shown, changes=code == _CHANGES)

    def _question(self, plan: Plan, *, here: bool) -> str:
        moves = f"move the state to {self.store.location}" if here else ""
        applies = f"apply the plan ({plan.summary})" if plan.changes else ""
        return f"{self.ops.target.name}: {' and '.join(filter(None, (applies, moves)))}"

    def _apply(self, stack: Stack, plan: Plan) -> None:
        with self._step(Step.APPLY) as step:
            self.report.changes = self.terraform.apply_plan(
                stack, self.work.plan, changes=sum(plan.counts.values()), report=step.say
            )
            step.result = str(self.report.changes)

    def _migrate(self, stack: Stack) -> None:
        with self._step(Step.MIGRATE) as step:
            step.say(f"to {self.store.location}")
            self.work.keep_state_there(stack)
            self.store.migrate(self.terraform, stack, self.work.state)
            step.result = self.store.location

    def _verify(self, stack: Stack, *, moved: bool) -> None:
        """Read the state back, and plan with its own backend.

        Raises:
            OperatorError: It is not the state that was applied, or not what exists.

        """
        with self._step(Step.VERIFY) as step:
            remote = parse(self.store.read(), self.store.location)
            if remote is None:
                raise OperatorError(f"{self.store.location} does not exist after the migration")
            local = parse(read_file(self.work.state), str(self.work.state)) if moved else remote
            if local is None or not local.has_content_of(remote):
                raise OperatorError(
                    f"{self.store.location} is not the state that was applied",
                    remedy="run bootstrap again",
                )
            step.say("planning again")
            self.work.keep_state_there(stack)
            code, text = self.terraform.text(
                *(stack, "plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode"),
                accept=(_NO_CHANGE, _CHANGES),
            )
            if code == _CHANGES:
                raise OperatorError(
                    f"after the apply, a plan still has changes:\n{text.strip()}",
                    remedy="run bootstrap again; the state is in place",
                )
            self.report.state = remote
            step.result = f"read back ({remote.text}), and nothing is left to change"

    def _clean(self, *, copy: State | None) -> None:
        """Remove the local state; a step only if a ``copy`` of the state is removed."""
        if copy is None:
            self.work.clean()
            return
        with self._step(Step.CLEAN) as step:
            self.work.clean()
            step.result = "the local copy of the state is removed"


def _refuse(mistakes: list[Mistake]) -> None:
    if not mistakes:
        return
    raise RefusedError(
        "nothing was changed, because:\n" + "\n".join(f"  - {one.what}" for one in mistakes),
        remedy="; ".join(dict.fromkeys(one.remedy for one in mistakes)),
    )
