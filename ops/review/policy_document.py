"""Policy documents of IAM, read into what they mean.

Version, Id and Sid, order, duplicates, a single value or a list, and the case of actions, operators
and keys have no meaning. A statement keeps what another of its own values does not cover.

Assumed: a policy variable has a value. Without one, AWS lets a statement that names it match no
request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from ops.common.errors import OperatorError
from ops.review.policy_conditions import Condition, all_of, build_test
from ops.review.policy_patterns import (
    ANY,
    Pattern,
    antichain,
    covers,
    covers_arn,
    is_wild,
    lowered,
    may_overlap,
    prefix,
    tokens,
)

_VERSIONS = (None, "2008-10-17", "2012-10-17")
_VARIABLES_SINCE = "2012-10-17"
_DOCUMENT = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset({"Sid", "Effect", "Condition"})
_LARGEST = 1e15  # no number of a policy is larger
_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")


class PolicyError(OperatorError):
    """It is no policy document, or too large to compare."""


class Effect(StrEnum):
    """What a statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


class Element(StrEnum):
    """The elements that say to whom, what and on what a statement applies."""

    PRINCIPAL = "Principal"
    ACTION = "Action"
    RESOURCE = "Resource"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One value of an element, or all that it excludes (NotAction, NotResource, NotPrincipal).

    Two parts are equal if they mean the same. ``texts`` is as written: one value, or the excluded
    ones. A part without patterns is the element that a statement does not have.
    """

    meaning: str
    negated: bool = field(default=False, compare=False)
    wild: bool = field(default=False, compare=False)
    start: str = field(default="", compare=False)  # what all that it includes starts with
    patterns: tuple[Pattern, ...] = field(default=(), compare=False)
    texts: tuple[str, ...] = field(default=(), compare=False)
    kinds: tuple[str, ...] = field(default=(), compare=False)  # of principals, one for each text


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement; it applies to each combination of its parts."""

    effect: Effect
    parts: Mapping[Element, tuple[Part, ...]] = field(compare=False)
    condition: Condition
    sid: str = field(compare=False)
    meaning: tuple[frozenset[Part], ...]


# The element is absent: the principal of an identity policy, or the resource of a trust policy.
ABSENT = Part(meaning="")
EVERYONE = Part(meaning="everyone", wild=True, patterns=((ANY,),), texts=("*",), kinds=("AWS",))


