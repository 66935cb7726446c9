"""Compare the values of a resource, and name what changed by its path.

Blocks of a list are compared with the ones that mean the same: equal ones first, then those with
the same id or name, then the most similar. JSON texts are compared as the documents that they are;
policies are left whole, because `policies` compares their statements.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, TypeAlias

from ops.review.plan import Change, Json, parse_text
from ops.review.secrets import HIDDEN, is_secret_value, name_of

# By which a block is known among others of its list, if all have it and no two the same.
_IDENTITIES = (
    "id",
    "sid",
    "Sid",
    "name",
    "rule_name",
    "policy_name",
    "alarm_name",
    "attribute_name",
    "region_name",
    "path_pattern",
    "origin_id",
    "key",
    "title",
    "priority",
)
# Lists longer than this are compared in their order, because similarity takes quadratic time.
_MOST_COMPARED = 60


class _Mark:
    """A value that is not there to be shown."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


UNKNOWN: Final = _Mark("(known after apply)")
ABSENT: Final = _Mark("(absent)")


@dataclass(frozen=True, repr=False)
class Secret:
    """A value that is compared and never shown."""

    value: Json

    def __str__(self) -> str:
        return HIDDEN


@dataclass(frozen=True)
class Document:
    """A policy, compared by its meaning elsewhere."""

    value: Json

    def __str__(self) -> str:
        return "(policy)"


Value: TypeAlias = (
    "str | int | float | bool | list[Value] | dict[str, Value] | _Mark | Secret | Document | None"
)

# The path of a leaf, and its values before and after.
Leaf: TypeAlias = tuple[tuple[str, ...], Value, Value]


@dataclass(frozen=True, kw_only=True)
class AttributeChange:
    """A leaf that changed; ``names`` is its path without the places in lists."""

    path: str
    names: tuple[str, ...]
    before: Value
    after: Value

    @property
    def is_noise(self) -> bool:
        """Whether nothing became another nothing, such as null an empty list."""
        return _is_nothing(self.before) and _is_nothing(self.after)


def compare(change: Change) -> list[AttributeChange]:
    """Return the leaves in which the values before and after differ."""
    before, after = marked(change)
    return [
        AttributeChange(
            path=_text(path), names=tuple(n for n in path if n[:1] != "["), before=one, after=other
        )
        for path, one, other in map(_both_secret, _compare(before, after, ()))
    ]


def marked(change: Change) -> tuple[Value, Value]:
    """Return the values before and after, with marks where one is unknown or secret."""
    return (
        _marked(change.before, None, change.before_sensitive, ""),
        _marked(change.after, change.unknown, change.after_sensitive, ""),
    )


def _both_secret(leaf: Leaf) -> Leaf:
    """Hide both values where one is secret: it may be the same one, no longer marked."""
    path, before, after = leaf
    if Secret not in {type(before), type(after)}:
        return leaf
    return path, _hidden(before), _hidden(after)


def _hidden(value: Value) -> Value:
    return value if value is None or isinstance(value, _Mark | Secret) else Secret(None)


def policies(
    changes: Iterable[AttributeChange],
) -> tuple[list[AttributeChange], list[AttributeChange]]:
    """Return the changes of policies, and the others."""
    split: tuple[list[AttributeChange], list[AttributeChange]] = ([], [])
    for one in changes:
        is_policy = Document in {type(one.before), type(one.after)}
        split[0 if is_policy else 1].append(one)
    return split


def shown(value: Value, mask: Callable[[str], str]) -> str:
    """Return a value as text, without its secrets."""
    if isinstance(value, _Mark | Secret):
        return str(value)
    return json.dumps(_plain(value, mask), ensure_ascii=False)


def _plain(value: Value, mask: Callable[[str], str]) -> Json:
    if isinstance(value, dict):
        return {mask(key): _plain(one, mask) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, mask) for one in value]
    if isinstance(value, _Mark | Secret | Document | str):
        return mask(str(value))
    # A secret may be a number.
    return HIDDEN if value is not None and mask(str(value)) != str(value) else value


