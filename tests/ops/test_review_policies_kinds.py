"""The difference of each kind of policy, applied to the rights before, gives the rights after."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from ops.review.policies import PolicyChange, compare
from tests.review.building import change, item, kinds

Json = dict[str, Any]
Principal = tuple[str, str]

ACCOUNT, OTHER = "111122223333", "444455556666"
ROLE = ("AWS", f"arn:aws:iam::{ACCOUNT}:role/r")
USER = ("AWS", f"arn:aws:iam::{OTHER}:user/u")
CLOUDFRONT = ("Service", "cloudfront.amazonaws.com")
LAMBDA = ("Service", "lambda.amazonaws.com")
GITHUB = ("Federated", f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com")
ROOTS = (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{OTHER}:root")
_SUBJECT = "token.actions.githubusercontent.com:sub"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A kind of policy: where it stands in Terraform, and the requests that it decides about.

    Each request has an action, a resource, a principal and a context; the ``..._texts`` are how a
    statement names them.
    """

    type: str
    attribute: str = "policy"
    actions: tuple[str, ...]
    action_texts: tuple[str, ...]
    resources: tuple[str, ...] = ("arn:aws:none:::none",)
    resource_texts: tuple[str, ...] = ()
    principals: tuple[Principal, ...] = (ROLE,)
    contexts: tuple[dict[str, str], ...]
    # What a condition may test: operator, key, values.
    tests: tuple[tuple[str, str, tuple[str, ...]], ...]
    names_principals: bool = field(default=True)


