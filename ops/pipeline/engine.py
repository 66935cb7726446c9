"""What plans and applies a stack: Terraform on this machine, or HCP Terraform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ops.common.errors import BusyError, OperatorError
from ops.pipeline.bundle import Bundle
from ops.pipeline.storage import StateBucket
from ops.pipeline.work import Work
from ops.review import plan as plans
from ops.review.plan import Plan
from ops.terraform.runner import Changes, Terraform
from ops.terraform.stacks import Stack
from ops.terraform.states import State, parse

_GRACE_SECONDS = 60.0

Say = Callable[[str], None]


class HeldError(OperatorError):
    """An apply was held: what it would do is not what was reviewed."""

    exit_code = 10


@dataclass(frozen=True, kw_only=True)
class Made:
    """A plan that was just made: its JSON, and how the engine finds it again."""

    json: bytes = field(repr=False)
    handle: str = ""

    @property
    def plan(self) -> Plan:
        """The plan as values."""
        return plans.read(plans.parse(self.json))


class Engine(Protocol):
    """Plans and applies the stacks of one environment."""

    terraform_version: str

    def state(self, stack: Stack) -> State | None:
        """Return what the state of a stack contains, None if there is none."""

    def prepare(self, stack: Stack, lock: str | None) -> str:
        """Get ready to plan a stack with the providers of a lock file; return its content."""

    def plan(self, stack: Stack, say: Say, *, keep: bool = False) -> Made:
        """Plan a stack; with ``keep`` for a bundle."""

    def apply(self, stack: Stack, made: Made, *, changes: int, say: Say) -> Changes:
        """Apply a plan of so many changes."""

    def stop(self) -> None:
        """End what is running in an orderly way."""


class Store(Protocol):
    """Keeps bundles between the review and the apply."""

    def store(self, one: Bundle) -> str:
        """Store a bundle and return its id."""

    def find(self, digest: str) -> list[str]:
        """Return the ids of the bundles of a digest, the newest first."""

    def load(self, digest: str, id_: str) -> Bundle | None:
        """Return a bundle, None if there is none."""

    def delete(self, digest: str) -> None:
        """Delete all bundles of a digest."""


class LocalEngine:
    """Terraform on this machine, with the states in the bucket."""

    def __init__(self, bucket: StateBucket, work: Work, terraform: Terraform, version: str) -> None:
        self.terraform_version = version
        self._bucket = bucket
        self._work = work
        self._terraform = terraform

    def state(self, stack: Stack) -> State | None:
        """Read the state from the bucket."""
        place = f"s3://{self._bucket.name}/{_key(stack)}"
        return parse(self._bucket.read(_key(stack)), place)

    def prepare(self, stack: Stack, lock: str | None) -> str:
        """Initialize the stack."""
        return self._terraform.initialize_locked(stack, lock)

    def plan(self, stack: Stack, say: Say, *, keep: bool = False) -> Made:  # noqa: ARG002
        """Plan; the saved plan is for this user alone, and removed with the folder."""
        file = self._work.plan_file(stack)
        self._terraform.plan(stack, file, say)
        return Made(json=self._terraform.show(stack, file), handle=str(file))

    def apply(self, stack: Stack, made: Made, *, changes: int, say: Say) -> Changes:
        """Apply the saved plan."""
        plan = Path(made.handle)
        with self._lock_named(stack):
            return self._terraform.apply_plan(stack, plan, changes=changes, report=say)

    def stop(self) -> None:
        """Let Terraform finish what it is at, and write the state."""
        self._terraform.children.interrupt(grace_seconds=_GRACE_SECONDS)

    @contextmanager
    def _lock_named(self, stack: Stack) -> Iterator[None]:
        """Name the object that is the lock: a killed apply leaves it."""
        try:
            yield
        except BusyError as error:
            lock = f"s3://{self._bucket.name}/{_key(stack)}.tflock"
            error.remedy = (
                f"wait until whoever holds it has ended; if it was killed: aws s3 rm {lock}"
            )
            raise


def _key(stack: Stack) -> str:
    return str(stack.document["terraform"]["backend"]["s3"]["key"])
