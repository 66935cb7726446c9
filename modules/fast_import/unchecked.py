"""Import the Python code that jsii generates without its checks of types at run time.

That code evaluates thousands of type hints when it is imported, and again to check each call's
arguments: an eighth of the time of a synthesis. mypy checks our calls before they run, and jsii's
kernel checks what it is sent. The code is compiled as ``python -O`` and ``from __future__ import
annotations`` would have it, and kept under a name of its own beside the usual bytecode.
"""

from __future__ import annotations
import __future__

import sys
from collections.abc import Collection, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

_BYTECODE = ".pyc"
_OURS = ".opt-unchecked.pyc"


def import_unchecked(packages: Collection[str]) -> None:
    """Have ``packages`` and their submodules imported without run-time checks from now on."""
    sys.meta_path.insert(0, _Finder(packages))


class _Finder(MetaPathFinder):
    """Finds what Python itself would, and gives it another loader."""

    def __init__(self, packages: Collection[str]) -> None:
        self._packages = frozenset(packages)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the chosen packages, and None for any other."""
        if fullname.partition(".")[0] not in self._packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Compiles differently, and so keeps its bytecode apart from what others compile."""

    def source_to_code(  # type: ignore[override]  # typeshed names private parameters
        self, data: bytes, path: str
    ) -> CodeType:
        """Compile without ``if __debug__`` and with annotations as text."""
        flags = __future__.annotations.compiler_flag
        code: CodeType = compile(data, path, "exec", flags, dont_inherit=True, optimize=1)
        return code

    def get_data(self, path: str) -> bytes:
        """Read source or bytecode."""
        return super().get_data(_own(path))

    def set_data(self, path: str, data: bytes, *, _mode: int = 0o666) -> None:  # type: ignore[override]
        """Write bytecode."""
        super().set_data(_own(path), data, _mode=_mode)


def _own(path: str) -> str:
    return path.removesuffix(_BYTECODE) + _OURS if path.endswith(_BYTECODE) else path
