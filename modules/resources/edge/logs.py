"""Access logs of the distribution, delivered into a bucket without ACLs."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudwatch_log_delivery import (
    CloudwatchLogDelivery,
    CloudwatchLogDeliveryS3DeliveryConfiguration,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery_destination import (
    CloudwatchLogDeliveryDestination,
    CloudwatchLogDeliveryDestinationDeliveryDestinationConfiguration,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery_source import CloudwatchLogDeliverySource

from modules.catalogue import EDGE_REGION
from modules.stack import LayerStack

_BY_DAY = "{yyyy}/{MM}/{dd}"


@dataclass(frozen=True, kw_only=True)
class DistributionLogsConfig:
    """The distribution, and the bucket and folder of its access logs."""

    distribution_arn: str
    bucket_arn: str
    folder: str


def add_distribution_logs(stack: LayerStack, id_: str, config: DistributionLogsConfig) -> None:
    """Add standard logging v2 of CloudFront, with a folder for each day.

    The older standard logging needs a bucket with ACLs.
    """
    provider = stack.provider_for(EDGE_REGION)
    name = stack.naming.distribution_logs
    source = CloudwatchLogDeliverySource(
        stack,
        f"{id_}_source",
        provider=provider,
        name=name,
        log_type="ACCESS_LOGS",
        resource_arn=config.distribution_arn,
    )
    destination = CloudwatchLogDeliveryDestination(
        stack,
        f"{id_}_destination",
        provider=provider,
        name=name,
        output_format="w3c",
        delivery_destination_configuration=[
            CloudwatchLogDeliveryDestinationDeliveryDestinationConfiguration(
                destination_resource_arn=f"{config.bucket_arn}/{config.folder}"
            )
        ],
    )
    CloudwatchLogDelivery(
        stack,
        f"{id_}_delivery",
        provider=provider,
        delivery_source_name=source.name,
        delivery_destination_arn=destination.arn,
        s3_delivery_configuration=[
            CloudwatchLogDeliveryS3DeliveryConfiguration(
                enable_hive_compatible_path=False, suffix_path=_BY_DAY
            )
        ],
    )
