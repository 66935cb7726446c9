"""Warnings: each names the setting, and only what an owner has forgotten is one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules import environments
from modules.deploy_trust import deploy_trust
from modules.environments import Environment
from modules.naming import Naming
from modules.owner_warnings import warnings
from modules.schema.reader import structure
from modules.settings import Settings
from tests.modules.conftest import VARIANTS

CERTIFICATE = "arn:aws:acm:us-east-1:210987654321:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
WEB_ACL = "arn:aws:wafv2:us-east-1:210987654321:global/webacl/site/1234abcd-12ab-34cd-56ef-12345678"
DOMAIN = {"names": ["co2.institute.test"], "certificate_arn": CERTIFICATE}
ALERTING = {"emails": ["operators@institute.test"], "monthly_budget_usd": 200}
FILES = [(folder, path.stem) for folder in (environments.FOLDER, VARIANTS)
         for path in sorted(folder.glob("*.toml"))]  # fmt: skip


def _document(**more: object) -> dict[str, object]:
    """Return a retained environment that its owner has completed."""
    return {
        "region": "eu-central-1",
        "retain": True,
        "account_id": "210987654321",
        "state": {"s3": {}},
        "table": {"billing": "on-demand", "point_in_time_recovery": True},
        "buckets": {"versioning": True},
        "frontend": {"domain": DOMAIN, "firewall": {}},
        "monitoring": ALERTING,
        **more,
    }


def _fields(document: dict[str, object]) -> list[str]:
    settings, problems = structure(Settings, document)
    assert not problems
    found = warnings(Environment(naming=Naming(environment="unit"), settings=settings))
    assert all(one.where == "unit.toml" for one in found)
    return [one.field for one in found]


def test_a_completed_environment_has_none() -> None:
    assert _fields(_document()) == []
    assert _fields(_document(frontend={"domain": DOMAIN, "web_acl_arn": WEB_ACL})) == []


def _principals(count: int) -> list[str]:
    return [f"arn:aws:iam::210987654321:role/team/deployers-{number:02}" for number in range(count)]


@pytest.mark.parametrize(("count", "fields"), [(30, []), (40, ["bootstrap.principals"])])
def test_a_trust_policy_beyond_the_quota_of_iam_is_named(count: int, fields: list[str]) -> None:
    document = _document(bootstrap={"principals": _principals(count)})
    assert _fields(document) == fields
    # The length is that of the policy as IAM counts it: without whitespace.
    settings, _ = structure(Settings, document)
    statement = {
        "Sid": "TrustPrincipals",
        "Effect": "Allow",
        "Principal": {"AWS": _principals(count)},
        "Action": ["sts:AssumeRole"],
    }
    whole = {"Version": "2012-10-17", "Statement": [statement]}
    trust = deploy_trust(Naming(environment="unit"), settings, str)
    assert trust.length == len(json.dumps(whole, separators=(",", ":")))
    assert (trust.length > 2048) == bool(fields)


INCOMPLETE = [
    ({"account_id": None}, ["account_id"]),
    ({"monitoring": None}, ["monitoring"]),
    ({"monitoring": {}}, ["monitoring.emails", "monitoring.monthly_budget_usd"]),
    ({"monitoring": {"emails": ALERTING["emails"]}}, ["monitoring.monthly_budget_usd"]),
    ({"frontend": {"domain": DOMAIN}}, ["frontend.firewall"]),
    ({"frontend": {"firewall": {}}}, ["frontend.domain"]),
    ({"frontend": None}, []),
]


@pytest.mark.parametrize(("change", "fields"), INCOMPLETE)
def test_what_a_retained_environment_lacks_is_named(
    change: dict[str, object], fields: list[str]
) -> None:
    document = _document(**change)
    lacking = {key: value for key, value in document.items() if value is not None}
    assert _fields(lacking) == fields
    # Its owner can delete it at any time: what is absent there is saved, but alarms are paid for.
    paid_for = [field for field in fields if field == "monitoring.emails"]
    assert _fields({**lacking, "retain": False}) == paid_for


def test_a_local_environment_has_none() -> None:
    settings = {"local_aws": {}, "monitoring": {"emails": ["operators@example.org"]}}
    document = _document(**settings)
    del document["account_id"]
    assert _fields(document) == []


def _examples(value: object, at: str) -> Iterator[str]:
    """Yield the paths of the values in a TOML document that mention an example domain."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _examples(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _examples(inner, f"{at}[{index}]")
    elif isinstance(value, str) and "example." in value:
        yield at


@pytest.mark.parametrize(("folder", "name"), FILES, ids=[name for _, name in FILES])
def test_every_placeholder_of_a_file_is_named(folder: Path, name: str) -> None:
    document = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    (environment,) = environments.load([name], folder=folder)
    found = [one.field for one in warnings(environment) if "placeholder" in one.reason]
    assert sorted(found) == sorted(_examples(document, "") if "local_aws" not in document else [])


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
EXAMPLES = st.sampled_from(["example.org", "example.com", "EXAMPLE.NET", "institute.example"])


@given(
    labels=st.lists(LABELS, max_size=3),
    domain=EXAMPLES,
    form=st.sampled_from(["https://{}", "https://{}:8443", "img-src 'self' https://{}/ data:"]),
)
def test_a_placeholder_is_found_anywhere_in_a_value(
    labels: list[str], domain: str, form: str
) -> None:
    host = ".".join([*labels, domain])
    policy = {"content_security_policy": form.format(host)}
    frontend = {"domain": DOMAIN, "firewall": {}, **policy}
    settings, _ = structure(Settings, _document(frontend=frontend))
    (found,) = warnings(Environment(naming=Naming(environment="unit"), settings=settings))
    assert found.field == "frontend.content_security_policy"
    assert found.reason == f"{host} is a placeholder"


@pytest.mark.parametrize(
    "email",
    [
        "operators@myexample.org",
        "operators@my-example.org",
        "operators@example.org.uk",
        "operators@example.organic",
        "operators@example.institute.test",
        "for.example@institute.test",
    ],
)
def test_a_host_that_looks_like_a_placeholder_is_none(email: str) -> None:
    assert _fields(_document(monitoring={**ALERTING, "emails": [email]})) == []
