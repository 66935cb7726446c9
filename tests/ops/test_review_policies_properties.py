"""Comparing policies: the difference, applied to the rights before, gives the rights after."""

from __future__ import annotations

import json
import random
import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from ops.review.policies import PolicyChange, PolicyError, compare
from ops.review.policy_document import Part
from ops.review.policy_patterns import covers, covers_arn, may_overlap, tokens

Json = dict[str, Any]

# A small universe: each request is a combination.
ACTIONS = ["s3:GetObject", "s3:GetBucketAcl", "s3:PutObject", "iam:PassRole"]
RESOURCES = ["arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::a/x/y", "arn:aws:s3:::b"]
PRINCIPALS = ["arn:aws:iam::111122223333:role/r", "arn:aws:iam::444455556666:user/u"]
CONTEXTS: list[dict[str, str]] = [
    {},
    {"s3:prefix": "a", "s3:tlsversion": "1.1"},
    {"s3:prefix": "A", "s3:tlsversion": "1.2", "aws:sourceip": "10.0.0.1"},
    {"s3:prefix": "ab", "s3:tlsversion": "1.3", "aws:sourceip": "10.9.0.1"},
    {"s3:tlsversion": "2", "aws:sourcearn": "arn:aws:s3:::a"},
    {"s3:prefix": "", "aws:sourcearn": "arn:aws:s3:::b"},
]

ACTION_TEXTS = [
    *ACTIONS, "s3:*", "s3:Get*", "S3:getobject", "*", "*:*", "s3:?utObject", "s3:*Object", "iam:*",
]  # fmt: skip
RESOURCE_TEXTS = [
    *RESOURCES, "*", "arn:aws:s3:::a/*", "arn:aws:s3:::a*", "arn:aws:s3:::?", "arn:aws:s3:::*",
    "arn:aws:s3:::a/?", "arn:aws:s3:::a/*/*", "arn:*:s3:::*/x",
]  # fmt: skip
PRINCIPAL_VALUES: list[object] = [
    "*",
    {"AWS": "*"},
    *({"AWS": one} for one in PRINCIPALS),
    {"AWS": PRINCIPALS},
]
OPERATORS = {
    "s3:prefix": [
        "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase", "ForAllValues:StringLike", "ForAnyValue:StringEquals",
        "stringlikeIfExists", "StringEqualsIfExists", "ForAnyValue:StringNotLike",
    ],
    "s3:TlsVersion": [
        "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericEquals",
        "NumericGreaterThanEqualsIfExists", "NumericNotEquals",
    ],
    "aws:SourceIp": ["IpAddress", "NotIpAddress", "IpAddressIfExists"],
    "aws:SourceArn": ["ArnLike", "ArnEquals", "ArnNotLike", "ArnLikeIfExists"],
}  # fmt: skip
VALUES = {
    "s3:prefix": ["a", "A", "ab", "a*", "*", "?", "", "a?"],
    "s3:TlsVersion": ["1.1", "1.2", "1.20", "1.3", "2"],
    "aws:SourceIp": ["10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "10.9.0.0/16"],
    "aws:SourceArn": ["arn:aws:s3:::a", "arn:aws:s3:::*", "arn:aws:s3:::b", "arn:*:*:*:*:a"],
}


def _some(values: list[str]) -> st.SearchStrategy[object]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


def _conditions() -> st.SearchStrategy[Json]:
    def of(key: str) -> st.SearchStrategy[Json]:
        return st.dictionaries(
            st.sampled_from(OPERATORS[key]),
            _some(VALUES[key]).map(lambda values: {key: values}),
            max_size=1,
        )

    null = st.sampled_from([{}, {}, {"Null": {"aws:SourceIp": "true"}}])
    tests = st.lists(st.one_of([*(of(key) for key in OPERATORS), null]), max_size=2)
    return tests.map(lambda each: {name: keys for one in each for name, keys in one.items()})


@st.composite
def _statements(draw: st.DrawFn, *, principals: bool) -> Json:
    rarely = st.sampled_from(["", "", "", "Not"])
    statement: Json = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        f"{draw(rarely)}Action": draw(_some(ACTION_TEXTS)),
        f"{draw(rarely)}Resource": draw(_some(RESOURCE_TEXTS)),
    }
    if principals:
        statement[f"{draw(rarely)}Principal"] = draw(st.sampled_from(PRINCIPAL_VALUES))
    condition = draw(st.just({}) | _conditions())
    if condition:
        statement["Condition"] = condition
    return statement


