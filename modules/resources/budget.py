"""A monthly budget that warns before the money is spent."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.budgets_budget import (
    BudgetsBudget,
    BudgetsBudgetCostFilter,
    BudgetsBudgetNotification,
)

from modules.catalogue import PROJECT
from modules.stack import LayerStack

_WARN_AT_PERCENT = 80
_FORECAST_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class BudgetConfig:
    """The monthly limit in US dollars, and the topic that gets the warnings."""

    monthly_usd: int
    topic_arn: str


def add_budget(stack: LayerStack, id_: str, config: BudgetConfig) -> None:
    """Add a budget for the project's costs in this account, with a warning and a forecast.

    Environments that share an account share the budget: several values of one filter are a union,
    so the environment's tag cannot narrow it. AWS attributes costs to the tag ``Project`` only once
    it has been activated as a cost allocation tag in the billing console.
    """
    BudgetsBudget(
        stack,
        id_,
        name=stack.naming.budget,
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=str(config.monthly_usd),
        limit_unit="USD",
        cost_filter=[
            BudgetsBudgetCostFilter(name="LinkedAccount", values=[stack.account_id]),
            BudgetsBudgetCostFilter(name="TagKeyValue", values=[f"user:Project${PROJECT}"]),
        ],
        notification=[
            _notification("ACTUAL", _WARN_AT_PERCENT, config.topic_arn),
            _notification("FORECASTED", _FORECAST_PERCENT, config.topic_arn),
        ],
    )


def _notification(kind: str, percent: int, topic_arn: str) -> BudgetsBudgetNotification:
    return BudgetsBudgetNotification(
        notification_type=kind,
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_sns_topic_arns=[topic_arn],
    )
