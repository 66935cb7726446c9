"""The command ``reference``."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from modules import environments
from modules.environments import Environment
from modules.problems import InputError
from modules.schema.setting_docs import PRICES_DATE, PRICES_REGION
from ops.common.errors import BadInputError, OperatorError, reported
from ops.reference.markdown import page
from ops.reference.model import Section, sections

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = Path("docs/settings.md")
FOLDER = environments.FOLDER

_EPILOG = """\
\b
examples:
  python -m ops reference
  python -m ops reference --check
  python -m ops reference --json | jq '.sections[].settings[] | {path, values}'

\b
exit codes:
  0  the page says what the settings are
  1  it does not (only with --check)
  2  a settings file is wrong
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=_EPILOG)
def reference(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say whether the page is up to date.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write nothing; print the reference as JSON.")
    ] = False,
) -> None:
    """Write docs/settings.md from the settings' types.

    It says of every setting what is allowed, what each environment has, what happens when it is
    changed, and what that costs.
    """
    with reported(debug=False):
        shipped = _shipped()
        found = sections(shipped)
        names = [one.naming.environment for one in shipped]
        if as_json:
            sys.stdout.write(f"{json.dumps(_document(found, names), indent=2)}\n")
            return
        wanted = page(found, names)
        path = CHECKOUT / PAGE
        current = path.read_text(encoding="utf-8") if path.exists() else None
        if current == wanted:
            sys.stdout.write(f"{PAGE}: up to date\n")
        elif check:
            raise OperatorError(
                f"{PAGE} does not say what the settings are",
                remedy="run `make docs`, and commit it",
            )
        else:
            path.write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"{PAGE}: written\n")


def _shipped() -> list[Environment]:
    """Return the checkout's environments, those in AWS first."""
    try:
        found = environments.load(environments.names(FOLDER), folder=FOLDER)
    except InputError as error:
        raise BadInputError(str(error), remedy="mend the files, then run this again") from error
    return sorted(found, key=lambda one: one.settings.local_aws is not None)


def _document(found: list[Section], names: list[str]) -> dict[str, object]:
    return {
        "prices": {"region": PRICES_REGION, "date": PRICES_DATE},
        "environments": names,
        "sections": [dataclasses.asdict(section) for section in found],
    }