def _documents(*, principals: bool = False) -> st.SearchStrategy[Json]:
    statements = st.lists(_statements(principals=principals), max_size=4)
    return statements.map(lambda each: {"Version": "2012-10-17", "Statement": each})


@st.composite
def _pairs(draw: st.DrawFn, *, principals: bool = False) -> tuple[Json, Json]:
    """Two documents that often have most in common."""
    before, after = draw(_documents(principals=principals)), draw(_documents(principals=principals))
    kept = [json.loads(json.dumps(one)) for one in before["Statement"] if draw(st.booleans())]
    for statement in kept:
        if draw(st.booleans()):
            statement.pop("Condition", None)
        elif draw(st.booleans()):
            condition = draw(_conditions())
            statement.update({"Condition": condition} if condition else {})
    return before, {**after, "Statement": [*kept, *after["Statement"]]}


def _principal_matches(statement: Json, principal: str) -> bool:
    def named(value: object) -> bool:
        if isinstance(value, dict):
            value = value.get("AWS", [])
        texts = [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        return "*" in texts or principal in texts

    if "NotPrincipal" in statement:
        return not named(statement["NotPrincipal"])
    return "Principal" not in statement or named(statement["Principal"])


def _rights(statements: list[Json], effect: str) -> frozenset[tuple[str, str, str, int]]:
    """Return the requests to which the effect applies, as the emulator evaluates them."""
    found = set()
    for statement in statements:
        if statement["Effect"] != effect:
            continue
        policy = [parse_policy_document({"Statement": [{**statement, "Effect": "Allow"}]})]
        for action, resource, at in product(ACTIONS, RESOURCES, range(len(CONTEXTS))):
            context = EvalContext(
                principal_arn="", principal_type="User", principal_account="", region="",
                action=action, resource_arn=resource,
                service_context=CONTEXTS[at], source_ip=None,
                principal_keys=dict(CONTEXTS[at]),
            )  # fmt: skip
            if "aws:sourceip" in CONTEXTS[at]:
                context.source_ip = CONTEXTS[at]["aws:sourceip"]
            if evaluate(context, policy).decision == "Allow":
                for principal in PRINCIPALS:
                    if _principal_matches(statement, principal):
                        found.add((principal, action, resource, at))
    return frozenset(found)


def _applied(found: PolicyChange, rights: frozenset[Any], effect: str) -> frozenset[Any]:
    """Return the rights after: without the lost ones, with what stays of them and what is new."""
    lost, kept, gained = [], [], []
    for change in found.changes:
        lost += [one.statement() for one in change.before]
        gained += [one.statement() for one in change.after]
        if change.before:
            kept += [one.statement() for one in found.still(change)]
    return rights - _rights(lost, effect) | _rights(kept, effect) | _rights(gained, effect)


@pytest.mark.parametrize("principals", [False, True])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_difference_applied_to_the_rights_before_gives_the_rights_after(
    principals: bool, data: st.DataObject
) -> None:
    before, after = data.draw(_pairs(principals=principals))
    found = compare(before, after)
    for effect in ("Allow", "Deny"):
        old, new = (_rights(one["Statement"], effect) for one in (before, after))
        assert _applied(found, old, effect) == new
        # What is new is named without the help of what was there.
        gained = [one.statement() for change in found.changes for one in change.after]
        assert new - old <= _rights(gained, effect)
        if not found:
            assert old == new


@given(pair=_pairs(principals=True))
@settings(max_examples=25, deadline=None)
def test_the_mirrored_comparison_is_the_comparison_swapped(pair: tuple[Json, Json]) -> None:
    forth, back = compare(*pair), compare(*reversed(pair))
    assert {(c.before, c.after) for c in forth.changes} == {
        (c.after, c.before) for c in back.changes
    }


def _respelled(document: Json, rng: random.Random) -> Json:
    """Return the document as somebody else would write it."""

    def values(each: object) -> object:
        texts = [each] if isinstance(each, str) else list(each)  # type: ignore[call-overload]
        texts += rng.sample(texts, rng.randint(0, len(texts)))
        rng.shuffle(texts)
        return texts[0] if len(texts) == 1 and rng.random() < 0.5 else texts

    def statement(each: Json) -> Json:
        found: Json = {"Sid": f"Sid{rng.random()}".replace(".", "")}
        for key, value in rng.sample(sorted(each.items()), len(each)):
            if key.endswith("Action"):
                actions = values(value)
                found[key] = (
                    actions.upper()
                    if isinstance(actions, str)
                    else [one.swapcase() for one in actions]  # type: ignore[attr-defined]
                )
            elif key.endswith("Resource"):
                found[key] = values(value)
            elif key.endswith("Principal"):
                everyone = value in ("*", {"AWS": "*"})
                found[key] = rng.choice(["*", {"AWS": ["*"]}]) if everyone else value
            elif key == "Condition":
                found[key] = {
                    rng.choice([name, name.lower()]): {
                        rng.choice([k, k.upper()]): values(v) for k, v in keys.items()
                    }
                    for name, keys in value.items()
                }
            else:
                found[key] = value
        return found

    statements = [statement(each) for each in document["Statement"]]
    statements += [statement(each) for each in document["Statement"] if rng.random() < 0.3]
    rng.shuffle(statements)
    return {"Id": "other", "Statement": statements, "Version": "2012-10-17"}


@given(document=_documents(principals=True), seed=st.integers())
@settings(max_examples=25, deadline=None)
def test_another_spelling_is_no_change(document: Json, seed: int) -> None:
    found = compare(json.dumps(document), _respelled(document, random.Random(seed)))
    assert found.lines == ()


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    [
        "Version", "Id", "Statement", "Sid", "Effect", "Action", "NotAction", "Resource",
        "NotResource", "Principal", "NotPrincipal", "Condition",
    ]
)  # fmt: skip


