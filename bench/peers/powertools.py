"""A handler on Powertools for AWS Lambda, with its idempotency utility as the cache."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from bench.peers.question import ANSWER, fields, response

_logger = Logger(service="reasoning")
_metrics = Metrics(namespace="co2-analysis-peer", service="reasoning")
_asked_model: list[bool] = []


def _persistence() -> DynamoDBPersistenceLayer:
    table: str = parameters.get_parameter(os.environ["TABLE_PARAMETER"], max_age=300)
    return DynamoDBPersistenceLayer(table_name=table, key_attr="cache_key", expiry_attr="ttl")


@idempotent_function(
    data_keyword_argument="asked",
    persistence_store=_persistence(),
    config=IdempotencyConfig(expires_after_seconds=3600),
)
def _explain(*, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - the idempotency key
    _asked_model.append(True)
    return ANSWER


@_logger.inject_lambda_context
@_metrics.log_metrics
def handler(event: Any, _context: Any) -> dict[str, Any]:
    """Return the cached answer, or cache the constant one."""
    _asked_model.clear()
    reasoning = _explain(asked=fields(event))
    status = "MISS" if _asked_model else "HIT"
    _metrics.add_metric(name=f"Cache{status.title()}", unit=MetricUnit.Count, value=1)
    _logger.info("request", extra={"cache": status})
    return response(status, reasoning)