def _marked(value: Json, unknown: Json, sensitive: Json, name: str) -> Value:
    """Return a value with marks where it is unknown or secret."""
    if unknown is True:
        return UNKNOWN
    if sensitive is True and value not in (None, ""):
        return Secret(value)
    if isinstance(value, dict) or (value is None and isinstance(unknown, dict) and unknown):
        values = value or {}
        unknowns = unknown if isinstance(unknown, dict) else {}
        marks = sensitive if isinstance(sensitive, dict) else {}
        return {
            key: _marked(values.get(key), unknowns.get(key), marks.get(key), name_of(values, key))
            for key in (values if not unknowns else dict.fromkeys((*values, *unknowns)))
            if key in values or _has_true(unknowns.get(key))
        }
    if isinstance(value, list):
        return [
            _marked(one, _item(unknown, number), _item(sensitive, number), name)
            for number, one in enumerate(value)
        ]
    if isinstance(value, str):
        return Secret(value) if is_secret_value(name, value) else _document(value)
    return value


def _has_true(mirror: Json) -> bool:
    if isinstance(mirror, dict):
        return any(map(_has_true, mirror.values()))
    return any(map(_has_true, mirror)) if isinstance(mirror, list) else mirror is True


def _item(mirror: Json, number: int) -> Json:
    return mirror[number] if isinstance(mirror, list) and number < len(mirror) else None


