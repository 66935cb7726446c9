"""Import jsii's generated Python code without its run-time type checks.

That code evaluates thousands of type hints on import, and again to check the arguments of each
call: an eighth of the time of a synthesis. mypy checks our calls before they run, and the jsii
kernel validates what it receives. The code is compiled as under ``python -O`` and ``from __future__
import annotations``; its bytecode is cached under a separate name.
"""

from __future__ import annotations
import __future__

import re
import sys
from collections.abc import Collection, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType


def import_unchecked(packages: Collection[str]) -> None:
    """Import ``packages`` and their submodules without run-time checks from now on."""
    sys.meta_path.insert(0, _Finder(packages))


class _Finder(MetaPathFinder):
    """Finds the same modules as Python itself, but replaces their loader."""

    def __init__(self, packages: Collection[str]) -> None:
        self._packages = frozenset(packages)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of these packages, and None for any other."""
        if fullname.partition(".")[0] not in self._packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Compiles without checks and keeps its bytecode apart from the usual files."""

    def source_to_code(  # type: ignore[override]  # typeshed names private parameters
        self, data: bytes, path: str
    ) -> CodeType:
        """Compile without ``if __debug__`` blocks and with annotations as strings."""
        flags = __future__.annotations.compiler_flag
        code: CodeType = compile(data, path, "exec", flags, dont_inherit=True, optimize=1)
        return code

    def get_data(self, path: str) -> bytes:
        """Read source or bytecode."""
        return super().get_data(_separate(path))

    def set_data(self, path: str, data: bytes, *, _mode: int = 0o666) -> None:  # type: ignore[override]
        """Write bytecode."""
        super().set_data(_separate(path), data, _mode=_mode)


def _separate(path: str) -> str:
    return re.sub(r"\.pyc$", ".opt-unchecked.pyc", path)
