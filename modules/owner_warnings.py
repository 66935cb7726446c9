"""Warnings: settings that are valid, but that an environment's owner has probably forgotten.

A placeholder is a mistake everywhere, and so are alarms without a recipient, which are paid for,
and a trust policy that IAM refuses unless its quota was raised.
What is merely absent is reported only where data is retained: elsewhere its absence saves money. A
local AWS needs none of it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from modules import catalogue
from modules.deploy_trust import HIGHEST_TRUST_QUOTA, TRUST_QUOTA, deploy_trust
from modules.environments import Environment
from modules.problems import Problem
from modules.settings import FrontendSettings, MonitoringSettings, Settings

# Hosts that RFC 2606 reserves for examples. The local part of an e-mail address is no host.
_PLACEHOLDER = re.compile(
    r"(?<![\w-])([\w-]+\.)*([\w-]+\.example|example\.(com|net|org))(?![\w@-]|\.\w)",
    re.ASCII | re.IGNORECASE,
)


def warnings(environment: Environment) -> list[Problem]:
    """Return the warnings about an environment's settings; none for a local AWS."""
    settings = environment.settings
    if settings.local_aws:
        return []
    found = [*_placeholders(settings, "")]
    found += _recipients(settings.monitoring)
    found += _trust(environment)
    if settings.retain:
        found += _account(settings)
        found += _frontend(settings.frontend)
        found += _monitoring(settings.monitoring)
    where = f"{environment.naming.environment}.toml"
    return [dataclasses.replace(one, where=where) for one in found]


def _placeholders(value: object, at: str) -> Iterator[Problem]:
    """Yield a warning for each text of a section that contains a placeholder's host."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            path = f"{at}.{field.name}" if at else field.name
            yield from _placeholders(getattr(value, field.name), path)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _placeholders(item, f"{at}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _placeholders(item, f"{at}.{key}")
    elif isinstance(value, str) and (match := _PLACEHOLDER.search(value)):
        yield Problem(
            field=at,
            value=value,
            reason=f"{match[0]} is a placeholder",
            remedy="replace it with your own, or remove it",
        )


def _trust(environment: Environment) -> Iterator[Problem]:
    settings = environment.settings
    choices, account_id = settings.bootstrap, settings.account_id
    if choices is None or not choices.roles:
        return
    provider = f"arn:{catalogue.partition(settings.region)}:iam::{account_id}:oidc-provider/"
    trust = deploy_trust(environment.naming, settings, lambda host: f"{provider}{host}")
    if trust.length > TRUST_QUOTA:
        yield Problem(
            field="bootstrap.principals" if choices.principals else "bootstrap",
            value=len(choices.principals) if choices.principals else None,
            reason=f"a trust policy gets {trust.length} characters, and IAM's default quota "
            f"(ACLSizePerRole) allows {TRUST_QUOTA}",
            remedy="name fewer principals or only one system, or have the quota raised, to "
            f"{HIGHEST_TRUST_QUOTA} at most",
        )


def _account(settings: Settings) -> Iterator[Problem]:
    if settings.account_id is None:
        yield Problem(
            field="account_id",
            value=None,
            reason="it is unset, so Terraform applies to any account that the credentials are for",
            remedy="set the account's 12 digits",
        )


def _frontend(frontend: FrontendSettings | None) -> Iterator[Problem]:
    if frontend is None:
        return
    if frontend.firewall is None and frontend.web_acl_arn is None:
        yield Problem(
            field="frontend.firewall",
            value=None,
            reason="the site has no web ACL, so nothing limits the requests of an address",
            remedy="add [frontend.firewall], or set frontend.web_acl_arn",
        )
    if frontend.domain is None:
        yield Problem(
            field="frontend.domain",
            value=None,
            reason="it is unset, and CloudFront's own certificate allows viewers TLS 1.0",
            remedy="add [frontend.domain] with names and certificate_arn",
        )


def _recipients(monitoring: MonitoringSettings | None) -> Iterator[Problem]:
    if monitoring and not monitoring.emails:
        yield Problem(
            field="monitoring.emails",
            value=[],
            reason="it is empty, so alarms have no recipient",
            remedy="add a recipient",
        )


def _monitoring(monitoring: MonitoringSettings | None) -> Iterator[Problem]:
    if monitoring is None:
        yield Problem(
            field="monitoring",
            value=None,
            reason="there is no such section, so failures and rising costs notify no recipient",
            remedy="add [monitoring] with emails and monthly_budget_usd",
        )
        return
    if monitoring.monthly_budget_usd is None:
        yield Problem(
            field="monitoring.monthly_budget_usd",
            value=None,
            reason="it is unset, so rising costs notify no recipient",
            remedy="set a budget in US dollars",
        )
