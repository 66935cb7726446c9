"""Dangers that somebody has accepted: in the command line, or in a file of the pull request."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

from modules.schema.constraints import Matches
from modules.schema.reader import structure
from modules.schema.setting_docs import Doc
from ops.common.errors import OperatorError

_TEXT = Matches(r"(.|\n)*\S(.|\n)*", "a text", "Moved to the new table")
_DAY = Matches(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "a date", "2027-05-31")


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """A danger of one resource that is accepted; ``stacks`` are names or patterns."""

    address: Annotated[str, _TEXT, Doc("Address of the resource.")]
    kind: Annotated[str, _TEXT, Doc("Kind of the danger, as the review names it.")]
    who: Annotated[str, _TEXT, Doc("Who accepts it.")]
    why: Annotated[str, _TEXT, Doc("Why.")]
    until: Annotated[str, _DAY, Doc("The last day on which it is accepted.")]
    stacks: Annotated[tuple[str, ...], Doc("Where.")] = ("*",)

    def accepts(self, stack: str, address: str, kind: str) -> bool:
        """Return whether a danger is this one."""
        return (address, kind) == (self.address, self.kind) and any(
            fnmatchcase(stack, pattern) for pattern in self.stacks
        )

    def is_expired(self, today: date) -> bool:
        """Return whether its last day is over."""
        return self.until < today.isoformat()

    def __str__(self) -> str:
        return f"{self.address}:{self.kind}"


def read(text: str, *, where: str) -> list[Acceptance]:
    """Read an acceptance file.

    Raises:
        OperatorError: With the first problem of the file.

    """
    try:
        document = tomllib.loads(text)
        rows = document.pop("accepted", ())
        if document:
            raise ValueError(f"{min(document)} is unknown")  # noqa: TRY301
        read_rows = [structure(Acceptance, {**row}) for row in rows]
    except (ValueError, TypeError) as error:
        raise OperatorError(
            f"{where}: {error}",
            remedy="correct the TOML, and write nothing but tables [[accepted]]",
        ) from error
    problems = [
        replace(one, where=where, field=f"accepted[{number}].{one.field}")
        for number, (_, mistakes) in enumerate(read_rows, 1)
        for one in mistakes
    ]
    if problems:
        raise OperatorError(problems[0].line, remedy=f"correct {where}")
    return [entry for entry, _ in read_rows]


def parse(options: Iterable[str]) -> list[Acceptance]:
    """Return what ``--accept [STACK/]ADDRESS:KIND`` accepts, today.

    Raises:
        OperatorError: An option has another form.

    """
    found = []
    for option in options:
        rest, colon, kind = option.rpartition(":")
        stack, slash, address = _split(rest)
        if not (colon and kind and address):
            raise OperatorError(
                f"--accept {option!r} is not [STACK/]ADDRESS:KIND",
                remedy="copy it from the review, such as"
                " --accept dev-storage/aws_dynamodb_table.cache:replace",
            )
        found.append(
            Acceptance(
                address=address,
                kind=kind,
                who="--accept",
                why="accepted in the command line",
                until=date.max.isoformat(),
                stacks=(stack if slash else "*",),
            )
        )
    return found


def _split(text: str) -> tuple[str, str, str]:
    """Split a stack from an address, whose keys may have slashes, too."""
    stack, slash, address = text.partition("/")
    return (stack, slash, address) if slash and "[" not in stack else ("", "", text)


@dataclass(frozen=True, kw_only=True)
class Acceptances:
    """The acceptances that count today, and those that do not."""

    valid: tuple[Acceptance, ...] = ()
    expired: tuple[Acceptance, ...] = ()

    def of(self, stack: str, address: str, kind: str) -> Acceptance | None:
        """Return the acceptance of a danger."""
        return next((one for one in self.valid if one.accepts(stack, address, kind)), None)


def sort_out(entries: Sequence[Acceptance], today: date) -> Acceptances:
    """Separate the acceptances that have expired."""
    return Acceptances(
        valid=tuple(one for one in entries if not one.is_expired(today)),
        expired=tuple(one for one in entries if one.is_expired(today)),
    )
