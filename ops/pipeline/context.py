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
        work, children = Work(target), Children()
        parts = _with_s3 if target.settings.state.s3 else _with_hcp
        with (
            parts(out, work, children) as (engine, store),
            children.handling_signals(),
            exclusive(work.busy, f"plans or applies {target.name}"),
        ):
            try:
                yield Pipeline(target=target, out=out, work=work, engine=engine, store=store)
            except StoppedError as error:
                engine.stop()
                error.remedy = "run it again"
                if children.killed:
                    error.remedy += "; if a state is locked then, its error says how to unlock it"
                raise
            finally:
                work.tidy()


@contextmanager
def _with_s3(out: Output, work: Work, children: Children) -> Iterator[tuple[Engine, Store]]:
    """Yield Terraform on this machine, and the state bucket."""
    tools = find_tools(os.environ)
    session = Session(target=work.target, aws=Aws(work.target), out=out)
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
    yield LocalEngine(bucket, work, terraform, tools.terraform_version), bucket


@contextmanager
def _with_hcp(
    out: Output,
    work: Work,
    children: Children,  # noqa: ARG001 - Terraform runs elsewhere
) -> Iterator[tuple[Engine, Store]]:
    """Yield the runs of the workspaces; this machine needs no credentials of AWS."""
    # Imported late: HashiCorp's client takes most of a second.
    from ops.hcp import access  # noqa: PLC0415
    from ops.hcp.context import HcpContext  # noqa: PLC0415
    from ops.pipeline.hcp_engine import HcpEngine  # noqa: PLC0415
    from ops.pipeline.hcp_store import HcpStore  # noqa: PLC0415

    settings = work.target.settings.state.hcp
    assert settings  # noqa: S101 - no other state is shared
    hcp = HcpContext(work.target, settings, access.find(settings.hostname), out, work.paths.home)
    engine = HcpEngine(hcp, work)
    try:
        yield engine, HcpStore(hcp, work, engine)
    finally:
        engine.close()


def _require_shared_state(target: Target) -> None:
    settings = target.settings
    if settings.local_aws or settings.state.local:
        raise BadInputError(
            f"{target.name} has no state that a pipeline could share",
            remedy="choose an environment with [state.s3] or [state.hcp]; `make up` applies the "
            "local AWS",
        )
