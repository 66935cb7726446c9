"""The command ``doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ops.common.errors import OperatorError
from ops.common.options import Debug, Env, Json, epilog
from ops.common.output import table
from ops.common.session import session
from ops.doctor.checks import Checks
from ops.doctor.finding import Finding, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=epilog("doctor --env dev", "doctor --env prod --json"))
def doctor(env: Env = None, *, json: Json = False, debug: Debug = False) -> None:
    """Say what is wrong with an environment, and what mends it.

    It looks at the tools, the credentials, the account and Region, the state's bucket, and
    compares the settings, the parameters and what is really there. It changes nothing. The exit
    code is 1 where something is wrong.
    """
    with session(env, json=json, debug=debug) as ops:
        checks = Checks(ops)
        findings: list[Finding] = []
        all_checks = {
            "tools": checks.tools,
            "account": checks.account,
            "state": checks.state,
            "configuration": checks.configuration,
            "secret": checks.secret,
            "table": checks.table,
            "buckets": checks.buckets,
            "function": checks.function,
        }
        with ops.out.counting("checks", len(all_checks)) as counter:
            for name, check in all_checks.items():
                findings += run(name, check)
                counter.add(1)
        wrong = [finding for finding in findings if finding.remedy]
        rows = [("WRONG" if one.remedy else "ok", one.what, one.found) for one in findings]
        remedies = dict.fromkeys(one.remedy for one in wrong)
        ops.out.result(
            {"healthy": not wrong, "findings": [asdict(finding) for finding in findings]},
            [*table(("", "what", "found"), rows), *(f"remedy: {one}" for one in remedies)],
        )
        if wrong:
            count = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
            raise OperatorError(f"{count} wrong with {ops.target.name}")
