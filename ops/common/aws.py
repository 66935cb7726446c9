"""Clients of AWS for one environment, and the check that they reach the right account."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from ops.common.errors import RefusedError
from ops.common.local_address import ACCESS_KEY, SECRET_KEY
from ops.common.target import Target

# botocore builds its clients at run time, from data; there is no type to name here.
Client = Any
MakeClient = Callable[[str], Client]

_CONNECTIONS = 32
_NO_VARIABLE = (None, None, None, None)


class Aws:
    """The environment's services, each client made at its first use."""

    def __init__(self, target: Target, *, make: MakeClient | None = None) -> None:
        self._target = target
        self._make = make or maker(target)
        self._clients: dict[str, Client] = {}
        self._account: str | None = None

    def client(self, service: str) -> Client:
        """Return the client of a service."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    @property
    def account(self) -> str:
        """Account that the credentials belong to.

        Raises:
            RefusedError: The settings name another one.

        """
        if self._account is None:
            self._account = str(self.client("sts").get_caller_identity()["Account"])
        wanted = self._target.settings.account_id
        if wanted and self._account != wanted:
            raise RefusedError(
                f"these credentials belong to account {self._account}, and {self._target.name} "
                f"is in {wanted}",
                remedy="choose the profile of that account: AWS_PROFILE=... python -m ops ...",
            )
        return self._account


def maker(target: Target) -> MakeClient:
    """Return what makes clients for an environment.

    The emulator gets fixed credentials and no proxy, and nothing of the user's AWS settings.

    Raises:
        RefusedError: The shell or the profile is set to another Region than the settings.

    """
    if target.endpoint is not None:
        return _local_maker(target.endpoint, target.settings.region)
    _check_region(target)

    def make(service: str) -> Client:
        import boto3  # noqa: PLC0415  takes a quarter of a second, and --help needs none of it

        return boto3.client(service, region_name=target.settings.region, config=_config())

    return make


def _local_maker(endpoint: str, region: str) -> MakeClient:
    session = cache(_session_of_nobody)

    def make(service: str) -> Client:
        return session().client(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=_config(proxies={}, s3={"addressing_style": "path"}),
        )

    return make


def _session_of_nobody() -> Any:
    """Return a session that reads neither profiles nor credential files."""
    import boto3  # noqa: PLC0415
    import botocore.session  # noqa: PLC0415

    nowhere = (None, None, os.devnull, None)
    session = botocore.session.Session(
        session_vars={
            "profile": _NO_VARIABLE,
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
    )
    return boto3.Session(botocore_session=session)


def _config(**options: object) -> Any:
    from botocore.config import Config  # noqa: PLC0415

    return Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=_CONNECTIONS,
        connect_timeout=10,
        **options,
    )


def _check_region(target: Target) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        found, wanted = os.environ.get(name), target.settings.region
        if found and found != wanted:
            raise RefusedError(
                f"{name} is {found}, and {target.name} is in {wanted}",
                remedy=f"unset {name}, or set it to {wanted}",
            )
