"""IAM policy documents as values: readable in a plan, testable without Terraform."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement; ``principals`` maps a kind (``Service``, ``AWS``, ``*``) to identifiers."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    effect: str = "Allow"
    principals: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    conditions: Condition = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """Return the statement as IAM JSON, without empty elements."""
        everyone = self.principals == {"*": "*"}
        elements: dict[str, object] = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Principal": "*" if everyone else dict(self.principals),
            "Action": list(self.actions),
            "Resource": list(self.resources),
            "Condition": {name: dict(test) for name, test in self.conditions.items()},
        }
        return {key: value for key, value in elements.items() if value}


def policy(*statements: Statement) -> str:
    """Return the JSON of a policy document."""
    document = {
        "Version": "2012-10-17",
        "Statement": [statement.document() for statement in statements],
    }
    return json.dumps(document)


EVERYONE: Mapping[str, str] = {"*": "*"}


def service(name: str) -> Mapping[str, str]:
    """Return an AWS service, such as ``lambda.amazonaws.com``, as principals."""
    return {"Service": name}
