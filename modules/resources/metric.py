"""CloudWatch metrics as values, shared by alarms and the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modules.naming import METRICS_NAMESPACE

FIVE_MINUTES = 300
ONE_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of one resource. ``statistic`` is ``Sum``, ``Average``, ``p99`` and so on."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period_seconds: int = FIVE_MINUTES
    region: str | None = None


def table_metric(name: str, table: str, statistic: str, **dimensions: str) -> Metric:
    """Return a metric of a DynamoDB table, or with more dimensions of its index or operation."""
    return Metric(
        namespace="AWS/DynamoDB",
        name=name,
        dimensions={"TableName": table, **dimensions},
        statistic=statistic,
    )


def function_metric(name: str, function: str, statistic: str) -> Metric:
    """Return a metric that Lambda keeps of a function."""
    return Metric(
        namespace="AWS/Lambda",
        name=name,
        dimensions={"FunctionName": function},
        statistic=statistic,
    )


def cache_metric(name: str, function: str, statistic: str = "Sum") -> Metric:
    """Return a metric that the function itself writes into its log."""
    return Metric(
        namespace=METRICS_NAMESPACE,
        name=name,
        dimensions={"FunctionName": function},
        statistic=statistic,
    )


def bucket_metric(name: str, bucket: str, filter_id: str, statistic: str) -> Metric:
    """Return a request metric, which S3 keeps only where a metrics configuration asks for it."""
    return Metric(
        namespace="AWS/S3",
        name=name,
        dimensions={"BucketName": bucket, "FilterId": filter_id},
        statistic=statistic,
    )


def bucket_size(bucket: str) -> Metric:
    """Return a bucket's size in bytes, which S3 reports once a day."""
    return Metric(
        namespace="AWS/S3",
        name="BucketSizeBytes",
        dimensions={"BucketName": bucket, "StorageType": "StandardStorage"},
        statistic="Average",
        period_seconds=ONE_DAY,
    )


def distribution_metric(name: str, distribution: str, statistic: str) -> Metric:
    """Return a metric of a distribution; CloudFront reports to us-east-1, wherever that is used."""
    return Metric(
        namespace="AWS/CloudFront",
        name=name,
        dimensions={"DistributionId": distribution, "Region": "Global"},
        statistic=statistic,
        region="us-east-1",
    )
