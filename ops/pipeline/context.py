"""What a command of the pipeline works with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from ops.common.aws import Aws
from ops.common.children import Children
from ops.common.display import Display
from ops.common.environment import for_terraform
from ops.common.errors import BadInputError, StoppedError
from ops.common.exclusive import exclusive
from ops.common.options import EXIT_CODES, Debug, Env, Json
from ops.common.output import Output
from ops.common.session import Session, output
from ops.common.target import Target, find
from ops.pipeline.engine import Engine, LocalEngine, Store
from ops.pipeline.storage import StateBucket
from ops.pipeline.work import Work
from ops.terraform.provider import find_provider
from ops.terraform.runner import Terraform, automation
from ops.terraform.tools import find_tools

PIPELINE_EXIT_CODES = {
    **EXIT_CODES,
    3: "Terraform, Node or the AWS provider is missing or too old",
    4: "a state is locked, or another command works on this environment",
    143: "stopped with SIGTERM",
}


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """An environment, its synthesized stacks, and what plans, stores and applies them."""

    target: Target
    out: Output
    work: Work
    engine: Engine
    store: Store
    display: Display = field(default_factory=lambda: Display(Console(stderr=True)))

    def synthesize(self) -> None:
        """Synthesize the stacks."""
        with self.display.step("synthesize") as step:
            self.work.synthesize(os.environ)
            step.result = ", ".join(stack.name for stack in self.work.stacks)

    def again(self) -> str:
        """Return the command that plans for a review."""
        return f"python -m ops pipeline plan --env {self.target.name}"


@contextmanager
def pipeline(env: Env = None, *, json: Json = False, debug: Debug = False) -> Iterator[Pipeline]:
    """Yield what a command works with, and report its errors.

    Raises:
        typer.Exit: The block raised an error that an operator can expect.

    """
    with output(json=json, debug=debug) as out:
        target = find(env)
        _require_shared_state(target)
        tools = find_tools(os.environ)
        work, children = Work(target), Children()
        session = Session(target=target, aws=Aws(target), out=out)
        # Compared with the settings before anything is planned.
        _ = session.aws.account
        bucket = StateBucket(session)
        source = find_provider(work.paths, os.environ)
        terraform = Terraform(
            program=tools.terraform,
            environment={
                **for_terraform(os.environ),
                **source.configure(work.paths, os.environ),
                **automation(os.environ),
            },
            paths=work.paths,
            children=children,
            remedy="then run it again",
        )
        engine = LocalEngine(bucket, work, terraform, tools.terraform_version)
        with (
            children.handling_signals(),
            exclusive(work.busy, f"plans or applies {target.name}"),
        ):
            try:
                yield Pipeline(target=target, out=out, work=work, engine=engine, store=bucket)
            except StoppedError as error:
                engine.stop()
                error.remedy = "run it again"
                if children.killed:
                    error.remedy += "; if a state is locked then, its error says how to unlock it"
                raise
            finally:
                work.tidy()


def _require_shared_state(target: Target) -> None:
    settings = target.settings
    if settings.local_aws or settings.state.local:
        raise BadInputError(
            f"{target.name} has no state that a pipeline could share",
            remedy="choose an environment with [state.s3] or [state.hcp]; `make up` applies the "
            "local AWS",
        )
