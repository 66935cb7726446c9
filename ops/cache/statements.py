"""Batches of PartiQL statements, each of which succeeds or fails on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ops.cache.items import KEY, Item
from ops.cache.pace import THROTTLED, Pace
from ops.common.aws import Client
from ops.common.errors import OperatorError

BATCH = 25
"""Most statements that DynamoDB takes in one request."""

Statement = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the statements do: how one is spelled, how DynamoDB says that its condition failed."""

    spell: Callable[[Item], Statement]
    condition_failed: str
    verb: str
    right: str


def execute(
    dynamodb: Client, table: str, items: Sequence[Item], kind: Kind, pace: Pace
) -> tuple[int, int]:
    """Run a statement for each of at most ``BATCH`` items, until none is throttled any more.

    Returns how many succeeded, and how many were left out because their condition failed.

    Raises:
        OperatorError: AWS refuses a statement, or throttles everything for two minutes.

    """
    succeeded = left_out = 0
    waiting = list(items)
    while waiting:
        statements = [kind.spell(item) for item in waiting]
        answer = pace.call(lambda: dynamodb.batch_execute_statement(Statements=statements))  # noqa: B023
        again: list[Item] = []
        for item, response in zip(waiting, answer["Responses"], strict=True):
            error = response.get("Error")
            if error is None:
                succeeded += 1
            elif error.get("Code") == kind.condition_failed:
                left_out += 1
            elif error.get("Code") in THROTTLED:
                again.append(item)
            else:
                raise OperatorError(
                    f"{table} refuses to {kind.verb} the item {item[KEY]['S']!r}: "
                    f"{error.get('Code')}, {error.get('Message')}",
                    remedy=f"for AccessDenied ask for {kind.right} on the table",
                )
        if again:
            pace.throttled(partly=len(again) < len(waiting))
        waiting = again
    return succeeded, left_out
