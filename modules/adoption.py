"""Which resources Terraform imports instead of creating them, and their ids in AWS.

Parameters are overwritten instead: an imported one keeps its old value through every apply, as long
as Terraform states the new one as ``insecure_value`` (terraform-provider-aws issue 37733, open).
Their values follow from the settings, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modules.catalogue import ADOPTABLE, PARAMETERS, Layer, Parameter
from modules.naming import Naming
from modules.problems import Problem
from modules.settings import AdoptSettings, Settings


@dataclass(frozen=True)
class Import:
    """One import: its setting, the resource's layer and address, and its id in AWS."""

    setting: str
    layer: Layer
    to: str
    id: str


def imports(naming: Naming, adopt: AdoptSettings) -> Iterator[Import]:
    """Yield the imports that ``adopt`` asks for; a bucket's parts in the order of its setting."""
    rows = {(row.setting, row.part): row for row in ADOPTABLE}
    for setting in dict.fromkeys(row.setting for row in ADOPTABLE):
        value = getattr(adopt, setting)
        for part in value if isinstance(value, tuple) else ("",) if value else ():
            row = rows[setting, part]
            id_ = row.id.format(naming=naming, setting=value)
            yield Import(setting, row.layer, row.address, id_)


def overwrites(naming: Naming, adopt: AdoptSettings) -> Iterator[Parameter]:
    """Yield the parameters to overwrite."""
    return (one for one in PARAMETERS if naming.parameter(one) in adopt.parameters)


def problems(naming: Naming, settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each parameter and secret that is not this environment's."""
    known = {naming.parameter(one) for one in PARAMETERS if settings.enables(one)}
    for path in settings.adopt.parameters:
        if path not in known:
            yield Problem(
                field="adopt.parameters",
                value=path,
                reason="it is not a parameter of this environment",
                remedy=f"list paths below {naming.parameters}/ that docs/catalogue.md has",
            )
    if settings.adopt.gemini_secret:
        yield from _foreign_secret(settings.adopt.gemini_secret, naming, settings)


def _foreign_secret(arn: str, naming: Naming, settings: Settings) -> Iterator[Problem]:
    _, _, _, region, account, _, name = arn.split(":")
    expected = {
        "Region": (region, settings.region),
        "account": (account, settings.account_id or account),
        # Secrets Manager appends a hyphen and six characters.
        "name": (name[:-7], naming.gemini_secret),
    }
    for what, (found, wanted) in expected.items():
        if found != wanted:
            yield Problem(
                field="adopt.gemini_secret",
                value=arn,
                reason=f"its {what} is {found}, this environment's is {wanted}",
                remedy="adopt the secret of this environment, or let Terraform create it",
            )
