"""Load the prebuilt AWS provider in about a tenth of the usual time, with the packages unmodified.

A stock ``import cdktf_cdktf_provider_aws.x`` runs three slow steps: the Python package imports its
2,200 submodules, its Node twin requires as many files, and jsii parses a 130 MB type description,
although a stack uses some thirty resources. :func:`load` makes the first two lazy and lets jsii
finish the small index that it uses instead of the third from the next run on. What is imported then
is imported without its checks at run time (unchecked.py).

The generated JSON is the same either way. Where the layout of the packages is not the one that is
known here, the stock way is used and a line on standard error says so. ``CO2_STOCK_PROVIDER=1``
asks for the stock way: for comparison, and for suspicion.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from modules.fast_import.unchecked import import_unchecked

PACKAGE = "cdktf_cdktf_provider_aws"
STOCK_VARIABLE = "CO2_STOCK_PROVIDER"

_HOOK = Path(__file__).with_name("lazy-index.cjs")
_INDEX_TIMEOUT_SECONDS = 60.0
_INDEX_POLL_SECONDS = 0.05


def load(package: str = PACKAGE) -> None:
    """Prepare ``package`` for import; call this before anything imports cdktf.

    The order matters because the jsii kernel (a Node process) starts with cdktf and reads its
    options only then. Calling it again does nothing.
    """
    if package in sys.modules or os.environ.get(STOCK_VARIABLE):
        return
    if "cdktf" in sys.modules:
        _say_stock("cdktf was imported before modules.fast_import.bindings.load()")
        return
    spec = PathFinder.find_spec(package, None)
    if spec is None or spec.submodule_search_locations is None:
        return  # not installed: the import that follows says so best
    locations = [Path(location) for location in spec.submodule_search_locations]
    archives = [path for location in locations for path in location.glob("_jsii/*@*.jsii.tgz")]
    if len(archives) != 1:
        _say_stock(f"{package} has no _jsii folder with one provider in it")
        return

    unpacked = _unpacked(archives[0])
    if sys.stderr.isatty() and not _has_index(unpacked):
        sys.stderr.write("unpacking and indexing the AWS provider, once: about ten seconds ...\n")
    import_unchecked(["constructs", "cdktf", package])
    _start_kernel()
    # Registered after the kernel's own, so that it runs while the kernel still does.
    atexit.register(_await_index, package, unpacked)
    spec.loader = None  # a package with a path, but without the __init__ that imports everything
    module = importlib.util.module_from_spec(spec)
    module.__getattr__ = lambda name: _submodule(package, name)  # type: ignore[method-assign]
    sys.modules[package] = module


def _start_kernel() -> None:
    """Import cdktf, which starts the kernel, with the hook in its options and in no one else's."""
    before = os.environ.get("NODE_OPTIONS")
    os.environ["NODE_OPTIONS"] = f'{before or ""} --require "{_HOOK}"'.lstrip()
    # jsii prints a banner over an old Node release unless this names the release it is about.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    try:
        importlib.import_module("cdktf")
    finally:
        if before is None:
            del os.environ["NODE_OPTIONS"]
        else:
            os.environ["NODE_OPTIONS"] = before


def _submodule(package: str, name: str) -> ModuleType:
    """``package.name`` without an import statement, as the generated code sometimes asks."""
    try:
        return importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {package!r} has no attribute {name!r}") from error


def _unpacked(archive: Path) -> Path:
    """Where jsii unpacks ``provider-aws@21.22.1.jsii.tgz``, a folder for each content below it."""
    name, _, version = archive.name.removesuffix(".jsii.tgz").rpartition("@")
    variable = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"
    root = os.environ.setdefault(variable, str(_default_package_cache()))
    return Path(root) / "@cdktf" / name / version


def _default_package_cache() -> Path:
    """Where jsii itself would keep unpacked packages (its ``getPackageCacheRoot``)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "com.amazonaws.jsii" / "package-cache"
    return Path.home() / ".cache" / "aws" / "jsii" / "package-cache"


def _await_index(package: str, folder: Path) -> None:
    """Keep the process until jsii's worker thread has written the package's runtime index.

    The index makes the next run fast; a short program would kill the worker before it is done.
    """
    if f"{package}._jsii" not in sys.modules:
        return  # nothing of the package was used, so nothing is being written
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


def _say_stock(reason: str) -> None:
    sys.stderr.write(f"fast synthesis is off: {reason}; loading the provider whole (slow)\n")