def read(document: object) -> tuple[Statement, ...]:
    """Return the statements of a document, JSON text or parsed; None and "" have none.

    Raises:
        PolicyError: It is no policy document.

    """
    if isinstance(document, str) and document:
        try:
            document = json.loads(document, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise PolicyError(f"the policy is no valid JSON: {error}") from None
    if document is None or document == "":
        return ()
    elements = _object(document, "the policy")
    _known(elements, _DOCUMENT, "the policy")
    version = elements.get("Version")
    if version not in _VERSIONS:
        raise PolicyError(f"the policy's Version is {_shown(version)}, which AWS does not have")
    if "Statement" not in elements:
        raise PolicyError("the policy has no Statement")
    statements = elements["Statement"]
    found: dict[Statement, Statement] = {}
    for number, each in enumerate(statements if isinstance(statements, list) else [statements], 1):
        at = f"statement {number} of the policy"
        one = _statement(_object(each, at), at, variables=version == _VARIABLES_SINCE)
        # A list without values matches nothing.
        if all(one.parts.values()):
            found.setdefault(one, one)
    return tuple(found)


def covers_part(  # noqa: PLR0911 - one case after the other
    element: Element, wide: Part, narrow: Part
) -> bool:
    """Return whether ``wide`` certainly includes all that ``narrow`` does."""
    if wide == narrow:
        return True
    if ABSENT in (wide, narrow):
        return False
    if element is Element.PRINCIPAL:
        if wide.negated and narrow.negated:
            return set(wide.patterns) <= set(narrow.patterns)
        # Whether everyone includes services and federated identities is not said anywhere.
        return (
            wide == EVERYONE and not narrow.negated and narrow.kinds[0] in ("AWS", "CanonicalUser")
        )
    compared = covers_arn if element is Element.RESOURCE else covers
    if wide.negated and narrow.negated:
        return all(
            any(compared(excluded, each) for excluded in narrow.patterns) for each in wide.patterns
        )
    if wide.negated:
        return not any(may_overlap(each, narrow.patterns[0]) for each in wide.patterns)
    if narrow.negated:
        return wide.patterns == ((ANY,),)
    return compared(wide.patterns[0], narrow.patterns[0])


def may_share(element: Element, one: Part, other: Part) -> bool:
    """Return False if certainly nothing is in both."""
    if one == other:
        return True
    if ABSENT in (one, other):
        return False
    if one.negated and other.negated:
        return True
    if element is Element.PRINCIPAL:
        # An account and its roles are not apart, nor are everyone and services.
        return one.negated or other.negated or "AWS" in one.kinds + other.kinds
    if one.negated or other.negated:
        excluding, included = (one, other) if one.negated else (other, one)
        compared = covers_arn if element is Element.RESOURCE else covers
        return not any(compared(each, included.patterns[0]) for each in excluding.patterns)
    apart = not one.start.startswith(other.start) and not other.start.startswith(one.start)
    return not apart and may_overlap(one.patterns[0], other.patterns[0])


def _statement(elements: Mapping[str, object], at: str, *, variables: bool) -> Statement:
    positive = {element.value for element in Element}
    _known(elements, _STATEMENT | positive | {f"Not{name}" for name in positive}, at)
    effect = elements.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{at} has the effect {_shown(effect)}; only Allow and Deny exist")
    sid = elements.get("Sid", "")
    condition = _condition(elements.get("Condition", {}), at, variables=variables)
    parts = {element: _parts(element, elements, at, variables=variables) for element in Element}
    if parts[Element.ACTION] == (ABSENT,):
        raise PolicyError(f"{at} has no Action")
    return Statement(
        effect=Effect(effect),
        parts=parts,
        condition=condition,
        sid=sid if isinstance(sid, str) else "",
        meaning=tuple(frozenset(parts[element]) for element in Element),
    )


def _parts(
    element: Element, elements: Mapping[str, object], at: str, *, variables: bool
) -> tuple[Part, ...]:
    name, negation = element.value, f"Not{element.value}"
    if name in elements and negation in elements:
        raise PolicyError(f"{at} has both {name} and {negation}")
    if name not in elements and negation not in elements:
        return (ABSENT,)
    negated = negation in elements
    raw = elements[negation if negated else name]
    where = f"{negation if negated else name} of {at}"
    if element is Element.PRINCIPAL:
        found = _principals(raw, where)
    else:
        build = _action if element is Element.ACTION else _resource
        found = [build(text, variables=variables) for text in _texts(raw, where)]
    kept = antichain(
        dict.fromkeys(found),
        partial(covers_part, element),
        key=lambda part: part.meaning,
        can_cover=lambda part: part.wild,
    )
    if not negated:
        return tuple(kept)
    if not kept:  # everything except nothing
        return (EVERYONE,) if element is Element.PRINCIPAL else (_resource("*", variables=False),)
    return (
        Part(
            meaning=repr(("not", *(part.meaning for part in kept))),
            negated=True,
            wild=True,
            patterns=tuple(part.patterns[0] for part in kept),
            texts=tuple(part.texts[0] for part in kept),
            kinds=tuple(kind for part in kept for kind in part.kinds),
        ),
    )


def _action(text: str, *, variables: bool) -> Part:
    pattern = lowered(tokens(text, variables=variables))
    # Every action has a colon.
    return _part((ANY,) if pattern == (ANY, ":", ANY) else pattern, text)


def _resource(text: str, *, variables: bool) -> Part:
    return _part(tokens(text, variables=variables), text)


def _part(pattern: Pattern, text: str, kind: str | None = None) -> Part:
    return Part(
        meaning=repr((kind, pattern)),
        wild=is_wild(pattern),
        start=prefix(pattern),
        patterns=(pattern,),
        texts=(text,),
        kinds=() if kind is None else (kind,),
    )


def _principals(raw: object, where: str) -> list[Part]:
    if raw == "*":
        return [EVERYONE]
    if isinstance(raw, str):
        raise PolicyError(f"{where} is {_shown(raw)}; a text can only be *")
    return [
        _principal(kind, text)
        for kind, texts in _object(raw, where).items()
        for text in _texts(texts, where)
    ]


def _principal(kind: str, text: str) -> Part:
    if text == "*" and kind in ("*", "AWS"):
        return EVERYONE
    root = _ACCOUNT.fullmatch(text) if kind == "AWS" else None
    # No principal but everyone has a wildcard.
    return _part(tokens(root[1] if root else text, wildcards=False, variables=False), text, kind)


def _condition(raw: object, at: str, *, variables: bool) -> Condition:
    return all_of(
        build_test(name, key, _texts(values, f"{name} {key} of {at}"), variables=variables)
        for name, keys in _object(raw, f"the Condition of {at}").items()
        for key, values in _object(keys, f"{name} of {at}").items()
    )


def _texts(raw: object, where: str) -> list[str]:
    found = []
    for each in raw if isinstance(raw, list | tuple) else [raw]:
        if isinstance(each, bool):
            found.append("true" if each else "false")
        elif isinstance(each, str):
            found.append(each)
        elif isinstance(each, int | float) and abs(each) < _LARGEST:
            found.append(str(each))
        else:
            raise PolicyError(f"{where} has a value that is no text: {_shown(each)}")
    return found


def _object(raw: object, where: str) -> Mapping[str, object]:
    if not isinstance(raw, Mapping) or not all(isinstance(key, str) for key in raw):
        raise PolicyError(f"{where} is {_shown(raw)}, no JSON object")
    return raw


def _known(elements: Mapping[str, object], known: Iterable[str], at: str) -> None:
    unknown = sorted(elements.keys() - set(known))
    if unknown:
        raise PolicyError(f"{at} has elements that AWS does not: {_shown(', '.join(unknown))}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in an object")
    return found


def _shown(value: object) -> str:
    """Return a short form for a message; a value may be long, or nested too deeply to print."""
    if isinstance(value, str):
        return repr(value[:60])
    return f"{type(value).__name__}"
