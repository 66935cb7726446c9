"""Where Terraform installs the AWS provider from, and the CLI configuration for it.

Terraform itself searches its implied local mirrors (such as ~/.terraform.d/plugins), and the
registry if none of them has the provider. It gets a configuration only if it would not find the
provider by itself; in this order:

1. the user's own CLI configuration, if it says how providers are installed
2. the mirror that TF_PLUGIN_MIRROR names
3. Terraform's own search, unless there is a mirror below /opt and the registry does not answer
4. the mirrors below /opt, which Terraform does not search
"""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.common.paths import LocalPaths

PROVIDER = "registry.terraform.io/hashicorp/aws"
REMEDY = (
    "connect to the internet (behind a proxy: set HTTPS_PROXY), or set TF_PLUGIN_MIRROR to a"
    f" folder that holds {PROVIDER}/, as written by `terraform providers mirror`"
)

_DISCOVERY = "https://registry.terraform.io/.well-known/terraform.json"
_REGISTRY_SECONDS = 2.5
_INSTALLATION = re.compile(r"^\s*provider_installation\s*\{", re.MULTILINE)
_CACHE = re.compile(r"^\s*plugin_cache_dir\s*=", re.MULTILINE)
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


@dataclass(frozen=True, kw_only=True)
class ProviderSource:
    """How Terraform installs the provider.

    ``text`` describes it. ``mirrors`` is empty if no configuration is generated. With ``cache``,
    downloaded and unpacked providers are kept for all stacks.
    """

    text: str
    mirrors: Sequence[Path] = ()
    user_config: Path | None = None
    cache: bool

    def configure(self, paths: LocalPaths, user_environment: Mapping[str, str]) -> dict[str, str]:
        """Write the CLI configuration, if one is needed; return Terraform's variables."""
        variables = {
            name: value for name, value in user_environment.items() if name.upper() in _PROXIES
        }
        if self.mirrors:
            paths.home.mkdir(parents=True, exist_ok=True)
            _write(paths.terraform_config, _mirror_config(self.mirrors))
            variables["TF_CLI_CONFIG_FILE"] = str(paths.terraform_config)
        elif self.user_config:
            variables["TF_CLI_CONFIG_FILE"] = str(self.user_config)
        if self.cache:
            paths.plugin_cache.mkdir(parents=True, exist_ok=True)
            variables["TF_PLUGIN_CACHE_DIR"] = str(paths.plugin_cache)
            # Required to use the cache without a lock file, which no stack here has.
            variables["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] = "1"
        elif cache := user_environment.get("TF_PLUGIN_CACHE_DIR"):
            variables["TF_PLUGIN_CACHE_DIR"] = cache
        return variables


def ask_registry() -> bool:
    """Return whether the registry answers within 2.5 seconds.

    Its discovery document is requested, through the same proxies that Terraform uses: behind a
    proxy or a captive portal, a TCP connection would prove little. A thread limits the time of the
    DNS lookup too, which no socket timeout does.
    """
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_discover()), daemon=True)
    thread.start()
    thread.join(_REGISTRY_SECONDS)
    return answers == [True]


def find_provider(
    paths: LocalPaths,
    user_environment: Mapping[str, str],
    *,
    registry_answers: Callable[[], bool] = ask_registry,
    optional_software: Path = Path("/opt"),
) -> ProviderSource:
    """Decide where Terraform installs the provider from.

    Terraform itself checks whether that source has an acceptable version.
    """
    config = _user_config(paths, user_environment)
    text = config.read_text(encoding="utf-8") if config else ""
    if config and _INSTALLATION.search(text):
        return ProviderSource(text=f"as configured in {config}", user_config=config, cache=False)
    if named := user_environment.get("TF_PLUGIN_MIRROR"):
        mirrors = [Path(named)]
    else:
        found = sorted(optional_software.glob(f"*/{PROVIDER}"))
        mirrors = [folder.parents[2] for folder in found]
        if mirrors and registry_answers():
            mirrors = []
    own_cache = "TF_PLUGIN_CACHE_DIR" in user_environment or _CACHE.search(text)
    # Terraform links to the unpacked providers of a mirror; only packed ones are worth caching.
    packed = not mirrors or any(any(mirror.glob(f"{PROVIDER}/*.zip")) for mirror in mirrors)
    return ProviderSource(
        text=", ".join(map(str, mirrors)) or "found by Terraform",
        mirrors=mirrors,
        user_config=config,
        cache=packed and not own_cache,
    )


def _user_config(paths: LocalPaths, user_environment: Mapping[str, str]) -> Path | None:
    """Return the user's CLI configuration file, if there is one.

    TF_CLI_CONFIG_FILE may name a file that does not exist, of which Terraform only warns, or the
    generated one. Both count as unset.
    """
    named = user_environment.get("TF_CLI_CONFIG_FILE")
    default = Path(user_environment.get("HOME", "/")) / ".terraformrc"
    candidates = [Path(named), default] if named else [default]
    return next(
        (path for path in candidates if path.is_file() and path != paths.terraform_config), None
    )


def _discover() -> bool:
    try:
        with urllib.request.urlopen(_DISCOVERY, timeout=_REGISTRY_SECONDS) as response:
            return "providers.v1" in json.load(response)
    except (OSError, ValueError):
        return False


def _write(file: Path, text: str) -> None:
    """Write a file in one step, and only if it changes: another run's Terraform may read it."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)


def _mirror_config(mirrors: Sequence[Path]) -> str:
    methods = "".join(
        f"""\
  filesystem_mirror {{
    path    = {json.dumps(str(mirror.resolve()))}
    include = ["{PROVIDER}"]
  }}
"""
        for mirror in mirrors
    )
    return f"""\
# Written by `python -m ops`: the provider comes from a mirror on this machine.
provider_installation {{
{methods}  direct {{
    exclude = ["{PROVIDER}"]
  }}
}}
"""
