"""Changes of this project's policies, and the lines and dangers that a reviewer gets for them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ops.review.policies import PolicyError, compare
from ops.review.report import Item
from tests.review.building import change, item, kinds

Json = dict[str, Any]

BUCKET = "arn:aws:s3:::geojson"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/x"
STATE = "arn:aws:s3:::state"
ROOT = "arn:aws:iam::123456789012:root"


def _statement(effect: str, actions: object, resources: object = None, **other: object) -> Json:
    found: Json = {"Effect": effect, "Action": actions, **other}
    return found if resources is None else {**found, "Resource": resources}


# The shapes of the policies that the layers create.
HTTP = _statement(
    "Deny", ["s3:*"], [f"{BUCKET}/*"], Sid="DenyPlainHttp", Principal="*",
    Condition={"Bool": {"aws:SecureTransport": "false"}},
)  # fmt: skip
OLD_TLS = {**HTTP, "Sid": "DenyOldTls", "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}
EDGE = _statement(
    "Allow", ["s3:GetObject"], [f"{BUCKET}/*"], Sid="Edge",
    Principal={"Service": "cloudfront.amazonaws.com"},
    Condition={
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudfront::123456789012:distribution/*"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    },
)  # fmt: skip
WRITE = _statement("Allow", ["dynamodb:PutItem", "dynamodb:UpdateItem"], [TABLE], Sid="Write")
LIST = _statement(
    "Allow", ["s3:ListBucket"], [STATE], Sid="ListStates",
    Condition={"StringLike": {"s3:prefix": ["env:/", "dev/*"]}},
)  # fmt: skip
PASS = _statement(
    "Allow", ["iam:PassRole"], ["arn:aws:iam::123456789012:role/co2-analysis-dev-*"], Sid="Pass",
    Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
)  # fmt: skip
TRUST = _statement(
    "Allow", "sts:AssumeRoleWithWebIdentity", Sid="GitHub",
    Principal={"Federated": "arn:aws:iam::123456789012:oidc-provider/github"},
    Condition={"StringEquals": {"github:sub": "repo:co2/co2:environment:dev"}},
)  # fmt: skip
TOPIC = _statement(
    "Allow", "sns:Publish", "${aws_sns_topic.alarms.arn}", Sid="Publish",
    Principal={"Service": "cloudwatch.amazonaws.com"},
    Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}},
)  # fmt: skip
KEY = _statement("Allow", ["kms:DescribeKey"], "*", Sid="Administer", Principal={"AWS": ROOT})
URL = _statement(
    "Allow", "lambda:InvokeFunctionUrl", "arn:aws:lambda:eu-central-1:123456789012:function:f",
    Sid="Url", Principal={"Service": "cloudfront.amazonaws.com"},
    Condition={"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
)  # fmt: skip
ALL = [HTTP, OLD_TLS, EDGE, WRITE, LIST, PASS, TRUST, TOPIC, KEY, URL]


def _with(statement: Json, **changes: object) -> Json:
    return {key: value for key, value in {**statement, **changes}.items() if value is not None}


def _lines(before: list[Json], after: list[Json]) -> tuple[list[str], list[str]]:
    found = compare({"Statement": before}, json.dumps({"Statement": after}))
    return list(found.lines), [danger.kind.value for danger in found.dangers]


SAME: list[tuple[list[Json], list[Json]]] = [
    (ALL, ALL[::-1]),
    ([WRITE], [_with(WRITE, Sid=None)]),
    ([WRITE], [_with(WRITE, Action=["DynamoDB:updateitem", "dynamodb:PUTITEM"])]),
    ([WRITE], [WRITE, _with(WRITE, Sid="Again", Action="dynamodb:PutItem")]),
    ([WRITE], [_with(WRITE, Action=[one]) for one in WRITE["Action"]]),
    ([HTTP], [_with(HTTP, Action=["s3:*", "s3:GetObject"], Principal={"AWS": ["*"]})]),
    ([HTTP], [_with(HTTP, Condition={"bool": {"AWS:SecureTransport": [False]}})]),
    ([HTTP], [_with(HTTP, Resource=[f"{BUCKET}/*", f"{BUCKET}/data/*"])]),
    ([KEY], [_with(KEY, Principal={"AWS": "123456789012"})]),
    (
        [EDGE],
        [
            _with(
                EDGE,
                Condition={
                    "ArnEquals": EDGE["Condition"]["ArnLike"],
                    "StringLike": EDGE["Condition"]["StringEquals"],
                },
            )
        ],
    ),
    ([OLD_TLS], [_with(OLD_TLS, Condition={"NumericLessThan": {"s3:TlsVersion": ["1.20", 1.1]}})]),
    ([], [_with(WRITE, Action=[])]),
]


@pytest.mark.parametrize("at", range(len(SAME)))
def test_what_means_the_same_is_no_change(at: int) -> None:
    assert _lines(*SAME[at]) == ([], [])
    assert _lines(*reversed(SAME[at])) == ([], [])


CASES: list[tuple[list[Json], list[Json], list[str], list[str]]] = [
    (
        [WRITE],
        [_with(WRITE, Action=[*WRITE["Action"], "dynamodb:DeleteItem"])],
        [f"+ allows dynamodb:DeleteItem on {TABLE} (Write)"],
        [],
    ),
    (
        [WRITE],
        [_with(WRITE, Action="dynamodb:*")],
        [f"+ allows dynamodb:* on {TABLE}; before: dynamodb:PutItem, dynamodb:UpdateItem (Write)"],
        ["service-wide-actions"],
    ),
    (
        [_with(WRITE, Action="dynamodb:*")],
        [WRITE],
        [
            (
                f"- no longer allows dynamodb:* on {TABLE};"
                " still: dynamodb:PutItem, dynamodb:UpdateItem (Write)"
            )
        ],
        [],
    ),
    ([WRITE], [_with(WRITE, Action="*")], [f"+ allows * on {TABLE}"], ["all-actions"]),
    ([WRITE], [_with(WRITE, Resource="*")], ["+ allows dynamodb:PutItem"], ["all-resources"]),
    (
        [],
        [_statement("Allow", ["logs:DescribeLogGroups", "s3:ListAllMyBuckets"], "*")],
        ["+ allows logs:DescribeLogGroups, s3:ListAllMyBuckets on *"],
        [],
    ),
    (
        [HTTP, OLD_TLS],
        [OLD_TLS],
        [
            (
                f"- no longer denies s3:* on {BUCKET}/* to anyone"
                " when aws:SecureTransport is false (DenyPlainHttp)"
            )
        ],
        ["denial-dropped"],
    ),
    (
        [OLD_TLS],
        [_with(OLD_TLS, Condition={"NumericLessThan": {"s3:TlsVersion": "1.1"}})],
        [
            (
                f"~ denies s3:* on {BUCKET}/* to anyone: condition tightened:"
                " NumericLessThan s3:TlsVersion = 1.2 -> 1.1 (DenyOldTls)"
            )
        ],
        ["denial-weakened"],
    ),
    (
        [OLD_TLS],
        [_with(OLD_TLS, Condition={"NumericLessThan": {"s3:TlsVersion": "1.3"}})],
        ["~ denies s3:*"],
        [],
    ),
    (
        [EDGE],
        [_with(EDGE, Condition={"ArnLike": EDGE["Condition"]["ArnLike"]})],
        [
            (
                f"~ allows s3:GetObject on {BUCKET}/* to cloudfront.amazonaws.com:"
                " condition dropped: StringEquals aws:SourceAccount = 123456789012 (Edge)"
            )
        ],
        ["condition-loosened"],
    ),
    (
        [_with(EDGE, Condition=None)],
        [EDGE],
        [f"~ allows s3:GetObject on {BUCKET}/* to cloudfront.amazonaws.com: condition added: "],
        [],
    ),
    (
        [EDGE],
        [_with(EDGE, Principal="*")],
        ["+ allows s3:GetObject", "- no longer allows s3:GetObject"],
        ["public"],
    ),
    (
        [LIST],
        [_with(LIST, Condition={"StringLike": {"s3:prefix": ["env:/", "*"]}})],
        [
            (
                f"~ allows s3:ListBucket on {STATE}: condition loosened:"
                " StringLike s3:prefix = dev/*, env:/ -> * (ListStates)"
            )
        ],
        ["condition-loosened"],
    ),
    (
        [TOPIC],
        [_with(TOPIC, Condition={"StringEquals": {"aws:SourceAccount": "210987654321"}})],
        [
            (
                "~ allows sns:Publish on ${aws_sns_topic.alarms.arn} to cloudwatch.amazonaws.com:"
                " condition changed: StringEquals aws:SourceAccount = 123456789012 -> 210987654321"
                " (Publish)"
            )
        ],
        ["condition-changed"],
    ),
    (
        [TRUST],
        [_with(TRUST, Condition={"StringLike": {"github:sub": "repo:co2/*"}})],
        ["~ allows sts:AssumeRoleWithWebIdentity to arn:aws:iam::123456789012:oidc-provider/g"],
        ["privilege-escalation", "condition-loosened"],
    ),
    (
        [PASS],
        [_with(PASS, Condition=None)],
        [
            (
                "~ allows iam:PassRole on arn:aws:iam::123456789012:role/co2-analysis-dev-*:"
                " condition dropped: StringEquals iam:PassedToService = lambda.amazonaws.com (Pass)"
            )
        ],
        ["pass-role", "condition-loosened"],
    ),
    (
        [],
        [_statement("Allow", "iam:*", "arn:aws:iam::1:role/x")],
        ["+ allows iam:* on arn:aws:iam::1:role/x"],
        ["pass-role", "privilege-escalation", "service-wide-actions"],
    ),
    (
        [],
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": TABLE}],
        [f"+ allows everything except iam:* on {TABLE}"],
        ["everything-except"],
    ),
    (
        [URL],
        [_with(URL, Principal="*", Condition={"StringEquals": {"lambda:X": "NONE"}})],
        ["+ allows lambda:InvokeFunctionUrl", "- no longer allows lambda:InvokeFunctionUrl"],
        ["public"],
    ),
]


@pytest.mark.parametrize("at", range(len(CASES)))
def test_a_change_of_rights_has_its_lines_and_dangers(at: int) -> None:
    before, after, expected, kinds = CASES[at]
    lines, dangers = _lines(before, after)
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))
    assert dangers == kinds


@pytest.mark.parametrize("at", range(len(ALL)))
@pytest.mark.parametrize("drop", [True, False])
def test_a_statement_that_comes_or_goes_is_one_line(at: int, drop: bool) -> None:
    rest = [one for one in ALL if one is not ALL[at]]
    lines, _ = _lines(ALL, rest) if drop else _lines(rest, ALL)
    assert len(lines) == 1
    verb = {"Allow": "allows", "Deny": "denies"}[ALL[at]["Effect"]]
    assert lines[0].startswith(f"- no longer {verb}" if drop else f"+ {verb}")
    assert lines[0].endswith(f"({ALL[at]['Sid']})")


@pytest.mark.parametrize("at", range(len(ALL)))
@pytest.mark.parametrize(
    "change",
    [
        {"Resource": "arn:aws:x:::new"},
        {"Action": "x:New"},
        {"Condition": {"Bool": {"aws:New": "true"}}},
        {"Principal": {"AWS": "arn:aws:iam::210987654321:role/new"}},
    ],
)
def test_each_element_of_each_policy_is_compared(at: int, change: Json) -> None:
    changed = [{**one, **change} if one is ALL[at] else one for one in ALL]
    lines, _ = _lines(ALL, changed)
    assert lines
    assert "ew" in "".join(lines)
    assert not any("{" in line.replace("${", "") or "\\" in line for line in lines)


LOOSENED = [
    ({"StringEquals": {"k": "a"}}, {"StringEquals": {"k": ["a", "b"]}}),
    ({"StringEquals": {"k": "a"}}, {"StringEqualsIfExists": {"k": "a"}}),
    ({"StringEquals": {"k": "ab"}}, {"StringLike": {"k": "a*"}}),
    ({"StringEquals": {"k": "A"}}, {"StringEqualsIgnoreCase": {"k": "a"}}),
    ({"StringNotEquals": {"k": ["a", "b"]}}, {"StringNotEquals": {"k": "a"}}),
    ({"StringNotLike": {"k": "a*"}}, {"StringNotEquals": {"k": "ab"}}),
    ({"NumericLessThan": {"k": "1"}}, {"NumericLessThanEquals": {"k": "2"}}),
    ({"NumericGreaterThan": {"k": "2"}}, {"NumericGreaterThan": {"k": "1"}}),
    ({"IpAddress": {"k": "10.1.0.0/16"}}, {"IpAddress": {"k": "10.0.0.0/8"}}),
    ({"NotIpAddress": {"k": "10.0.0.0/8"}}, {"NotIpAddress": {"k": "10.1.0.0/16"}}),
    ({"ArnLike": {"k": "arn:aws:s3:::a"}}, {"ArnLike": {"k": "arn:aws:s3:::*"}}),
    ({"ForAnyValue:StringEquals": {"k": "a"}}, {"ForAnyValue:StringLike": {"k": "a*"}}),
    (
        {"ForAnyValue:StringNotEquals": {"k": "a"}},
        {"ForAnyValue:StringNotEqualsIfExists": {"k": "a"}},
    ),
    ({"StringEquals": {"k": "a"}, "Bool": {"b": "true"}}, {"StringEquals": {"k": "a"}}),
]
UNDECIDED = [
    ({"StringEquals": {"k": "a"}}, {"StringEquals": {"k": "b"}}),
    ({"StringEquals": {"k": "a"}}, {"StringEquals": {"other": "a"}}),
    ({"StringEqualsIfExists": {"k": "a"}}, {"StringEquals": {"k": ["a", "b"]}}),
    ({"StringEquals": {"k": "a"}}, {"ForAllValues:StringEquals": {"k": "a"}}),
    ({"StringEquals": {"k": "${aws:username}"}}, {"StringLike": {"k": "?*"}}),
    ({"DateLessThan": {"k": "2026-01-01"}}, {"DateLessThan": {"k": "2027-01-01"}}),
]


@pytest.mark.parametrize(
    ("strong", "weak", "words"),
    [
        *((strong, weak, ("loosened", "tightened")) for strong, weak in LOOSENED),
        *((strong, weak, ("changed", "changed")) for strong, weak in UNDECIDED),
    ],
)
def test_a_condition_is_loosened_only_if_that_is_certain(
    strong: Json, weak: Json, words: tuple[str, str]
) -> None:
    documents = [
        {"Version": "2012-10-17", "Statement": _with(WRITE, Condition=one)}
        for one in (strong, weak)
    ]
    for (before, after), word in zip((documents, documents[::-1]), words, strict=True):
        (change,) = compare(before, after).changes
        assert (change.sign, change.direction.value) == ("~", word)


def test_an_exclusion_of_more_principals_is_narrower() -> None:
    one, two = (
        {"Statement": {"Effect": "Deny", "Action": "s3:*", "NotPrincipal": {"AWS": names}}}
        for names in (["111122223333"], ["111122223333", "444455556666"])
    )
    assert [danger.kind.value for danger in compare(one, two).dangers] == ["denial-dropped"]
    assert [danger.kind.value for danger in compare(two, one).dangers] == []


def test_many_actions_are_shortened_in_the_line_and_complete_in_the_data() -> None:
    actions = [f"ec2:Action{number}" for number in range(100)] + ["iam:PassRole"]
    found = compare(None, {"Statement": _statement("Allow", actions, TABLE)})
    assert found.lines[0].startswith("+ allows 101 actions (iam:PassRole, ec2:Action0, ")
    assert len(found.lines[0]) < 300
    assert set(actions) == set(found.document()["changes"][0]["after"][0]["Action"])  # type: ignore[index]


def test_the_most_dangerous_change_is_first() -> None:
    lines, _ = _lines([HTTP], [WRITE, PASS, _with(EDGE, Principal="*")])
    assert "to anyone" in lines[0]
    assert "no longer denies" in lines[1]
    assert "iam:PassRole" in lines[2]


def test_a_denial_of_a_wider_pattern_does_not_hide_a_dropped_one() -> None:
    narrow = _with(HTTP, Resource=[f"{BUCKET}/data/*"], Sid="Narrow")
    assert _lines([HTTP, narrow], [HTTP]) == ([], [])
    lines, kinds = _lines([HTTP, narrow], [narrow])
    assert kinds == ["denial-dropped"]
    assert len(lines) == 1


@pytest.mark.parametrize(
    "document",
    [
        "{", "[]", {}, {"Statement": [1]}, {"Statement": {"Effect": "Maybe", "Action": "x:y"}},
        {"Statement": {"Effect": "Allow"}}, {"Statement": [], "Version": "2020-01-01"},
        {"Statement": {"Effect": "Allow", "Action": "a:b", "NotAction": "a:c"}},
        {"Statement": {"Effect": "Allow", "Action": [None]}}, "[" * 100_000,
        '{"Statement": [], "Statement": []}',
        {"Statement": {"Effect": "Allow", "Action": "a:b", "Principal": "123456789012"}},
        {"Statement": {"Effect": "Allow", "Action": "a:b", "Resources": "*"}},
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(document: object) -> None:
    with pytest.raises(PolicyError):
        compare(document, None)


def test_a_thousand_statements_are_compared_in_a_second() -> None:
    def document(change: int) -> str:
        statements = [
            _statement(
                "Allow",
                [f"svc{n % 40}:Get*", f"svc{n % 40}:Put{n}"],
                [f"arn:aws:s3:::bucket-{n}/*", f"arn:aws:s3:::bucket-{n + change * (n % 50 == 0)}"],
                Condition={"StringEquals": {"aws:SourceAccount": [str(n % 50)]}},
            )
            for n in range(1000)
        ]
        return json.dumps({"Statement": statements})

    start = time.process_time()
    found = compare(document(0), document(10_000))
    assert len(found.lines) == 2 * 20
    assert time.process_time() - start < 2  # 0.4 s, with room for a busy machine


# --- Permissions of a function -----------------------------------------------------------------

PERMISSION = {
    "action": "lambda:InvokeFunctionUrl",
    "function_name": "co2-analysis",
    "principal": "cloudfront.amazonaws.com",
    "qualifier": "live",
    "source_arn": "arn:aws:cloudfront::111122223333:distribution/A",
    "function_url_auth_type": "AWS_IAM",
}


def _permission(before: Any, after: Any, **others: Any) -> Item:
    return item(change("aws_lambda_permission.url", before, after, **others))


def test_a_permission_of_a_function_is_read_as_rights() -> None:
    new = _permission(None, PERMISSION, actions=["create"])
    ((path, (line,)),) = new.rights
    assert path == "permission"
    assert line == (
        "+ allows lambda:InvokeFunctionUrl on co2-analysis:live to cloudfront.amazonaws.com"
        " when ArnLike AWS:SourceArn = arn:aws:cloudfront::111122223333:distribution/A"
        " and StringEquals lambda:FunctionUrlAuthType = AWS_IAM"
    )
    assert kinds(new) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"principal": "*"}, {"public"}),
        ({"source_arn": None}, {"condition-loosened"}),
        ({"source_arn": "arn:aws:cloudfront::111122223333:distribution/*"}, {"condition-loosened"}),
        ({"statement_id": "other"}, set()),
    ],
)
def test_a_wider_permission_of_a_function_is_dangerous(
    values: dict[str, Any], expected: set[str]
) -> None:
    wider = _permission(PERMISSION, {**PERMISSION, **values}, actions=["delete", "create"])
    assert set(kinds(wider)) == expected


def test_a_permission_of_a_function_that_is_not_there_yet_is_readable() -> None:
    one = _permission(
        None,
        {key: PERMISSION[key] for key in ("action", "principal")},
        actions=["create"],
        after_unknown={"function_name": True, "id": True},
    )
    assert "on (known after apply) to cloudfront.amazonaws.com" in one.rights[0][1][0]
