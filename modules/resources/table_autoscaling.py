"""Application Auto Scaling of a provisioned table and its index."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.appautoscaling_policy import (
    AppautoscalingPolicy,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification,
)
from cdktf_cdktf_provider_aws.appautoscaling_target import AppautoscalingTarget
from cdktf_cdktf_provider_aws.dynamodb_table import DynamodbTable

from modules.settings import Autoscaling
from modules.stack import LayerStack

_METRICS = {
    "Read": "DynamoDBReadCapacityUtilization",
    "Write": "DynamoDBWriteCapacityUtilization",
}


def scale_table(
    stack: LayerStack, *, table: DynamodbTable, index: str, range_: Autoscaling
) -> list[AppautoscalingPolicy]:
    """Scale reads and writes of the table and of its index, each on its own; return the policies.

    The index needs its own: when its writes are throttled, the table's are, too.
    """
    policies = []
    table_id = f"table/{table.name}"
    for what, resource_id in (("table", table_id), ("index", f"{table_id}/index/{index}")):
        for access, metric in _METRICS.items():
            id_ = f"cache_{what}_{access.lower()}_scaling"
            target = AppautoscalingTarget(
                stack,
                id_,
                service_namespace="dynamodb",
                resource_id=resource_id,
                scalable_dimension=f"dynamodb:{what}:{access}CapacityUnits",
                min_capacity=range_.minimum,
                max_capacity=range_.maximum,
            )
            policies.append(
                AppautoscalingPolicy(
                    stack,
                    f"{id_}_policy",
                    name=stack.naming.scaling_policy(what, access),
                    service_namespace=target.service_namespace,
                    resource_id=target.resource_id,
                    scalable_dimension=target.scalable_dimension,
                    policy_type="TargetTrackingScaling",
                    target_tracking_scaling_policy_configuration=_tracking(metric, range_),
                )
            )
    return policies


def _tracking(
    metric: str, range_: Autoscaling
) -> AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration:
    specification = (
        AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification(
            predefined_metric_type=metric
        )
    )
    return AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration(
        target_value=range_.target_percent, predefined_metric_specification=specification
    )