def parsed(text: str) -> dict[str, Json] | list[Json] | None:
    """Return the document that a text is as JSON, if it is one."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            document = parse_text(text)
        except (ValueError, RecursionError):
            return None
        if isinstance(document, dict | list):
            return document
    return None


def is_policy(document: Json) -> bool:
    """Return whether a document is a policy of IAM."""
    return isinstance(document, dict) and "Statement" in document


def _document(text: str) -> Value:
    document = parsed(text)
    if document is None:
        return text
    return Document(document) if is_policy(document) else _marked(document, None, None, "")


def _compare(before: Value, after: Value, path: tuple[str, ...]) -> Iterator[Leaf]:
    if _same(before, after):
        return
    one, other = _or_empty(before, after), _or_empty(after, before)
    if isinstance(one, dict) and isinstance(other, dict) and (one or other):
        for key in dict.fromkeys((*one, *other)):
            yield from _compare(one.get(key, ABSENT), other.get(key, ABSENT), (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and (one or other):
        yield from _compare_lists(one, other, path)
    else:
        yield path, before, after


def _or_empty(value: Value, other: Value) -> Value:
    """Return an empty container in place of nothing, where the other one is a container."""
    if value is None or value is ABSENT:
        if isinstance(other, dict):
            return {}
        if isinstance(other, list):
            return []
    return value


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, str):
        return one == other
    # In Python True is 1.
    return type(one) is type(other) and one == other and canonical(one) == canonical(other)


def _compare_lists(
    before: Sequence[Value], after: Sequence[Value], path: tuple[str, ...]
) -> Iterator[Leaf]:
    if all(isinstance(one, dict) for one in (*before, *after)):
        yield from _compare_blocks(
            [one for one in before if isinstance(one, dict)],
            [one for one in after if isinstance(one, dict)],
            path,
        )
    elif any(isinstance(one, dict | list) for one in (*before, *after)):
        for number, (one, other) in enumerate(zip_longest(before, after, fillvalue=ABSENT)):
            yield from _compare(one, other, (*path, f"[{number}]"))
    else:
        removed = _without(before, after)
        added = _without(after, before)
        if not (removed or added):
            yield path, list(before), list(after)
        for one, other in zip_longest(removed, added, fillvalue=ABSENT):
            yield path, one, other


def _without(values: Sequence[Value], others: Sequence[Value]) -> list[Value]:
    left = Counter(map(canonical, others))
    rest = []
    for value in values:
        if left[key := canonical(value)]:
            left[key] -= 1
        else:
            rest.append(value)
    return rest


Block: TypeAlias = "dict[str, Value]"


def _compare_blocks(
    before: Sequence[Block], after: Sequence[Block], path: tuple[str, ...]
) -> Iterator[Leaf]:
    is_single = len(before) <= 1 and len(after) <= 1
    identity = None if is_single else _identity(before, after)
    for number, (one, other) in enumerate(_pairs(before, after, identity)):
        some = one if one is not None else other or {}
        # As it is, so that a secret in it is found.
        where = f"[{some[identity]}]" if identity else f"[{number}]"
        at = path if is_single else (*path, where)
        if not one and not other:
            yield at, ABSENT if one is None else {}, ABSENT if other is None else {}
        else:
            yield from _compare(
                ABSENT if one is None else dict(one), ABSENT if other is None else dict(other), at
            )


def _identity(before: Sequence[Block], after: Sequence[Block]) -> str | None:
    for name in _IDENTITIES:
        if all(_is_unique(name, blocks) for blocks in (before, after)):
            return name
    return None


def _is_unique(name: str, blocks: Sequence[Block]) -> bool:
    values = [block.get(name) for block in blocks]
    known = {value for value in values if isinstance(value, str | int) and value != ""}
    return len(known) == len(blocks)


def _pairs(
    before: Sequence[Block], after: Sequence[Block], identity: str | None
) -> Iterator[tuple[Block | None, Block | None]]:
    if identity:
        others = {canonical(block[identity]): block for block in after}
        for block in before:
            yield block, others.pop(canonical(block[identity]), None)
        yield from ((None, block) for block in others.values())
        return
    equal: dict[str, list[Block]] = defaultdict(list)
    for block in after:
        equal[canonical(dict(block))].append(block)
    left = []
    for block in before:
        same = equal[canonical(dict(block))]
        if same:
            yield block, same.pop()
        else:
            left.append(block)
    unmatched = {id(block) for blocks in equal.values() for block in blocks}
    right = [block for block in after if id(block) in unmatched]
    if len(left) <= _MOST_COMPARED and len(right) <= _MOST_COMPARED:
        yield from _most_similar(left, right)
    else:
        yield from zip_longest(left, right)


def _most_similar(
    left: Sequence[Block], right: Sequence[Block]
) -> Iterator[tuple[Block | None, Block | None]]:
    """Yield pairs, the most similar first; what is similar to nothing has no other."""
    is_single = len(left) == len(right) == 1
    scores = sorted(
        (-_similarity(one, other), at, where)
        for at, one in enumerate(left)
        for where, other in enumerate(right)
    )
    pairs: dict[int, int] = {}
    for score, at, where in scores:
        if (score or is_single) and at not in pairs and where not in pairs.values():
            pairs[at] = where
    for at, one in enumerate(left):
        yield one, right[pairs[at]] if at in pairs else None
    taken = set(pairs.values())
    yield from ((None, other) for where, other in enumerate(right) if where not in taken)


def _similarity(one: Mapping[str, Value], other: Mapping[str, Value]) -> int:
    """Return how many attributes that say something are equal."""
    return sum(
        1
        for key in one.keys() & other.keys()
        if not _is_nothing(one[key]) and _same(one[key], other[key])
    )


def canonical(value: Value) -> str:
    """Return a text that two values have in common if they are equal; true is not 1."""
    if isinstance(value, Secret):
        return f"secret {json.dumps(value.value, sort_keys=True)}"
    if isinstance(value, Document):
        return f"policy {json.dumps(value.value, sort_keys=True)}"
    if isinstance(value, _Mark):
        return f"mark {value}"
    if isinstance(value, dict):
        inner = sorted(value.items())
        return "{" + ",".join(f"{json.dumps(key)}:{canonical(one)}" for key, one in inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _is_nothing(value: Value) -> bool:
    if isinstance(value, dict):
        return all(map(_is_nothing, value.values()))
    if isinstance(value, list):
        return all(map(_is_nothing, value))
    return value is ABSENT or value is None or value in ("", 0, False)


def _text(path: Sequence[str]) -> str:
    return "".join(f".{name}" if name[:1] != "[" else name for name in path).removeprefix(".")
