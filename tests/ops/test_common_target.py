"""The environment that a command reaches, and what it refuses to reach."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from modules import environments
from ops.common.aws import Aws
from ops.common.confirmation import Consent, require_confirmation
from ops.common.errors import BadInputError, OperatorError, RefusedError
from ops.common.local_address import Key
from ops.common.paths import LocalPaths
from ops.common.processes import ProcessIdentity
from ops.common.target import Target, find
from ops.local import runfile
from ops.local.services.ports import Ports


def _find(name: str | None, settings: Path, **variables: str) -> Target:
    return find(
        name,
        variables={"CO2_SETTINGS": str(settings), **variables},
        run_file=LocalPaths(settings).run,
    )


def _in_aws(account: str | None = None, *, retain: bool = False) -> Target:
    name = "prod" if retain else "dev"
    (environment,) = environments.load([name])
    settings = environment.settings
    if account:
        settings = type(settings)(**{**vars(settings), "account_id": account})
    return Target(naming=environment.naming, settings=settings, endpoint=None)


def test_the_emulator_is_always_on_this_machine(settings: Path) -> None:
    assert _find("box", settings, CO2_LOCAL_PORT="5000").endpoint == "http://127.0.0.1:5000"


def test_the_port_is_the_one_that_up_has_recorded(settings: Path) -> None:
    identity = ProcessIdentity(pid=1, started="", command="")
    runfile.save(LocalPaths(settings).run, runfile.Run(ports=Ports(5002), emulator=identity))
    target = _find("box", settings)
    assert target.endpoint == "http://127.0.0.1:5002"
    assert target.settings.gemini.endpoint == "http://127.0.0.1:5003"


def test_an_environment_in_aws_has_no_endpoint() -> None:
    assert find("dev", variables={"CO2_LOCAL_PORT": "5000"}).endpoint is None


def test_no_environment_named(settings: Path) -> None:
    with pytest.raises(BadInputError, match="no environment was named") as error:
        _find(None, settings)
    assert "box, vault" in str(error.value.remedy)


@pytest.mark.parametrize("name", ["nowhere", "bo'x", '"; rm -rf /', "../box"])
def test_an_unknown_environment(settings: Path, name: str) -> None:
    with pytest.raises(BadInputError) as error:
        _find(name, settings)
    assert "\n" not in str(error.value)
    assert "choose from box, vault" in str(error.value.remedy)


def test_a_local_aws_that_is_not_running(settings: Path) -> None:
    with pytest.raises(OperatorError, match="is not running") as error:
        _find("box", settings)
    assert error.value.remedy == "make up"


@pytest.mark.parametrize("port", ["x", "-1", "1.5", "80"])
def test_a_wrong_port(settings: Path, port: str) -> None:
    with pytest.raises(BadInputError):
        _find("box", settings, CO2_LOCAL_PORT=port)


class _Sts:
    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "111111111111"}


def _aws(account: str | None, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    aws = Aws(_in_aws(account))
    fake: Any = _Sts()
    monkeypatch.setattr(aws, "client", lambda _: fake)
    return aws


def test_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = _aws("222222222222", monkeypatch)
    with pytest.raises(RefusedError, match="belong to account 111111111111, and dev is in 2222"):
        _ = aws.account


@pytest.mark.parametrize("account", [None, "111111111111"])
def test_the_right_account_or_any(account: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _aws(account, monkeypatch).account == "111111111111"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_another_region_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "eu-west-1")
    with pytest.raises(RefusedError, match=f"{variable} is eu-west-1, and dev is in us-east-1"):
        Aws(_in_aws())


def test_the_emulators_client_ignores_the_users_aws_settings(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.invalid")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the user's")
    key, file = Key.new(), settings / "credentials"
    key.write(file)
    target = _find("box", settings, CO2_LOCAL_PORT="5000", CO2_LOCAL_CREDENTIALS=str(file))
    client = Aws(target).client("dynamodb")
    assert client.meta.endpoint_url == "http://127.0.0.1:5000"
    url = client.generate_presigned_url("list_tables")
    assert f"X-Amz-Credential={key.id}%2F" in url
    assert client.meta.region_name == "us-east-1"


@pytest.mark.parametrize("consent", [Consent(), Consent(yes=True), Consent(dry_run=True, yes=True)])
def test_retained_data_needs_the_name(consent: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Path(os.devnull).open())  # noqa: SIM115
    with pytest.raises(RefusedError) as error:
        require_confirmation(_in_aws(retain=True), consent, what="delete all")
    assert error.value.remedy == "add --confirm prod"


def test_a_name_for_scripts_must_be_this_environments() -> None:
    require_confirmation(_in_aws(retain=True), Consent(confirm="prod"), what="delete all")
    with pytest.raises(BadInputError, match="--confirm dev does not name this environment, prod"):
        require_confirmation(
            _in_aws(retain=True), Consent(confirm="dev", yes=True), what="delete all"
        )


class _Terminal:
    def __init__(self, typed: str) -> None:
        self._typed = typed

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return f"{self._typed}\n"


@pytest.mark.parametrize(
    ("retain", "typed", "agreed"),
    [(True, "prod", True), (True, "y", False), (True, "", False), (False, "y", True),
     (False, "", False), (False, "dev", False)],
)  # fmt: skip
def test_the_prompt(
    *, retain: bool, typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(typed))
    if agreed:
        require_confirmation(_in_aws(retain=retain), Consent(), what="delete all")
    else:
        with pytest.raises(RefusedError, match="nothing was changed"):
            require_confirmation(_in_aws(retain=retain), Consent(), what="delete all")
