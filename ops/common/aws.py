"""boto3 clients for one environment, and the check that they reach the right account."""

from __future__ import annotations

import os
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from ops.common.errors import RefusedError
from ops.common.local_address import Key
from ops.common.target import Target

_CONNECTIONS = 32
# botocore's session variables: (configuration file key, environment variable, default, converter).
_NO_USER_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Aws:
    """The clients of an environment; ``client`` creates each once, by its service.

    The emulator gets its own key and no proxy; the user's AWS settings are not read.

    Raises:
        OperatorError: The emulator's key is missing.
        RefusedError: An environment variable names another Region than the settings.

    """

    def __init__(self, target: Target) -> None:
        # Imported late: boto3 takes a quarter of a second, and --help does not need it.
        import boto3  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        self._target = target
        local = target.endpoint is not None
        core = botocore.session.Session(session_vars=_NO_USER_SETTINGS if local else None)
        if local:
            key = Key.read(target.credentials_file)
            core.set_credentials(key.id, key.secret)
        else:
            _check_region(target)
        core.set_default_client_config(
            Config(
                retries={"mode": "standard", "total_max_attempts": 4},
                max_pool_connections=_CONNECTIONS,
                connect_timeout=10,
                proxies={} if local else None,
                s3={"addressing_style": "path"} if local else None,
            )
        )
        session = boto3.Session(region_name=target.settings.region, botocore_session=core)
        self.client = session.client
        if not TYPE_CHECKING:
            # For mypy a partial would lose the overloads, which give each client its type.
            self.client = cache(partial(session.client, endpoint_url=target.endpoint))

    @cached_property
    def account(self) -> str:
        """Account that the credentials belong to.

        Raises:
            RefusedError: The settings name another account.

        """
        account = self.client("sts").get_caller_identity()["Account"]
        wanted = self._target.settings.account_id
        if wanted and account != wanted:
            raise RefusedError(
                f"these credentials belong to account {account}, and {self._target.name} "
                f"is in {wanted}",
                remedy="choose the profile of that account: AWS_PROFILE=... python -m ops ...",
            )
        return account


def _check_region(target: Target) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        found, wanted = os.environ.get(name), target.settings.region
        if found and found != wanted:
            raise RefusedError(
                f"{name} is {found}, and {target.name} is in {wanted}",
                remedy=f"unset {name}, or set it to {wanted}",
            )
