"""The OIDC provider of a CI system is created once for an account, or referenced."""

from __future__ import annotations

import json
from collections.abc import Mapping

import cdktf
import pytest

from modules.catalogue import Layer
from modules.environments import Environment
from modules.naming import Naming
from modules.resources.oidc_provider import OidcProviderConfig, add_oidc_provider
from modules.schema.reader import structure
from modules.settings import Settings
from modules.stack import LayerStack


def _stack(region: str = "us-east-1") -> LayerStack:
    document = {
        "region": region,
        "retain": False,
        "state": {"s3": {}},
        "table": {"billing": "on-demand"},
        "bootstrap": {},
    }
    settings, problems = structure(Settings, document)
    assert not problems
    environment = Environment(naming=Naming(environment="unit"), settings=settings)
    return LayerStack(cdktf.App(), environment, Layer.BOOTSTRAP)


def _config(*, create: bool) -> OidcProviderConfig:
    return OidcProviderConfig(
        account_id="123456789012", host="gitlab.com", audience="sts.amazonaws.com", create=create
    )


def _providers(stack: LayerStack) -> Mapping[str, Mapping[str, object]]:
    resources = json.loads(cdktf.Testing.synth(stack)).get("resource", {})
    found: Mapping[str, Mapping[str, object]] = resources.get("aws_iam_openid_connect_provider", {})
    return found


def test_what_the_account_loses_with_a_provider_is_not_destroyed_with_a_stack() -> None:
    stack = _stack()
    provider = add_oidc_provider(stack, "gitlab_oidc", _config(create=True))

    (created,) = _providers(stack).values()
    assert created["url"] == "https://gitlab.com"
    assert created["client_id_list"] == ["sts.amazonaws.com"]
    assert created["lifecycle"] == {"prevent_destroy": True}
    assert "thumbprint_list" not in created, "AWS reads it itself, if it needs one"
    assert len(provider.created) == 1, "the roles must wait for it"


def test_a_provider_that_exists_is_not_managed() -> None:
    stack = _stack()
    provider = add_oidc_provider(stack, "gitlab_oidc", _config(create=False))

    assert _providers(stack) == {}
    assert provider.created == ()


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn")])
def test_the_first_plan_shows_the_arn(region: str, partition: str, create: bool) -> None:
    provider = add_oidc_provider(_stack(region), "gitlab_oidc", _config(create=create))

    assert provider.arn == f"arn:{partition}:iam::123456789012:oidc-provider/gitlab.com"
