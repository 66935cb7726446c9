"""Load the prebuilt AWS bindings in about a tenth of the usual time, with unmodified packages.

A stock ``import cdktf_cdktf_provider_aws.x`` has three slow steps: the Python package imports its
2,200 submodules, its Node counterpart requires as many files, and jsii parses a 130 MB type
description, although a stack uses some thirty resources. :func:`load` makes the first two lazy and
waits until jsii has written the small index that replaces the third from the next run on. The
generated Python code is imported without its run-time type checks (unchecked.py).

The generated JSON is identical. If the packages have an unknown layout, they are loaded the stock
way, with a warning on standard error. ``CO2_STOCK_PROVIDER=1`` forces the stock way, to compare the
two or to rule the lazy one out as the cause of an error. Where CDK Terrain is installed instead of
CDKTF, all of this applies to its packages (cdk_terrain.py).
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import sys
import time
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from modules.fast_import.cdk_terrain import installed_packages
from modules.fast_import.unchecked import import_unchecked

STOCK_VARIABLE = "CO2_STOCK_PROVIDER"

_HOOK = Path(__file__).with_name("lazy-index.cjs")
_INDEX_TIMEOUT_SECONDS = 60.0
_INDEX_POLL_SECONDS = 0.05


@cache
def load() -> None:
    """Prepare the AWS bindings for import; call this before anything imports cdktf.

    The order matters because cdktf starts the jsii kernel (a Node process), which reads its options
    only once. Further calls have no effect.
    """
    core, provider = installed_packages()
    if os.environ.get(STOCK_VARIABLE):
        return
    if core in sys.modules:
        _warn_stock(f"{core} was imported before modules.fast_import.bindings.load()")
        return
    spec = PathFinder.find_spec(provider, None)
    if spec is None:
        return  # not installed: the import that follows raises
    locations = spec.submodule_search_locations or ()
    archives = [path for folder in locations for path in Path(folder).glob("_jsii/*@*.jsii.tgz")]
    if len(archives) != 1:
        _warn_stock(f"{provider} has no _jsii folder with exactly one archive")
        return

    unpacked = _unpacked(archives[0], core)
    if sys.stderr.isatty() and not _has_index(unpacked):
        sys.stderr.write("unpacking and indexing the AWS provider, once: about ten seconds ...\n")
    import_unchecked(["constructs", core, provider])
    _start_kernel(core)
    # Handlers run in reverse order: this one runs before the kernel's own stops the kernel.
    atexit.register(_await_index, provider, unpacked)
    spec.loader = None  # a package with a path, but without the __init__ that imports everything
    sys.modules[provider] = importlib.util.module_from_spec(spec)


def _start_kernel(core: str) -> None:
    """Import ``core``, which starts the kernel, with the hook in this one Node process only."""
    options = os.environ.get("NODE_OPTIONS", "")
    os.environ["NODE_OPTIONS"] = f'{options} --require "{_HOOK}"'
    # Silences jsii's banner about Node 20, which is past its end of life.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    importlib.import_module(core)
    os.environ["NODE_OPTIONS"] = options


def _unpacked(archive: Path, core: str) -> Path:
    """Return where jsii unpacks ``provider-aws@21.22.1.jsii.tgz``: one subfolder per content."""
    name, _, version = archive.name.removesuffix(".jsii.tgz").rpartition("@")
    # jsii's own default on Linux; set, so that both use the same folder on every system.
    default = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
    root = os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(default))
    return Path(root, f"@{core}", name, version)


def _await_index(package: str, folder: Path) -> None:
    """Wait until jsii's worker thread has written the package's runtime index.

    The index makes the next run fast; a short program would exit before the worker is done.
    """
    if f"{package}._jsii" not in sys.modules:
        return  # the package was never loaded, so no index is being written
    deadline = time.monotonic() + _INDEX_TIMEOUT_SECONDS
    while not _has_index(folder):
        if time.monotonic() > deadline:
            sys.stderr.write(
                f"fast synthesis: jsii wrote no runtime index below {folder}; "
                "the next run will be slow, too\n"
            )
            return
        time.sleep(_INDEX_POLL_SECONDS)


def _has_index(folder: Path) -> bool:
    return any(folder.glob("*/.jsii.runtime.v*.json"))


def _warn_stock(reason: str) -> None:
    sys.stderr.write(f"fast synthesis is off: {reason}; loading the whole provider (slow)\n")
