"""Where Terraform gets the AWS provider from, and the CLI configuration that says so.

In this order: what the user's own CLI configuration says; the folder that TF_PLUGIN_MIRROR names;
Terraform's registry, if it answers; the first folder known to hold a provider.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.common.errors import MissingToolError
from ops.local.environment import proxies
from ops.local.mirror import PROVIDER, WISH, Mirror, find_mirror
from ops.local.paths import LocalPaths

REGISTRY_SECONDS = 2.5

_DISCOVERY = f"https://{PROVIDER.partition('/')[0]}/.well-known/terraform.json"
_MARK = "# Written by `python -m ops local up`"
_INSTALLATION = re.compile(r"^\s*provider_installation\s*\{", re.MULTILINE)
_CACHE = re.compile(r"^\s*plugin_cache_dir\s*=", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ProviderSource:
    """Where the provider comes from: ``text`` says it, the rest tells Terraform.

    ``mirror`` is None if Terraform finds the provider by itself.
    """

    text: str
    mirror: Mirror | None
    user_config: Path | None
    uses_cache: bool


def find_provider(
    user_environment: Mapping[str, str],
    *,
    platform: str,
    versions: str,
    folders: Iterable[Path],
    registry_answers: Callable[[], bool],
) -> ProviderSource:
    """Decide where the provider comes from.

    Raises:
        MissingToolError: No source has a provider of these versions for this platform.

    """
    config = user_config(user_environment)
    text = config.read_text(encoding="utf-8") if config else ""
    cached = "TF_PLUGIN_CACHE_DIR" not in user_environment and not _CACHE.search(text)
    if config and _INSTALLATION.search(text):
        return ProviderSource(
            text=f"as {config} says", mirror=None, user_config=config, uses_cache=False
        )
    if wish := user_environment.get(WISH):
        mirror = find_mirror([Path(wish)], platform=platform, versions=versions)
        if mirror is None:
            raise MissingToolError(
                f"{WISH} names {wish}, which holds no AWS provider {versions} for {platform}",
                remedy=f"have it hold {PROVIDER}/<version>/{platform}/, or unset {WISH}",
            )
        return _from_mirror(mirror, cached=cached)
    if registry_answers():
        return ProviderSource(
            text="Terraform's registry", mirror=None, user_config=config, uses_cache=cached
        )
    mirror = find_mirror(folders, platform=platform, versions=versions)
    if mirror is None:
        raise MissingToolError(
            f"Terraform's registry does not answer within {REGISTRY_SECONDS:g} seconds, and no"
            f" folder holds the AWS provider {versions} for {platform}",
            remedy=(
                "connect to the internet (behind a proxy: set HTTPS_PROXY), or set"
                f" {WISH} to a folder that holds {PROVIDER}/<version>/{platform}/,"
                " as written by `terraform providers mirror`"
            ),
        )
    return _from_mirror(mirror, cached=cached)


def user_config(user_environment: Mapping[str, str]) -> Path | None:
    """Return the user's CLI configuration file, if there is one.

    The variable may name a file that does not exist, of which Terraform warns at every command,
    or the one that ``up`` wrote. In both cases it is taken as if it were not set.
    """
    named = user_environment.get("TF_CLI_CONFIG_FILE")
    default = Path(user_environment.get("HOME", "/")) / ".terraformrc"
    candidates = [Path(named)] if named else []
    return next((path for path in [*candidates, default] if _is_users(path)), None)


def terraform_environment(
    source: ProviderSource, paths: LocalPaths, user_environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that have Terraform use ``source``; write the configuration it needs."""
    result = proxies(user_environment)
    if source.mirror:
        paths.home.mkdir(parents=True, exist_ok=True)
        paths.terraform_config.write_text(_mirror_config(source.mirror), encoding="utf-8")
        result["TF_CLI_CONFIG_FILE"] = str(paths.terraform_config)
    elif source.user_config:
        result["TF_CLI_CONFIG_FILE"] = str(source.user_config)
    if source.uses_cache:
        paths.plugin_cache.mkdir(parents=True, exist_ok=True)
        result["TF_PLUGIN_CACHE_DIR"] = str(paths.plugin_cache)
        # Without it a stack without a lock file, as all are here, would not use the cache.
        result["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] = "1"
    elif cache := user_environment.get("TF_PLUGIN_CACHE_DIR"):
        result["TF_PLUGIN_CACHE_DIR"] = cache
    return result


def ask_registry() -> bool:
    """Return whether the registry answers, within REGISTRY_SECONDS at most.

    It is asked for the document that Terraform itself asks for first, through the same proxies: a
    connection alone would prove little behind a proxy or a captive portal. The time limit holds
    for the look-up of its address, too, which no socket option limits.
    """
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_discover()), daemon=True)
    thread.start()
    thread.join(REGISTRY_SECONDS)
    return answers == [True]


def _is_users(config: Path) -> bool:
    return config.is_file() and not config.read_text(encoding="utf-8").startswith(_MARK)


def _discover() -> bool:
    try:
        with urllib.request.urlopen(_DISCOVERY, timeout=REGISTRY_SECONDS) as response:
            return "providers.v1" in json.load(response)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _from_mirror(mirror: Mirror, *, cached: bool) -> ProviderSource:
    return ProviderSource(
        text=f"{mirror.version} from {mirror.folder}",
        mirror=mirror,
        user_config=None,
        # A folder is linked to; only a zip file is worth unpacking once for all stacks.
        uses_cache=mirror.packed and cached,
    )


def _mirror_config(mirror: Mirror) -> str:
    return f"""\
{_MARK}; the provider comes from a folder of this machine.
provider_installation {{
  filesystem_mirror {{
    path    = {json.dumps(str(mirror.folder.resolve()))}
    include = ["{PROVIDER}"]
  }}
  direct {{
    exclude = ["{PROVIDER}"]
  }}
}}
"""
