"""Where HCP Terraform is, and the token for it; the token is never an option and never printed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ops.common.errors import AccessError, BadInputError

# For tests only: a stand-in on this machine.
ADDRESS_VARIABLE = "CO2_HCP_ADDRESS"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Access:
    """The address of the API, the host's name in the settings, and the token."""

    hostname: str
    address: str
    token: str = field(repr=False)


def find(
    hostname: str, *, variables: Mapping[str, str] = os.environ, home: Path | None = None
) -> Access:
    """Return the access to a host.

    The token is that of Terraform itself: ``TF_TOKEN_<host>``, ``TFE_TOKEN``, or what `terraform
    login` wrote.

    Raises:
        AccessError: There is no token.
        BadInputError: ``CO2_HCP_ADDRESS`` is not on this machine.

    """
    name = token_variable(hostname)
    token = variables.get(name) or variables.get("TFE_TOKEN")
    token = token or _logged_in(hostname, home or Path.home())
    if not token:
        raise AccessError(
            f"there is no token for {hostname}",
            remedy=f"terraform login {hostname}, or set {name}",
        )
    # A line break would be sent as part of the header, and rejected with the token in the message.
    return Access(
        hostname=hostname, address=_address(hostname, variables), token="".join(token.split())
    )


def token_variable(hostname: str) -> str:
    """Return the name of the environment variable in which Terraform looks for the token."""
    return "TF_TOKEN_" + hostname.replace("-", "__").replace(".", "_")


def _address(hostname: str, variables: Mapping[str, str]) -> str:
    override = variables.get(ADDRESS_VARIABLE)
    if not override:
        return f"https://{hostname}"
    parts = urlsplit(override)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise BadInputError(
            f"{ADDRESS_VARIABLE} is not an http address on this machine",
            remedy=f"unset {ADDRESS_VARIABLE}, which is for tests; [state.hcp] has the hostname",
        )
    return override


def _logged_in(hostname: str, home: Path) -> str | None:
    file = home / ".terraform.d" / "credentials.tfrc.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["credentials"][hostname]["token"]
    except (FileNotFoundError, KeyError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise AccessError(
            f"{file} cannot be read ({type(error).__name__})",
            remedy=f"terraform login {hostname}, or set {token_variable(hostname)}",
        ) from None
    return str(found)
