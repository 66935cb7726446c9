"""Application Auto Scaling of a provisioned table and its index."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.appautoscaling_policy import (
    AppautoscalingPolicy,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification,
)
from cdktf_cdktf_provider_aws.appautoscaling_target import AppautoscalingTarget

from modules.catalogue import SCALING
from modules.settings import Autoscaling
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class TableAutoscalingConfig:
    """The table to scale, and the range and target of its capacity."""

    table: str
    settings: Autoscaling


def add_table_autoscaling(
    stack: LayerStack, id_: str, config: TableAutoscalingConfig
) -> list[AppautoscalingPolicy]:
    """Add targets and policies for reads and writes of table and index; return the policies.

    The index scales too: when its writes are throttled, so are the table's.
    """
    settings = config.settings
    policies = []
    for scaling in SCALING:
        part = f"{id_}_{scaling.target}_{scaling.access.lower()}_scaling"
        target = AppautoscalingTarget(
            stack,
            part,
            service_namespace="dynamodb",
            resource_id=scaling.resource_id(config.table),
            scalable_dimension=scaling.dimension,
            min_capacity=settings.minimum,
            max_capacity=settings.maximum,
        )
        metric = AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification(  # noqa: E501 - the bindings' name
            predefined_metric_type=scaling.metric
        )
        policies.append(
            AppautoscalingPolicy(
                stack,
                f"{part}_policy",
                name=stack.naming.scaling_policy(scaling.target, scaling.access),
                service_namespace=target.service_namespace,
                resource_id=target.resource_id,
                scalable_dimension=target.scalable_dimension,
                policy_type="TargetTrackingScaling",
                target_tracking_scaling_policy_configuration=(
                    AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration(
                        target_value=settings.target_percent,
                        predefined_metric_specification=metric,
                    )
                ),
            )
        )
    return policies
