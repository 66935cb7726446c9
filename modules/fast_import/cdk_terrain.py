"""Run on CDK Terrain where CDKTF is not installed.

CDK Terrain continues the archived CDKTF: the same API under other package names. An alias lets the
unchanged modules import it, so the packages that are installed are the only switch.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

CDKTF = ("cdktf", "cdktf_cdktf_provider_aws")
CDK_TERRAIN = ("cdktn", "cdktn_provider_aws")
_ALIASES = dict(zip(CDKTF, CDK_TERRAIN, strict=True))


def installed_packages() -> tuple[str, str]:
    """Return the names of the installed core and provider packages; alias CDK Terrain's if used."""
    if find_spec("cdktf") or not find_spec("cdktn"):
        return CDKTF
    sys.meta_path.insert(0, _Alias())
    return CDK_TERRAIN


class _Alias(MetaPathFinder, Loader):
    """Imports CDKTF's packages and their submodules from CDK Terrain."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Return a spec for a module of CDKTF, and None for any other."""
        return ModuleSpec(fullname, self) if fullname.partition(".")[0] in _ALIASES else None

    def exec_module(self, module: ModuleType) -> None:
        """Replace ``module`` by its counterpart; the import system returns what is registered."""
        package, dot, submodule = module.__name__.partition(".")
        counterpart = importlib.import_module(_ALIASES[package] + dot + submodule)
        sys.modules[module.__name__] = counterpart
