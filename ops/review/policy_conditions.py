"""Conditions of IAM: one test for each operator and key, and which implies which.

Everything here is conservative: ``implies`` is True only if it is certain. What means the same in
other words (ArnEquals for ArnLike, StringLike without a wildcard, 1.0 for 1) is equal.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ops.review.policy_patterns import (
    Pattern,
    antichain,
    covers,
    covers_arn,
    is_wild,
    lowered,
    tokens,
)

# What a value is compared as; a text is compared as it is.
Meaning = Pattern | Decimal | ipaddress.IPv4Network | ipaddress.IPv6Network | str

# Quantifier, operator, whether it ends with IfExists, and the key.
_Subject = tuple[str, str, bool, str]

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_NEGATED = frozenset(
    {
        "stringnotequals",
        "stringnotequalsignorecase",
        "stringnotlike",
        "numericnotequals",
        "datenotequals",
        "arnnotlike",
        "notipaddress",
    }
)
_SYNONYMS = {"arnequals": "arnlike", "arnnotequals": "arnnotlike"}
_WITHOUT_WILDCARD = {"stringlike": "stringequals", "stringnotlike": "stringnotequals"}
# Whose values are compared; those of Null, Date, Binary and unknown operators are equal or not.
_COMPARED = _NEGATED - {"datenotequals"} | {
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "numericequals",
    "numericlessthan",
    "numericlessthanequals",
    "numericgreaterthan",
    "numericgreaterthanequals",
    "bool",
    "ipaddress",
    "arnlike",
}
# The second operator is met whenever the first one is, with the same value.
_WEAKER = frozenset(
    {
        ("stringequals", "stringlike"),
        ("stringequals", "stringequalsignorecase"),
        ("stringnotlike", "stringnotequals"),
        ("stringnotequalsignorecase", "stringnotequals"),
        ("numericlessthan", "numericlessthanequals"),
        ("numericgreaterthan", "numericgreaterthanequals"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Test:
    """One operator and key; the values are alternatives, or for a negated operator exclusions.

    Two tests are equal if they mean the same; ``name``, ``key`` and ``texts`` are as written.
    """

    meaning: str
    subject: _Subject = field(compare=False)
    values: tuple[Meaning, ...] = field(compare=False)
    name: str = field(compare=False)
    key: str = field(compare=False)
    texts: tuple[str, ...] = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The tests, all of which must be met; without any it is always met."""

    meaning: tuple[str, ...]
    tests: tuple[Test, ...] = field(compare=False)


def build_test(name: str, key: str, texts: Sequence[str], *, variables: bool) -> Test:
    """Return the test of the operator ``name``; without ``variables``, ``${`` has no meaning."""
    quantifier, _, operator = name.lower().rpartition(":")
    if_exists = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    operator = _SYNONYMS.get(operator, operator)
    if (operator in _NEGATED and not quantifier) or quantifier == "forallvalues":
        if_exists = False  # a key that does not exist meets it anyway
    if operator in _WITHOUT_WILDCARD and not any(
        is_wild(tokens(text, variables=variables)) for text in texts
    ):
        operator = _WITHOUT_WILDCARD[operator]
    subject = (quantifier, operator, if_exists, key.lower())
    meanings = {_meaning(operator, text, variables=variables): text for text in sorted(texts)}
    values = list(meanings)
    if operator in _COMPARED:
        values = antichain(meanings, lambda wide, narrow: _covers(subject, wide, subject, narrow))
    return Test(
        meaning=repr((subject, sorted(repr(value) for value in values))),
        subject=subject,
        values=tuple(values),
        name=name,
        key=key,
        texts=tuple(sorted(meanings[value] for value in values)),
    )


def all_of(tests: Iterable[Test]) -> Condition:
    """Return the condition that all tests are met, without those that another one implies."""
    kept = sorted(antichain(set(tests), _implies), key=lambda test: test.meaning)
    return Condition(meaning=tuple(test.meaning for test in kept), tests=tuple(kept))


def implies(strong: Condition, weak: Condition) -> bool:
    """Return whether each request that meets ``strong`` certainly meets ``weak``."""
    return strong == weak or all(
        any(_implies(one, other) for one in strong.tests) for other in weak.tests
    )


def _implies(strong: Test, weak: Test) -> bool:
    if strong == weak:
        return True
    quantifier, operator, if_exists, key = strong.subject
    weak_quantifier, weak_operator, weak_if_exists, weak_key = weak.subject
    if (
        (quantifier, key) != (weak_quantifier, weak_key)
        or (operator != weak_operator and (operator, weak_operator) not in _WEAKER)
        or operator not in _COMPARED
        or if_exists > weak_if_exists
    ):
        return False
    if operator in _NEGATED:
        return all(
            any(_covers(strong.subject, wide, weak.subject, narrow) for wide in strong.values)
            for narrow in weak.values
        )
    return all(
        any(_covers(weak.subject, wide, strong.subject, narrow) for wide in weak.values)
        for narrow in strong.values
    )


def _meaning(operator: str, text: str, *, variables: bool) -> Meaning:
    if operator.startswith("string"):
        pattern = tokens(text, wildcards=operator.endswith("like"), variables=variables)
        return lowered(pattern) if operator.endswith("ignorecase") else pattern
    if operator.startswith("arn"):
        return tokens(text, variables=variables)
    if operator.startswith("numeric") and _NUMBER.fullmatch(text):
        return Decimal(text) + 0  # without a minus before zero
    if operator in ("ipaddress", "notipaddress"):
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            return text
    return text.lower() if operator in ("bool", "null") else text


def _covers(  # noqa: PLR0911 - one kind of value after the other
    wide_of: _Subject, wide: Meaning, narrow_of: _Subject, narrow: Meaning
) -> bool:
    """Return whether a value that matches ``narrow`` certainly matches ``wide``."""
    operator, other = wide_of[1], narrow_of[1]
    if isinstance(wide, tuple) and isinstance(narrow, tuple):
        if operator.startswith("arn"):
            return covers_arn(wide, narrow)
        if operator.endswith("ignorecase") and not other.endswith("ignorecase"):
            return wide == lowered(narrow)
        return covers(wide, narrow)
    if isinstance(wide, Decimal) and isinstance(narrow, Decimal):
        if operator.startswith("numericlessthan"):
            return narrow <= wide
        if operator.startswith("numericgreaterthan"):
            return narrow >= wide
    if isinstance(wide, ipaddress.IPv4Network) and isinstance(narrow, ipaddress.IPv4Network):
        return narrow.subnet_of(wide)
    if isinstance(wide, ipaddress.IPv6Network) and isinstance(narrow, ipaddress.IPv6Network):
        return narrow.subnet_of(wide)
    return wide == narrow
