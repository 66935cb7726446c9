"""The command ``doctor``."""

from __future__ import annotations

from ops.common.command import command
from ops.common.errors import OperatorError
from ops.common.options import command_group
from ops.common.output import table
from ops.common.session import Session, session_of_any_account
from ops.doctor.checks import CHECKS
from ops.doctor.finding import Finding, run

app = command_group()


@command(
    app,
    "doctor",
    "doctor --env dev",
    "doctor --env prod --json",
    context=session_of_any_account,
)
def doctor(ops: Session) -> None:
    """Diagnose an environment: what is wrong, and how to fix it.

    It checks the tools, the credentials, the account and Region and the state bucket, and compares
    the settings and parameters with the deployed resources. It changes nothing. The exit code is 1
    if something is wrong; warnings do not change it.
    """
    findings: list[tuple[str, Finding]] = []
    unchecked: list[str] = []
    with ops.out.progress("checks", len(CHECKS)) as progress:
        for what, check in CHECKS.items():
            if ("account", "WRONG") in ((name, one.status) for name, one in findings):
                unchecked.append(what)
            else:
                findings += [(what, finding) for finding in run(check, ops)]
            progress.add(1)
    if unchecked:
        found = f"not checked without access to the account: {', '.join(unchecked)}"
        findings.append(
            ("others", Finding(found=found, remedy="then run doctor again", warning=True))
        )
    wrong = [one for _, one in findings if one.status == "WRONG"]
    remedies = [one.remedy for _, one in findings if one.remedy]
    rows = [(one.status, what, one.found) for what, one in findings]
    ops.out.result(
        {
            "healthy": not wrong,
            "findings": [
                {"what": what, "status": one.status, "found": one.found, "remedy": one.remedy}
                for what, one in findings
            ],
        },
        [
            *table(("", "what", "found"), rows),
            *(f"remedy: {one}" for one in dict.fromkeys(remedies)),
        ],
    )
    if wrong:
        count = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise OperatorError(f"{count} wrong with {ops.target.name}")
