"""What a field of a settings dataclass says of itself: its type, whether it is optional, extras."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Hint:
    """``Annotated[X | None, extras]`` taken apart: ``kind`` is ``X``."""

    kind: object
    optional: bool
    extras: tuple[object, ...]

    @classmethod
    def of(cls, hint: object) -> Hint:
        """Take ``hint`` apart."""
        extras: tuple[object, ...] = ()
        if get_origin(hint) is Annotated:
            hint, *others = get_args(hint)
            extras = tuple(others)
        arms = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
        (kind,) = (arm for arm in arms if arm is not NoneType)
        return cls(kind=kind, optional=NoneType in arms, extras=extras)

    def of_type(self, wanted: type[T]) -> list[T]:
        """Return the extras that are instances of ``wanted``."""
        return [extra for extra in self.extras if isinstance(extra, wanted)]


def has_default(field: dataclasses.Field[object]) -> bool:
    """Whether a file may leave ``field`` out."""
    return (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )
