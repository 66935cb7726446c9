"""A policy document that a plan shows statement by statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.data_aws_iam_policy_document import (
    DataAwsIamPolicyDocument,
    DataAwsIamPolicyDocumentStatement,
    DataAwsIamPolicyDocumentStatementCondition,
    DataAwsIamPolicyDocumentStatementPrincipals,
)

from modules.iam import Statement
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class PolicyDocumentConfig:
    """The statements."""

    statements: Sequence[Statement]


def add_policy_document(
    stack: LayerStack, id_: str, config: PolicyDocumentConfig
) -> DataAwsIamPolicyDocument:
    """Add the document as a data source.

    If one value of a JSON text is known only after the apply, a plan hides the text as a whole; of
    a data source it hides that value.
    """
    statements = [_statement(statement) for statement in config.statements]
    return DataAwsIamPolicyDocument(stack, id_, statement=statements)


def _statement(statement: Statement) -> DataAwsIamPolicyDocumentStatement:
    return DataAwsIamPolicyDocumentStatement(
        sid=statement.sid,
        effect=statement.effect,
        actions=list(statement.actions),
        resources=list(statement.resources),
        principals=[
            DataAwsIamPolicyDocumentStatementPrincipals(type=kind, identifiers=_listed(identifiers))
            for kind, identifiers in statement.principals.items()
        ],
        condition=[
            DataAwsIamPolicyDocumentStatementCondition(
                test=test, variable=key, values=_listed(value)
            )
            for test, compared in statement.conditions.items()
            for key, value in compared.items()
        ],
    )


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
