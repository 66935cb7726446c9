"""The command ``reference``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from modules import environments
from modules.environments import Environment
from modules.problems import InputError
from modules.schema.json_schema import json_schema
from modules.schema.setting_docs import PRICES_DATE, PRICES_REGION
from modules.settings import Settings
from ops.common.command import command
from ops.common.errors import BadInputError, OperatorError
from ops.common.options import command_group
from ops.common.output import Output
from ops.common.session import output
from ops.reference import catalogue_page, settings_page
from ops.reference.model import Section, sections

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = environments.FOLDER

app = command_group()


@command(
    app,
    "reference",
    "reference",
    "reference --check",
    "reference --json | jq '.sections[].settings[] | {path, values}'",
    context=output,
    exit_codes={
        0: "the files are up to date",
        1: "a file is stale (only with --check)",
        2: "a settings file is invalid",
    },
)
def reference(
    out: Output,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is stale.")
    ] = False,
) -> None:
    """Write the pages docs/settings.md and docs/catalogue.md and the settings' JSON Schema.

    The first page lists what each setting allows, does and costs, and its value in each
    environment; the second lists what an environment consists of. The schema is for editors. With
    --json, print the reference and write nothing.
    """
    shipped = _shipped()
    names = [one.naming.environment for one in shipped]
    found = sections(shipped)
    if out.as_json:
        out.result(_document(found, names), ())
        return
    generated = {
        "docs/settings.md": settings_page.page(found, names),
        "docs/catalogue.md": catalogue_page.page(),
        "environments/settings.schema.json": f"{json.dumps(json_schema(Settings), indent=2)}\n",
    }
    stale = [path for path, text in generated.items() if _read(path) != text]
    if check and stale:
        raise OperatorError(
            f"stale: {', '.join(stale)}", remedy="run `make docs` and commit the result"
        )
    for path, text in generated.items():
        if path in stale:
            (CHECKOUT / path).write_text(text, encoding="utf-8")
        out.lines([f"{path}: {'written' if path in stale else 'up to date'}"])


def _read(path: str) -> str | None:
    file = CHECKOUT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


def _shipped() -> list[Environment]:
    """Return the checkout's environments, those in AWS first."""
    try:
        found = environments.load(environments.names(FOLDER), folder=FOLDER)
    except InputError as error:
        raise BadInputError(str(error), remedy="correct the files and run this again") from error
    return sorted(found, key=lambda one: one.settings.local_aws is not None)


def _document(found: list[Section], names: list[str]) -> dict[str, object]:
    return {
        "prices": {"region": PRICES_REGION, "date": PRICES_DATE},
        "environments": names,
        "sections": [dataclasses.asdict(section) for section in found],
    }
