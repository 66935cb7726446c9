"""The fields of a settings dataclass: ``Annotated[X | None, constraint, Doc("...")] = default``."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from modules.schema.constraints import Constraint, OneOf
from modules.schema.setting_docs import Doc

_SUMMARIES = {
    bool: "`true`, `false`",
    int: "integer",
    str: "string",
    tuple: "list of strings",
    dict: "table of strings",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One setting, or a section of them.

    ``kind`` is bool, int, str, tuple (a list of strings), dict (a table of strings) or the
    section's dataclass. ``default`` is None where the setting is required.
    """

    name: str
    kind: type
    optional: bool
    required: bool
    default: object
    constraint: Constraint | None
    doc: Doc

    @property
    def is_section(self) -> bool:
        """Whether it is a table of the file, with fields of its own."""
        return dataclasses.is_dataclass(self.kind)

    @property
    def allowed(self) -> str:
        """What may be written, in the words of a table's cell."""
        if self.is_section:
            return "table"
        summary = self.constraint.summary() if self.constraint and self.kind is not tuple else ""
        return summary or _SUMMARIES[self.kind]

    @property
    def unit(self) -> str:
        """Unit of a number; empty for everything else."""
        return self.constraint.unit if self.constraint else ""

    @property
    def description(self) -> str:
        """What the setting does, may be and costs, in sentences."""
        sentence = self.constraint.sentence() if self.constraint else ""
        cost = f"Cost: {self.doc.cost}." if self.doc.cost else ""
        return " ".join(filter(None, (self.doc.text, sentence, cost)))


def fields(section: type) -> list[Field]:
    """Return the fields of ``section`` in the order of their declaration.

    Raises TypeError for a field without a ``Doc``.
    """
    assert dataclasses.is_dataclass(section)  # noqa: S101 - a mistake in settings, not in a file
    hints = get_type_hints(section, include_extras=True)
    return [_field(field, hints[field.name]) for field in dataclasses.fields(section)]


def _field(field: dataclasses.Field[object], hint: object) -> Field:
    hint, *constraints, doc = get_args(hint) or (hint, None)
    if not isinstance(doc, Doc):
        raise TypeError(f"{field.name} has no Doc: write Annotated[..., Doc('...')]")
    arms = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    (kind,) = (arm for arm in arms if arm is not NoneType)
    if get_origin(kind) is Literal:
        constraints, kind = [OneOf(get_args(kind))], str
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return Field(
        name=field.name,
        kind=get_origin(kind) or kind,
        optional=NoneType in arms,
        required=default is MISSING,
        default=None if default is MISSING else default,
        constraint=next(iter(constraints), None),
        doc=doc,
    )
