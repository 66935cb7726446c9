"""Batches of conditional PartiQL statements, each of which succeeds or fails on its own.

BatchWriteItem takes no conditions; BatchExecuteStatement does, with the same 25 to a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.cache.backoff import THROTTLED, Backoff
from ops.cache.items import KEY, Item
from ops.common.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

BATCH = 25
"""Maximum number of statements in a request."""


@dataclass(frozen=True, kw_only=True)
class StatementKind:
    """How to build a statement, and the error code by which DynamoDB reports a failed condition."""

    build_statement: Callable[[Item], BatchStatementRequestTypeDef]
    condition_failed: str
    verb: str
    permission: str


def execute(
    dynamodb: DynamoDBClient,
    table: str,
    items: Sequence[Item],
    kind: StatementKind,
    backoff: Backoff,
) -> tuple[int, int]:
    """Run a statement for each of at most ``BATCH`` items, and retry the throttled ones.

    Returns the number of items that succeeded, and of those whose condition failed.

    Raises:
        OperatorError: AWS refused a statement, or throttled every request for two minutes.

    """
    succeeded = failed = 0

    def send(waiting: Sequence[Item]) -> list[Item]:
        nonlocal succeeded, failed
        statements = [kind.build_statement(item) for item in waiting]
        answer = backoff.call(lambda: dynamodb.batch_execute_statement(Statements=statements))
        throttled: list[Item] = []
        for item, response in zip(waiting, answer["Responses"], strict=True):
            error = response.get("Error")
            if error is None:
                succeeded += 1
            elif error.get("Code") == kind.condition_failed:
                failed += 1
            elif error.get("Code") in THROTTLED:
                throttled.append(item)
            else:
                raise OperatorError(
                    f"{table} refuses to {kind.verb} the item {item[KEY]['S']!r}: "
                    f"{error.get('Code')}, {error.get('Message')}",
                    remedy=f"for AccessDenied request {kind.permission} on the table",
                )
        return throttled

    backoff.drain(items, send)
    return succeeded, failed
