"""Environment variables of the started programs, without any of the user's AWS settings."""

from __future__ import annotations

from collections.abc import Mapping

from ops.common.local_address import REGION

_ALLOWED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)
_ALLOWED_PREFIXES = ("LC_", "XDG_", "JSII_")
# Variables of Terraform that do not change what it does, only how it gets providers and tokens.
_HARMLESS = ("TF_TOKEN_", "TF_PLUGIN_", "TF_REGISTRY_")


def scrubbed(user: Mapping[str, str]) -> dict[str, str]:
    """Return the allowed variables of the user's environment."""
    return {
        name: value
        for name, value in user.items()
        if name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)
    }


def for_terraform(user: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment, which has the credentials, without what changes Terraform."""
    return {
        name: value
        for name, value in user.items()
        if not name.startswith("TF_") or name.startswith(_HARMLESS)
    }


def local_aws(user: Mapping[str, str], port: int) -> dict[str, str]:
    """Return an environment in which every AWS SDK talks to the emulator on ``port``.

    It has no key, and hides the user's profiles and credential files.
    """
    return {
        **scrubbed(user),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
