"""Judge the Terraform of every environment by the rules of checkov and tf-nag."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from modules.problems import InputError
from ops.common.errors import MissingToolError, OperatorError
from policy import scan
from policy.accepted import compare, read
from policy.findings import Report
from policy.report import lines

_ACCEPTED = Path(__file__).parent / "accepted.toml"

_DESCRIPTION = """\
Judge the Terraform of dev, staging, prod and two variants by the rules of checkov (the synthesized
JSON) and tf-nag (a plan, if there is Terraform). Findings that policy/accepted.toml accepts, with a
reason, are no failure; an entry that is no longer needed, or not reviewed in time, is one.
"""
_EPILOG = """\
examples:
  make policy                       what is not accepted, and entries to paste for it
  make policy ARGS=--all            all findings
  make policy ARGS=--json           for programs

exit codes: 0 as accepted, 1 not as accepted, or a tool failed, 2 invalid policy/accepted.toml
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m policy",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", action="store_true", help="list the accepted findings, too")
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    options = parser.parse_args(arguments)
    try:
        entries = read(_ACCEPTED.read_text(encoding="utf-8"), where="policy/accepted.toml")
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        reports = _reports()
    except OperatorError as error:
        remedy = f"\nremedy: {error.remedy}" if error.remedy else ""
        sys.stderr.write(f"{error}{remedy}\n")
        return 1
    today = datetime.now(tz=UTC).date()
    findings = [finding for report in reports for finding in report.findings]
    ran = {report.tool for report in reports}
    comparison = compare(findings, entries, ran=ran, today=today)
    problems = [problem for report in reports for problem in report.problems]
    if options.json:
        document = {**asdict(comparison), "problems": problems, "tools": sorted(ran)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        shown = lines(comparison, problems, reports, today=today, every=options.all)
        sys.stdout.write("\n".join(shown) + "\n")
    return 0 if comparison.clean and not problems else 1


def _reports() -> list[Report]:
    with tempfile.TemporaryDirectory(prefix="co2-policy-") as name:
        output, planned = Path(name) / "output", Path(name) / "plan"
        sys.stderr.write("synthesizing the environments ...\n")
        stacks = scan.synthesize(output)
        sys.stderr.write(f"running checkov on {len(stacks)} stacks (half a minute) ...\n")
        reports = [scan.checkov(stacks, output)]
        sys.stderr.write("planning them for tf-nag ...\n")
        try:
            reports.append(scan.tf_nag(stacks, planned))
        except MissingToolError as error:
            sys.stderr.write(f"NOT JUDGED BY TF-NAG: {error}. Remedy: {error.remedy}.\n")
    return reports


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