_ARN = "arn:aws:{0}:us-east-1:111122223333:{1}".format
POLICIES = {
    "identity": Policy(
        type="aws_iam_role_policy",
        names_principals=False,
        actions=("dynamodb:GetItem", "dynamodb:PutItem", "iam:PassRole"),
        action_texts=("dynamodb:GetItem", "dynamodb:*Item", "dynamodb:*", "DynamoDB:putitem", "*",
                      "iam:PassRole", "iam:*"),
        resources=(_ARN("dynamodb", "table/t"),
                   _ARN("dynamodb", "table/t/index/i"),
                   f"arn:aws:iam::{ACCOUNT}:role/r"),
        resource_texts=(_ARN("dynamodb", "table/t"), _ARN("dynamodb", "table/t/index/*"),
                        _ARN("dynamodb", "*"), "*", f"arn:aws:iam::{ACCOUNT}:role/r"),
        contexts=({}, {"dynamodb:leadingkeys": "a"},
                  {"iam:passedtoservice": "lambda.amazonaws.com"}),
        tests=(
            ("StringEquals", "iam:PassedToService", ("lambda.amazonaws.com", "ec2.amazonaws.com")),
            ("ForAllValues:StringLike", "dynamodb:LeadingKeys", ("a", "a*", "b")),
        ),
    ),
    "bucket": Policy(
        type="aws_s3_bucket_policy",
        actions=("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
        action_texts=("s3:GetObject", "s3:*Object", "s3:*", "s3:ListBucket", "S3:Get*"),
        resources=("arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::a/private/y"),
        resource_texts=("arn:aws:s3:::a", "arn:aws:s3:::a/*", "arn:aws:s3:::a/private/*", "*"),
        principals=(ROLE, USER, CLOUDFRONT),
        contexts=({"aws:securetransport": "true"}, {"aws:securetransport": "false"},
                  {"aws:securetransport": "true", "aws:sourcearn": "arn:aws:cloudfront::1:d/a"}),
        tests=(
            ("Bool", "aws:SecureTransport", ("true", "false")),
            ("ArnLike", "aws:SourceArn",
             ("arn:aws:cloudfront::1:d/a", "arn:aws:cloudfront::1:d/*")),
        ),
    ),
    "key": Policy(
        type="aws_kms_key",
        actions=("kms:Decrypt", "kms:GenerateDataKey", "kms:PutKeyPolicy"),
        action_texts=("kms:Decrypt", "kms:GenerateDataKey*", "kms:*", "kms:Put*"),
        resource_texts=("*",),
        principals=(ROLE, USER, CLOUDFRONT),
        contexts=({"kms:viaservice": "s3.us-east-1.amazonaws.com"}, {"kms:viaservice": "sns"}, {}),
        tests=(("StringEquals", "kms:ViaService", ("s3.us-east-1.amazonaws.com", "sns")),
               ("StringLikeIfExists", "kms:ViaService", ("s3.*", "*"))),
    ),
    "topic": Policy(
        type="aws_sns_topic_policy",
        actions=("sns:Publish", "sns:Subscribe"),
        action_texts=("sns:Publish", "SNS:Publish", "sns:*", "sns:Sub*"),
        resources=(_ARN("sns", "t"),),
        resource_texts=(_ARN("sns", "t"), _ARN("sns", "*"), "*"),
        principals=(ROLE, USER, ("Service", "cloudwatch.amazonaws.com")),
        contexts=({}, {"aws:sourceaccount": ACCOUNT}, {"aws:sourceaccount": OTHER}),
        tests=(("StringEquals", "aws:SourceAccount", (ACCOUNT, OTHER)),
               ("StringNotEquals", "aws:SourceAccount", (ACCOUNT,))),
    ),
    "function": Policy(
        # Terraform has no document of it: a review makes statements of `aws_lambda_permission`.
        type="aws_lambda_function",
        actions=("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"),
        action_texts=("lambda:InvokeFunctionUrl", "lambda:Invoke*", "lambda:*"),
        resources=(_ARN("lambda", "function:f"), _ARN("lambda", "function:f:live")),
        resource_texts=(_ARN("lambda", "function:f"), _ARN("lambda", "function:f:*"), "*"),
        principals=(ROLE, CLOUDFRONT),
        contexts=({"lambda:functionurlauthtype": "AWS_IAM"},
                  {"lambda:functionurlauthtype": "NONE"}),
        tests=(("StringEquals", "lambda:FunctionUrlAuthType", ("AWS_IAM", "NONE")),),
    ),
    "trust": Policy(
        type="aws_iam_role",
        attribute="assume_role_policy",
        actions=("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"),
        action_texts=("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:*", "sts:Assume*"),
        principals=(ROLE, USER, LAMBDA, GITHUB),
        contexts=({}, {_SUBJECT: "repo:o/r:ref:refs/heads/main"},
                  {_SUBJECT: "repo:o/r:pull_request"}),
        tests=(("StringLike", _SUBJECT, ("repo:o/r:*", "repo:o/r:ref:refs/heads/main", "*")),
               ("StringEquals", _SUBJECT, ("repo:o/r:pull_request",))),
    ),
}  # fmt: skip
# 17 of each kind are 102 changes.
EXAMPLES = 17


def _some(texts: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(texts) | st.lists(st.sampled_from(texts), min_size=1, max_size=3)


@st.composite
def _statements(draw: st.DrawFn, policy: Policy) -> Json:
    found: Json = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(_some(policy.action_texts)),
    }
    if policy.resource_texts:
        name = draw(st.sampled_from(["Resource", "Resource", "NotResource"]))
        found[name] = draw(_some(policy.resource_texts))
    if policy.names_principals:
        each = [{kind: text} for kind, text in policy.principals]
        roots = [{"AWS": root} for root in ROOTS]
        name = draw(st.sampled_from(["Principal"] * 4 + ["NotPrincipal"]))
        found[name] = draw(st.sampled_from(["*", {"AWS": "*"}, *each, *roots]))
    if draw(st.booleans()):
        operator, key, values = draw(st.sampled_from(policy.tests))
        found["Condition"] = {operator: {key: draw(_some(values))}}
    return found


@st.composite
def _pairs(draw: st.DrawFn, policy: Policy) -> tuple[Json, Json]:
    """Two documents that differ and have statements in common, some with one element changed."""
    before = draw(st.lists(_statements(policy), max_size=4))
    after = draw(st.lists(_statements(policy), max_size=2))
    for statement in before:
        fate = draw(st.sampled_from(["kept", "kept", "element", "condition", "dropped"]))
        other = draw(_statements(policy))
        if fate == "element":
            name = draw(
                st.sampled_from(sorted(statement.keys() & other.keys() - {"Effect"} or {"Effect"}))
            )
            after.append({**statement, name: other[name]})
        elif fate == "condition":
            after.append({key: one for key, one in statement.items() if key != "Condition"})
        elif fate == "kept":
            after.append(statement)
    after = draw(st.permutations(after))
    return ({"Version": "2012-10-17", "Statement": before},
            {"Version": "2012-10-17", "Statement": after})  # fmt: skip


def _names(value: Any, principal: Principal) -> bool:
    """Return whether an element names a principal, itself or by its account."""
    kind, text = principal
    named = value.get(kind, []) if isinstance(value, dict) else []
    texts = [named] if isinstance(named, str) else list(named)
    everyone = value == "*" or (isinstance(value, dict) and value.get("AWS") in ("*", ["*"]))
    account = text.split(":")[4] if kind == "AWS" else ""
    return everyone or text in texts or (
        bool(account) and bool({account, f"arn:aws:iam::{account}:root"} & set(texts))
    )  # fmt: skip


def _rights(policy: Policy, statements: list[Json], effect: str) -> set[tuple[Any, ...]]:
    """Return the requests to which the effect applies, as the emulator evaluates them."""
    found = set()
    for statement in statements:
        if statement["Effect"] != effect:
            continue
        alone = {key: one for key, one in statement.items() if not key.endswith("Principal")}
        alone |= {"Effect": "Allow"}
        if not {"Resource", "NotResource"} & alone.keys():
            alone["Resource"] = "*"
        parsed = [parse_policy_document({"Statement": [alone]})]
        for action, resource, at in product(
            policy.actions, policy.resources, range(len(policy.contexts))
        ):
            context = EvalContext(
                principal_arn="", principal_type="User", principal_account="", region="",
                action=action, resource_arn=resource, source_ip=None,
                secure_transport=policy.contexts[at].get("aws:securetransport") == "true",
                service_context=policy.contexts[at], principal_keys=dict(policy.contexts[at]),
            )  # fmt: skip
            if evaluate(context, parsed).decision != "Allow":
                continue
            for principal in policy.principals:
                if "NotPrincipal" in statement:
                    applies = not _names(statement["NotPrincipal"], principal)
                else:
                    applies = "Principal" not in statement or _names(
                        statement["Principal"], principal
                    )
                if applies:
                    found.add((principal, action, resource, at))
    return found


def _applied(
    policy: Policy, found: PolicyChange, rights: set[tuple[Any, ...]], effect: str
) -> set[tuple[Any, ...]]:
    """Return the rights after: without the lost ones, with what stays of them and what is new."""
    lost, kept, gained = [], [], []
    for one in found.changes:
        lost += [each.statement() for each in one.before]
        gained += [each.statement() for each in one.after]
        if one.before:
            kept += [each.statement() for each in found.still(one)]
    return (
        rights - _rights(policy, lost, effect)
        | _rights(policy, kept, effect)
        | _rights(policy, gained, effect)
    )


@pytest.mark.parametrize("kind", POLICIES)
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_difference_applied_to_the_rights_before_gives_the_rights_after(
    kind: str, data: st.DataObject
) -> None:
    policy = POLICIES[kind]
    before, after = data.draw(_pairs(policy).filter(lambda pair: pair[0] != pair[1]))
    found = compare(before, after)
    differ = False
    for effect in ("Allow", "Deny"):
        old, new = (_rights(policy, one["Statement"], effect) for one in (before, after))
        assert _applied(policy, found, old, effect) == new
        gained = [each.statement() for one in found.changes for each in one.after]
        assert new - old <= _rights(policy, gained, effect)
        differ = differ or old != new
    assert bool(found) or not differ
    # The review says the same: by lines, and dangerous where the comparison says so.
    texts = [json.dumps(one) for one in (before, after)]
    one = item(change(f"{policy.type}.one", *({policy.attribute: text} for text in texts)))
    assert [line for _, lines in one.rights for line in lines] == list(found.lines)
    assert set(kinds(one)) == {danger.kind.value for danger in found.dangers}


@pytest.mark.parametrize("kind", POLICIES)
def test_the_requests_of_each_kind_differ(kind: str) -> None:
    """Every request is allowed by some statement and not by another one, or it tests nothing."""
    policy = POLICIES[kind]
    everyone: Json = {"Principal": "*"} if policy.names_principals else {}
    for action in policy.actions:
        statement = {"Effect": "Allow", "Action": action, **everyone}
        rights = _rights(policy, [statement], "Allow")
        assert {one[1] for one in rights} == {action}
    for principal in policy.principals if policy.names_principals else ():
        named = {"Effect": "Allow", "Action": "*", "Principal": {principal[0]: principal[1]}}
        assert {one[0] for one in _rights(policy, [named], "Allow")} == {principal}
    for operator, key, values in policy.tests:
        tested = {
            "Effect": "Allow",
            "Action": "*",
            **everyone,
            "Condition": {operator: {key: values[0]}},
        }
        met = {one[3] for one in _rights(policy, [tested], "Allow")}
        assert met, (operator, key)