@given(
    document=_ANYTHING
    | st.fixed_dictionaries(
        {"Statement": st.dictionaries(_NAMES, _ANYTHING, max_size=4) | _ANYTHING}
    )
    | st.fixed_dictionaries(
        {
            "Statement": st.fixed_dictionaries(
                {"Effect": st.just("Allow"), "Action": st.text() | _ANYTHING},
                optional={
                    "Resource": st.text() | st.lists(st.text()),
                    "Principal": _ANYTHING
                    | st.dictionaries(st.text(), st.text() | st.lists(st.text())),
                    "Condition": st.dictionaries(
                        st.text() | st.sampled_from(["IpAddress", "NumericEquals", "Null"]),
                        st.dictionaries(st.text(), st.text() | st.lists(st.text()) | _ANYTHING),
                    ),
                },
            )
        }
    )
)
@settings(max_examples=60, deadline=None)
def test_any_json_is_compared_or_refused(document: Any) -> None:
    for before, after in ((document, None), (None, document), (json.dumps(document), {})):
        try:
            found = compare(before, after)
        except PolicyError:
            continue
        assert all(line.isprintable() for line in found.lines)
        json.dumps(found.document())


_GLOBS = st.text(alphabet="ab:*?", max_size=6)


@given(wide=_GLOBS, narrow=_GLOBS, texts=st.lists(st.text(alphabet="ab:", max_size=7)))
@settings(max_examples=200, deadline=None)
def test_a_pattern_covers_only_what_it_matches(wide: str, narrow: str, texts: list[str]) -> None:
    def matches(pattern: str, text: str) -> bool:
        parts = ({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern)
        return re.fullmatch("".join(parts), text) is not None

    texts += [narrow.replace("*", new).replace("?", "a") for new in ("", "b", "a:")]
    for text in texts:
        if covers(tokens(wide), tokens(narrow)) and matches(narrow, text):
            assert matches(wide, text)
        if matches(wide, text) and matches(narrow, text):
            assert may_overlap(tokens(wide), tokens(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("b/*", "b/${aws:username}/x", True),
        ("b/?*", "b/${aws:username}", False),  # the name may be empty
        ("b/*?*", "b/${aws:username}", False),
        ("b/${aws:username}/*", "b/${aws:username}/x", True),
        ("b/${aws:username}/*", "b/someone/x", False),
        ("b/${*}", "b/x", False),
        ("*", "${aws_s3_bucket.x.arn}", True),
    ],
)
def test_a_reference_is_opaque(wide: str, narrow: str, expected: bool) -> None:
    assert covers(tokens(wide), tokens(narrow)) is expected


def test_a_wildcard_of_an_arn_does_not_reach_beyond_a_colon() -> None:
    wide, narrow = tokens("arn:aws:sns:*:topic"), tokens("arn:aws:sns:eu-west-1:1:x:topic")
    assert covers(wide, narrow)
    assert not covers_arn(wide, narrow)


def test_parts_with_one_meaning_are_one() -> None:
    assert Part(meaning="x", texts=("a",)) == Part(meaning="x", texts=("b",))
