"""A monthly budget that warns before the money is spent."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.budgets_budget import (
    BudgetsBudget,
    BudgetsBudgetCostFilter,
    BudgetsBudgetNotification,
)

from modules.naming import PROJECT
from modules.stack import LayerStack

_WARN_AT_PERCENT = 80
_FORECAST_PERCENT = 100


def add_budget(stack: LayerStack, *, monthly_usd: int, topic_arn: str) -> None:
    """Add a budget for this account's part of the project, with a warning and a forecast.

    Environments that share the account share the budget: values of one filter add up, so the
    environment's tag cannot narrow the project's. AWS sees the tag in costs only once ``Project``
    has been activated as a cost allocation tag, in the billing console.
    """
    BudgetsBudget(
        stack,
        "monthly_budget",
        name=stack.naming.budget,
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=str(monthly_usd),
        limit_unit="USD",
        cost_filter=[
            BudgetsBudgetCostFilter(name="LinkedAccount", values=[stack.account_id]),
            BudgetsBudgetCostFilter(name="TagKeyValue", values=[f"user:Project${PROJECT}"]),
        ],
        notification=[
            _notification("ACTUAL", _WARN_AT_PERCENT, topic_arn),
            _notification("FORECASTED", _FORECAST_PERCENT, topic_arn),
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
