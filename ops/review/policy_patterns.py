"""Patterns of IAM: what ``*``, ``?`` and ``${...}`` of one text cover of another.

Everything here is conservative: ``covers`` is True only if it is certain, and ``may_overlap`` is
False only if it is certain. A policy variable and a Terraform reference are opaque: they stand for
any text, also for an empty one, and for the same text wherever they occur in a document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

ANY = 0  # `*`
ONE = 1  # `?`
_WILD = (ANY, ONE)
# A character, a reference (`${...}`, two characters at least), or a wildcard.
Token = str | int
Pattern = tuple[Token, ...]

_Item = TypeVar("_Item")
_PARTS = re.compile(r"\$\{[*?$]\}|\$\{[^}]*\}|.", re.DOTALL)
_ARN_PARTS = 6


@lru_cache(maxsize=1 << 14)
def tokens(text: str, *, wildcards: bool = True, variables: bool = True) -> Pattern:
    """Return the tokens of ``text``, in the one order that a run of wildcards has.

    Without ``variables`` (a document of version 2008-10-17) ``${`` has no meaning.
    """
    found: list[Token] = []
    for part in _PARTS.findall(text) if variables else text:
        if wildcards and part in ("*", "?"):
            found.append(ANY if part == "*" else ONE)
        elif len(part) == len("${*}") and part[2] in "*?$":
            found.append(part[2])  # the escaped character
        else:
            found.append(part)
    ordered: list[Token] = []
    run: list[Token] = []
    for token in (*found, ""):
        if token in _WILD:
            run.append(token)
            continue
        ordered += [ONE] * run.count(ONE) + [ANY] * (ANY in run)
        run.clear()
        ordered.append(token)
    return tuple(ordered[:-1])


def is_character(token: Token) -> bool:
    """Return whether the token is one character, no wildcard and no reference."""
    return isinstance(token, str) and len(token) == 1


def lowered(pattern: Pattern) -> Pattern:
    """Return the pattern for a comparison that ignores case; references keep theirs."""
    return tuple(
        token.lower() if isinstance(token, str) and len(token) == len(token.lower()) == 1 else token
        for token in pattern
    )


def is_wild(pattern: Pattern) -> bool:
    """Return whether the pattern has a wildcard."""
    return ANY in pattern or ONE in pattern


def prefix(pattern: Pattern) -> str:
    """Return the characters before the first wildcard or reference."""
    found = []
    for token in pattern:
        if not is_character(token):
            break
        found.append(str(token))
    return "".join(found)


def covers(wide: Pattern, narrow: Pattern) -> bool:
    """Return whether each text that matches ``narrow`` certainly matches ``wide``.

    ``*`` may stand for everything, ``?`` for a character or another ``?``, but not for a reference,
    which may be empty.
    """
    fixed = next((n for n, token in enumerate(wide) if token in _WILD), None)
    if fixed is None or narrow[:fixed] != wide[:fixed]:
        return wide == narrow
    at = tried = after_star = fixed
    star = -1
    while at < len(narrow):
        token = narrow[at]
        expected = wide[tried] if tried < len(wide) else None
        if expected == ANY:
            star, after_star = tried, at
            tried += 1
        elif expected == token or (expected == ONE and is_character(token)):
            at += 1
            tried += 1
        elif star >= 0:
            after_star += 1
            at, tried = after_star, star + 1
        else:
            return False
    return all(token == ANY for token in wide[tried:])


def covers_arn(wide: Pattern, narrow: Pattern) -> bool:
    """Return whether it covers as ARN, too: where a wildcard does not reach beyond a colon."""
    if wide in ((ANY,), narrow):
        return True
    many, few = _arn_parts(wide), _arn_parts(narrow)
    if many and few:
        return all(covers(one, other) for one, other in zip(many, few, strict=True))
    # A reference to an ARN: the rest of both is within its last part.
    same_start = wide[:1] == narrow[:1] and isinstance(wide[0], str) and len(wide[0]) > 1
    return same_start and ":" not in wide + narrow and covers(wide, narrow)


def _arn_parts(pattern: Pattern) -> list[Pattern]:
    parts: list[list[Token]] = [[]]
    for one in pattern:
        if one == ":" and len(parts) < _ARN_PARTS:
            parts.append([])
        else:
            parts[-1].append(one)
    is_arn = parts[0] == list("arn") and len(parts) == _ARN_PARTS
    return [tuple(part) for part in parts] if is_arn else []


def may_overlap(one: Pattern, other: Pattern) -> bool:
    """Return False if certainly no text matches both."""
    if one == other:
        return True
    # In an ARN the parts that are missing are wildcards, and a reference is any text.
    first, second = _widest(one), _widest(other)
    if not is_wild(first):
        return covers(second, first)
    if not is_wild(second):
        return covers(first, second)
    return _may_meet(first, second) and _may_meet(first[::-1], second[::-1])


def _widest(pattern: Pattern) -> Pattern:
    wide = tuple(ANY if isinstance(one, str) and len(one) > 1 else one for one in pattern)
    short = prefix(pattern).startswith("arn") and not _arn_parts(pattern)
    return (*wide, ANY) if short else wide


def _may_meet(one: Pattern, other: Pattern) -> bool:
    for left, right in zip(one, other, strict=False):
        if ANY in (left, right):
            return True
        if left != right and ONE not in (left, right):
            return False
    return True


def antichain(
    items: Iterable[_Item],
    covers: Callable[[_Item, _Item], bool],
    *,
    key: Callable[[_Item], str] = repr,
    can_cover: Callable[[_Item], bool] = lambda _: True,
) -> list[_Item]:
    """Return the items that no other item covers, in an order that does not depend on theirs.

    Of several that cover one another the first one stays.
    """
    ordered = list(enumerate(sorted(items, key=key)))
    wide = [(at, item) for at, item in ordered if can_cover(item)]
    return [
        item
        for at, item in ordered
        if not any(
            covers(other, item) and (before < at or not covers(item, other))
            for before, other in wide
            if before != at
        )
    ]
