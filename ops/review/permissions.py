"""The rights that `aws_lambda_permission` gives, as the statement that AWS makes of it."""

from __future__ import annotations

from collections.abc import Iterator

from ops.review.attributes import ABSENT, UNKNOWN, AttributeChange, Document
from ops.review.plan import Json, ResourceChange

_TYPE = "aws_lambda_permission"
# Which operator and key of a condition an attribute becomes.
_CONDITIONS = {
    "source_arn": ("ArnLike", "AWS:SourceArn"),
    "source_account": ("StringEquals", "AWS:SourceAccount"),
    "principal_org_id": ("StringEquals", "aws:PrincipalOrgID"),
    "event_source_token": ("StringEquals", "lambda:EventSourceToken"),
    "function_url_auth_type": ("StringEquals", "lambda:FunctionUrlAuthType"),
}


def compare(resource: ResourceChange) -> Iterator[AttributeChange]:
    """Yield the change of the rights, if the resource gives some."""
    change = resource.change
    if resource.type != _TYPE or not isinstance(change.after, dict):
        return
    before, after = _statement(change.before, None), _statement(change.after, change.unknown)
    if before != after:
        yield AttributeChange(
            path="permission",
            names=("permission",),
            before=ABSENT if before is None else Document(before),
            after=Document(after),
        )


def _statement(values: Json, unknown: Json) -> Json:
    if not isinstance(values, dict):
        return None
    later = unknown if isinstance(unknown, dict) else {}
    known = {
        **{name: value for name, value in values.items() if isinstance(value, str) and value},
        **{name: str(UNKNOWN) for name, is_later in later.items() if is_later is True},
    }
    qualifier = f":{known['qualifier']}" if "qualifier" in known else ""
    conditions: dict[str, dict[str, Json]] = {}
    for name, (operator, key) in _CONDITIONS.items():
        if name in known:
            conditions.setdefault(operator, {})[key] = known[name]
    statement: dict[str, Json] = {
        "Effect": "Allow",
        "Principal": _principal(known.get("principal", "")),
        "Action": known.get("action", ""),
        "Resource": f"{known.get('function_name', '')}{qualifier}",
        "Condition": dict(conditions),
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _principal(text: str) -> Json:
    if text == "*":
        return "*"
    return {"Service" if text.endswith(".amazonaws.com") else "AWS": text}
