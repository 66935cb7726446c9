"""Access logs of the distribution, delivered into a bucket without ACLs."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.cloudwatch_log_delivery import (
    CloudwatchLogDelivery,
    CloudwatchLogDeliveryS3DeliveryConfiguration,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery_destination import (
    CloudwatchLogDeliveryDestination,
    CloudwatchLogDeliveryDestinationDeliveryDestinationConfiguration,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery_source import CloudwatchLogDeliverySource

from modules.stack import EDGE_REGION, LayerStack

_BY_DAY = "{yyyy}/{MM}/{dd}"


def log_distribution(
    stack: LayerStack, distribution_arn: str, *, bucket_arn: str, folder: str
) -> None:
    """Have CloudFront write a log of every request below ``folder``, a folder for each day.

    This is what AWS calls standard logging v2; the older way needs a bucket with ACLs.
    """
    provider = stack.provider_for(EDGE_REGION)
    name = stack.naming.distribution_logs
    source = CloudwatchLogDeliverySource(
        stack,
        "logs_source",
        provider=provider,
        name=name,
        log_type="ACCESS_LOGS",
        resource_arn=distribution_arn,
    )
    destination = CloudwatchLogDeliveryDestination(
        stack,
        "logs_destination",
        provider=provider,
        name=name,
        output_format="w3c",
        delivery_destination_configuration=[
            CloudwatchLogDeliveryDestinationDeliveryDestinationConfiguration(
                destination_resource_arn=f"{bucket_arn}/{folder}"
            )
        ],
    )
    CloudwatchLogDelivery(
        stack,
        "logs_delivery",
        provider=provider,
        delivery_source_name=source.name,
        delivery_destination_arn=destination.arn,
        s3_delivery_configuration=[
            CloudwatchLogDeliveryS3DeliveryConfiguration(
                enable_hive_compatible_path=False, suffix_path=_BY_DAY
            )
        ],
    )
