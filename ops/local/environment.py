"""The environment of the programs that are started: nothing of the user's AWS reaches them."""

from __future__ import annotations

from collections.abc import Mapping

from ops.common.local_address import ACCESS_KEY, REGION, SECRET_KEY

_PASSED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    }
)
_PASSED_PREFIXES = ("LC_", "XDG_", "JSII_")
_PROXIES = frozenset(
    name for proxy in ("http_proxy", "https_proxy", "no_proxy") for name in (proxy, proxy.upper())
)


def scrubbed(user: Mapping[str, str]) -> dict[str, str]:
    """Return what a program needs to run here: names that are known to be harmless."""
    return {
        name: value
        for name, value in user.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }


def local_aws(user: Mapping[str, str], port: int) -> dict[str, str]:
    """Return an environment in which every AWS library talks to the emulator on ``port``.

    The profile and credential files are switched off, too: a library that would ignore the
    variables finds nothing there.
    """
    return {
        **scrubbed(user),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def proxies(user: Mapping[str, str]) -> dict[str, str]:
    """Return the proxy settings; only what downloads providers gets them."""
    return {name: value for name, value in user.items() if name in _PROXIES}
