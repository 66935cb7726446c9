"""What may be written for a setting, in words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from modules.schema.constraints import Among, Between, Constraint, HttpsUrl, Matches, OneOf
from modules.schema.hints import Hint

_LONGEST_CHOICES = 32
_LISTS = {"text": "list of texts", "address": "list of addresses"}


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """``short`` fits a table's cell; ``more`` is a sentence where that does not say it all."""

    short: str
    more: str = ""
    unit: str = ""


def allowed(hint: Hint) -> Allowed:
    """Describe the type and the constraints of a setting.

    Raises TypeError for a type or a constraint that nobody has put into words here yet.
    """
    many = get_origin(hint.kind) is tuple
    constraints = hint.of_type(Constraint)  # type: ignore[type-abstract]
    found = _constrained(constraints[0]) if constraints else _typed(hint.kind)
    if many:
        return dataclasses.replace(found, short=_LISTS[found.short])
    return found


def _constrained(constraint: Constraint) -> Allowed:
    match constraint:
        case Between(low=low, high=high, unit=unit, source=source):
            more = f"Limits: {source}." if source else ""
            return Allowed(short=f"{low} to {high}", unit=unit, more=more)
        case OneOf(values=values, source=source):
            listed = ", ".join(map(str, values))
            return Allowed(short=f"{len(values)} numbers", more=f"{source} takes {listed}.")
        case Among(words=words):
            listed = ", ".join(f"`{word}`" for word in words)
            return Allowed(short="text", more=f"Choose from {listed}.")
        case Matches(form=form, example=example):
            return Allowed(short="text", more=f"Write {form}, like `{example}`.")
        case HttpsUrl(star=star):
            other = ', or `"*"` for any' if star else ""
            return Allowed(
                short="address",
                more=f"Write scheme and host, like `https://app.example.org`{other}.",
            )
        case _:
            raise TypeError(f"say in {__name__} what {type(constraint).__name__} allows")


def _typed(kind: object) -> Allowed:
    if get_origin(kind) is Literal:
        choices = [f"`{choice}`" for choice in get_args(kind)]
        if sum(map(len, choices)) > _LONGEST_CHOICES:
            return Allowed(short=f"{len(choices)} words", more=f"One of {', '.join(choices)}.")
        return Allowed(short=", ".join(choices))
    if kind is bool:
        return Allowed(short="`true`, `false`")
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return Allowed(short="table")
    if kind is str:
        return Allowed(short="text")
    raise TypeError(f"say in {__name__} what {kind} allows")
