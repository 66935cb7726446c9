"""The command ``bootstrap``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator

from ops.bootstrap.run import Bootstrap, Report
from ops.bootstrap.state_store import state_store
from ops.bootstrap.work import RecordedChildren, Work
from ops.common.command import command
from ops.common.confirmation import Consent, require_answerable
from ops.common.errors import BadInputError, StoppedError
from ops.common.exclusive import exclusive
from ops.common.options import EXIT_CODES, command_group
from ops.common.session import Session
from ops.terraform.tools import find_tools

_GRACE_SECONDS = 60.0

app = command_group()


@command(
    app,
    "bootstrap",
    "bootstrap --env dev --dry-run",
    "bootstrap --env dev",
    "bootstrap --env prod --confirm prod",
    exit_codes={
        **EXIT_CODES,
        3: "Terraform, Node or the AWS provider is missing or too old",
        4: "another run works on this environment, or its state is locked",
        5: "refused: wrong account or Region, not confirmed, or something is in the way",
        143: "stopped with SIGTERM",
    },
)
def bootstrap(ops: Session, consent: Consent) -> None:
    """Create what all other layers need: the state bucket and the roles that deploy.

    Terraform plans and, once confirmed, applies the bootstrap layer with a state on this machine,
    which is then moved into the bucket, read back and removed. Run again, it changes what differs
    from the settings. If it was interrupted, it continues from there, and imports what no state
    knows. It needs the rights of an administrator: docs/getting-started-aws.md lists them.
    """
    settings, name = ops.target.settings, ops.target.name
    if settings.bootstrap is None:
        raise BadInputError(
            f"{name} has no bootstrap layer",
            remedy=f"add a table [bootstrap] to environments/{name}.toml",
        )
    require_answerable(ops.target, consent)
    user = dict(os.environ)
    work = Work(ops.target)
    tools = find_tools(user)
    children = RecordedChildren(work)
    with children.handling_signals(), exclusive(work.lock, f"bootstraps {name}"):
        store = state_store(ops)
        run = Bootstrap(
            ops=ops,
            work=work,
            store=store,
            consent=consent,
            user_environment=user,
            terraform=work.terraform(tools.terraform, user, children),
            report=Report(location=store.location, account=ops.aws.account),
        )
        try:
            in_place = run.run()
        except StoppedError as error:
            children.interrupt(grace_seconds=_GRACE_SECONDS)
            error.remedy = "run it again; it continues from there"
            raise
        finally:
            work.tidy()
    ops.out.result(_document(ops, run.report), _lines(ops, run.report, in_place=in_place))


def _document(ops: Session, report: Report) -> dict[str, object]:
    state, plan = report.state, report.plan
    return {
        "environment": ops.target.name,
        "account": report.account,
        "steps": [
            {"step": one.step.value, "seconds": one.seconds, "result": one.result}
            for one in report.steps
        ],
        "planned": dict(plan.counts) if plan else {},
        "changes": dataclasses.asdict(report.changes),
        "state": {
            "location": report.location,
            "lineage": state.lineage if state else None,
            "serial": state.serial if state else None,
        },
        "resources": sorted(state.resources) if state else [],
    }


def _lines(ops: Session, report: Report, *, in_place: bool) -> Iterator[str]:
    name, state = ops.target.name, report.state
    if not in_place or state is None:
        yield f"{name}: nothing was changed; without --dry-run it would be"
    elif not any(dataclasses.astuple(report.changes)):
        yield f"{name}: nothing to do; {report.location} ({state.text})"
    else:
        yield f"{name}: {report.changes}; the state is in {report.location} ({state.text})"
