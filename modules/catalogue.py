"""What exists, said once: buckets, table keys, parameters, variables, metrics, alarms, addresses.

Layers, settings, ops, tests and docs iterate over these rows. The module imports nothing that
starts Node, so reading it is cheap.

Texts with braces are ``str.format`` templates: ``{naming.function}`` is filled with the
environment's name of the function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

PROJECT = "co2-analysis"

# CloudFront requires its certificates and web ACLs here, and reports its logs and metrics here.
EDGE_REGION = "us-east-1"
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eusc-": "aws-eusc",
}


def partition(region: str) -> str:
    """Return the AWS partition of a Region, the second part of every ARN."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


# Domains of a partition's services, where it is not that of AWS.
_DNS_SUFFIXES = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
_CONSOLES = {
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}


def dns_suffix(region: str) -> str:
    """Return the domain of the services of a Region's partition, which key policies name."""
    return _DNS_SUFFIXES.get(partition(region), "amazonaws.com")


def console_host(region: str) -> str:
    """Return the host of the AWS console of a Region's partition."""
    return _CONSOLES.get(partition(region), "console.aws.amazon.com")


def bucket_arn(region: str, bucket: str) -> str:
    """Return the ARN of a bucket, which names neither Region nor account."""
    return f"arn:{partition(region)}:s3:::{bucket}"


class Layer(Enum):
    """The layers in dependency order, with the value of their ``Layer`` tag.

    No layer reads the bootstrap layer, which an administrator applies once for each environment.
    """

    BOOTSTRAP = ("bootstrap", "0-Bootstrap")
    BASE = ("base", "1-Foundation")
    STORAGE = ("storage", "3-Data")
    COMPUTE = ("compute", "4-Compute")
    FRONTEND = ("frontend", "5-Frontend")
    MONITORING = ("monitoring", "6-Observability")

    def __init__(self, key: str, tag: str) -> None:
        self.key = key
        self.tag = tag


# --- Buckets ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket: ``id`` is its Terraform name, ``name`` the end of its name in AWS.

    ``adopt`` is the setting below ``[adopt]`` that imports it, "" if nothing does. The switches say
    which of the environment's choices apply to it.
    """

    id: str
    name: str
    holds: str
    layer: Layer = Layer.STORAGE
    adopt: str = ""
    read_by_cloudfront: bool = False
    cross_origin: bool = False
    object_lock: bool = False
    versioned: bool = True
    logged: bool = True
    replicated: bool = True
    measured: bool = True

    def __post_init__(self) -> None:
        """Reject a row that no layer would build."""
        if self.layer is not Layer.STORAGE and self.id != "access_logs":
            raise ValueError(f"bucket {self.id}: only the storage layer builds buckets from rows")

    @property
    def key(self) -> str:
        """The bucket in alarm and parameter names."""
        return self.id.replace("_", "-")

    def parameter(self, what: str) -> str:
        """Return the path of the parameter with the bucket's ``name`` or ``arn``."""
        return f"storage/s3/{self.key}-bucket-{what}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The sub-resources that can be adopted, in the order of ``BUCKET_PARTS``."""
        optional = {"versioning": self.versioned, "cors": self.cross_origin, "logging": self.logged}
        return tuple(part for part in BUCKET_PARTS if optional.get(part, True))


BUCKET_PARTS = {
    "bucket": "aws_s3_bucket",
    "ownership": "aws_s3_bucket_ownership_controls",
    "public-access-block": "aws_s3_bucket_public_access_block",
    "encryption": "aws_s3_bucket_server_side_encryption_configuration",
    "policy": "aws_s3_bucket_policy",
    "versioning": "aws_s3_bucket_versioning",
    "lifecycle": "aws_s3_bucket_lifecycle_configuration",
    "cors": "aws_s3_bucket_cors_configuration",
    "logging": "aws_s3_bucket_logging",
}

STATIC_WEBSITE = Bucket(
    id="static_website",
    name="static-website",
    holds="static pages",
    adopt="static_website_bucket",
    read_by_cloudfront=True,
)
GEOJSON = Bucket(
    id="geojson",
    name="geojson-data",
    holds="CO2 observations",
    adopt="geojson_bucket",
    read_by_cloudfront=True,
    cross_origin=True,
    object_lock=True,
)
ACCESS_LOGS = Bucket(
    id="access_logs",
    name="access-logs",
    holds="access logs of the other buckets and the distribution",
    layer=Layer.BASE,
    adopt="access_log_bucket",
    versioned=False,
    logged=False,
    replicated=False,
    measured=False,
)

BUCKETS = (
    STATIC_WEBSITE,
    GEOJSON,
    ACCESS_LOGS,
)
DATA_BUCKETS = tuple(bucket for bucket in BUCKETS if bucket.layer is Layer.STORAGE)

# Name of the request metrics configuration of each bucket, a dimension of its metrics.
REQUEST_METRICS = "entire-bucket"


# --- The cache table -------------------------------------------------------------------------

TABLE_KEY = "cache_key"
INDEX = "cached-at-index"
INDEX_HASH_KEY = "cached_date"
INDEX_RANGE_KEY = "cached_at"
TTL_ATTRIBUTE = "ttl"
STREAM_VIEW = "NEW_AND_OLD_IMAGES"

# The key of an item with the Gemini calls of one UTC day: this prefix and YYYY-MM-DD.
BUDGET_KEY_PREFIX = "budget#"


@dataclass(frozen=True)
class Scaling:
    """A scalable dimension of the table or its index: capacity for reads or for writes."""

    target: Literal["table", "index"]
    access: Literal["Read", "Write"]

    def resource_id(self, table: str) -> str:
        """Return the resource id that Application Auto Scaling uses."""
        return f"table/{table}" if self.target == "table" else f"table/{table}/index/{INDEX}"

    @property
    def dimension(self) -> str:
        """The scalable dimension."""
        return f"dynamodb:{self.target}:{self.access}CapacityUnits"

    @property
    def metric(self) -> str:
        """The predefined metric of its target tracking policy."""
        return f"DynamoDB{self.access}CapacityUtilization"


SCALING = (
    Scaling("table", "Read"),
    Scaling("table", "Write"),
    Scaling("index", "Read"),
    Scaling("index", "Write"),
)


# --- Parameters and variables ----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter in Parameter Store: ``path`` is below the environment's root.

    ``value`` is a template over the settings (base layer) or over what the layer made. Where the
    setting ``operated`` is not set, operators own the value: Terraform only creates it. Where the
    setting ``needs`` is not set, there is no such parameter.
    """

    layer: Layer
    path: str
    value: str
    description: str
    operated: str = ""
    needs: str = ""

    @property
    def id(self) -> str:
        """The parameter's Terraform name, and outside the base layer its output's."""
        _, group, name = self.path.split("/")
        return (f"{group}_{name}" if self.layer is Layer.BASE else name).replace("-", "_")


def _config(path: str, value: str, description: str, operated: str = "") -> Parameter:
    return Parameter(
        layer=Layer.BASE,
        path=f"config/{path}",
        value=value,
        description=description,
        operated=operated,
    )


def _found(layer: Layer, path: str, value: str, description: str, needs: str = "") -> Parameter:
    return Parameter(
        layer=layer,
        path=f"{layer.key}/{path}",
        value=value,
        description=description,
        needs=needs,
    )


GEMINI_MODEL = _config("gemini/model", "{gemini.model}", "Model that explains an anomaly")
GEMINI_ENDPOINT = _config("gemini/endpoint", "{gemini.endpoint}", "Address of the Gemini API")
GEMINI_TIMEOUT = _config(
    "gemini/timeout-seconds", "{gemini.timeout_seconds}", "Timeout of a call to Gemini, in seconds"
)
GEMINI_CALLS_PER_DAY = _config(
    "gemini/calls-per-day", "{gemini.calls_per_day}", "Budget of calls to Gemini per UTC day"
)
GEMINI_LANGUAGE = _config(
    "gemini/language", "{gemini.language}", "Language of the answers, a BCP 47 tag"
)
CACHE_TTL = _config("cache/ttl-days", "{cache.ttl_days}", "Days that an answer is served")
CACHE_NAMESPACE = _config(
    "cache/namespace",
    "{cache.first_namespace}",
    "Part of every cache key: a new value invalidates the cache",
    # Going back to an old value would bring the old answers back.
    operated="cache.namespace",
)
CACHE_TABLE_NAME = _found(
    Layer.STORAGE, "dynamodb/cache-table-name", "{cache_table.name}", "Name of the cache table"
)

PARAMETERS = (
    GEMINI_MODEL,
    GEMINI_ENDPOINT,
    GEMINI_TIMEOUT,
    GEMINI_CALLS_PER_DAY,
    GEMINI_LANGUAGE,
    CACHE_TTL,
    CACHE_NAMESPACE,
    CACHE_TABLE_NAME,
    _found(
        Layer.STORAGE, "dynamodb/cache-table-arn", "{cache_table.arn}", "ARN of the cache table"
    ),
    _found(
        Layer.STORAGE,
        "dynamodb/stream-arn",
        "{cache_table.stream_arn}",
        "Stream of the cache table",
    ),
    *(
        Parameter(
            layer=Layer.STORAGE,
            path=bucket.parameter(what),
            value=f"{{buckets[{bucket.id}].{what}}}",
            description=description,
        )
        for bucket in DATA_BUCKETS
        for what, description in (
            ("name", f"Bucket of the {bucket.holds}"),
            ("arn", f"ARN of the bucket of the {bucket.holds}"),
        )
    ),
    _found(
        Layer.STORAGE,
        "cloudfront/oai-id",
        "{origin_access.reader_id}",
        "Origin access identity, or without one the origin access control",
    ),
    _found(Layer.COMPUTE, "lambda/function-name", "{function.name}", "Name of the cache Lambda"),
    _found(Layer.COMPUTE, "lambda/function-arn", "{function.arn}", "ARN of the cache Lambda"),
    _found(
        Layer.COMPUTE,
        "lambda/function-url",
        "{function.url}",
        "URL of the cache Lambda; requests must be signed",
    ),
    _found(
        Layer.COMPUTE,
        "lambda/function-alias",
        "{function.alias}",
        "Alias of the cache Lambda that the URL calls",
        needs="function.alias",
    ),
    _found(
        Layer.COMPUTE, "logs/log-group-name", "{naming.log_group}", "Log group of the cache Lambda"
    ),
    _found(
        Layer.FRONTEND, "cloudfront/distribution-id", "{distribution.id}", "Id of the distribution"
    ),
    _found(
        Layer.FRONTEND,
        "cloudfront/distribution-domain-name",
        "{distribution.domain_name}",
        "Host name that CloudFront gave to the distribution",
    ),
    _found(Layer.FRONTEND, "cloudfront/site-url", "{site_url}", "URL of the site"),
    _found(Layer.MONITORING, "sns/alarm-topic-arn", "{topic_arn}", "Topic of the alarms"),
    _found(
        Layer.MONITORING,
        "cloudwatch/health-alarm-name",
        "{health.alarm_name}",
        "Composite alarm: ALARM while any other is",
    ),
    _found(
        Layer.MONITORING,
        "cloudwatch/dashboard-url",
        "{dashboard_url}",
        "Dashboard in the AWS console",
        needs="monitoring.dashboard",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Output:
    """A Terraform output, which later layers read; ``value`` and ``needs`` as of a parameter."""

    layer: Layer
    name: str
    value: str
    description: str
    needs: str = ""


OUTPUTS = (
    *(
        Output(
            layer=Layer.BOOTSTRAP,
            name=f"state_bucket_{what}",
            value=f"{{state_bucket.{what}}}",
            description=f"{description} of the bucket of the states",
            needs="creates_state_bucket",
        )
        for what, description in (("name", "Name"), ("arn", "ARN"))
    ),
    Output(
        layer=Layer.BOOTSTRAP,
        name="state_key_arn",
        value="{key_arn}",
        description="ARN of the KMS key of the state bucket",
        needs="bootstrap.kms_key",
    ),
    *(
        Output(
            layer=Layer.BOOTSTRAP,
            name=f"{role}_role_arn",
            value=f"{{{role}_role_arn}}",
            description=f"ARN of the role that {what} the other layers",
            needs="deploy_roles",
        )
        for role, what in (("plan", "plans"), ("apply", "applies"))
    ),
    Output(
        layer=Layer.BOOTSTRAP,
        name="permissions_boundary_arn",
        value="{boundary_arn}",
        description="ARN of the permissions boundary of the roles of the other layers",
        needs="creates_boundary",
    ),
    Output(
        layer=Layer.BASE,
        name="parameter_root",
        value="{naming.parameters}",
        description="Root of the paths in Parameter Store",
    ),
    Output(
        layer=Layer.BASE,
        name="gemini_secret_arn",
        value="{secret.arn}",
        description="ARN of the secret that holds the Gemini API key",
    ),
    Output(
        layer=Layer.BASE,
        name="data_key_arn",
        value="{own_key}",
        description="ARN of the environment's own KMS key",
        needs="encryption.own_key",
    ),
    *(
        Output(
            layer=Layer.BASE,
            name=f"{ACCESS_LOGS.id}_bucket_{what}",
            value=f"{{{ACCESS_LOGS.id}.{what}}}",
            description=f"{description} of the bucket of the access logs",
            needs="buckets.access_logs_days",
        )
        for what, description in (("name", "Name"), ("arn", "ARN"))
    ),
    *(
        Output(
            layer=row.layer,
            name=row.id,
            value=row.value,
            description=row.description,
            needs=row.needs,
        )
        for row in PARAMETERS
        if row.layer is not Layer.BASE
    ),
    *(
        Output(
            layer=Layer.STORAGE,
            name=f"{bucket.id}_bucket_host",
            value=f"{{buckets[{bucket.id}].regional_domain_name}}",
            description=f"Host name of the bucket of the {bucket.holds}, in its Region",
        )
        for bucket in DATA_BUCKETS
    ),
    Output(
        layer=Layer.STORAGE,
        name="origin_access_control_id",
        value="{origin_access.control.id}",
        description="Origin access control of the buckets",
    ),
    Output(
        layer=Layer.STORAGE,
        name="origin_access_identity_path",
        value="{origin_access.identity.cloudfront_access_identity_path}",
        description="Origin access identity of the buckets, as an origin names it",
        needs="origin_identity",
    ),
    Output(
        layer=Layer.COMPUTE,
        name="function_url_id",
        value="{function.url_id}",
        description="First label of the host name of the function's URL",
    ),
    Output(
        layer=Layer.FRONTEND,
        name="viewer_tls_minimum",
        value="{viewer_tls}",
        description="Oldest TLS policy that CloudFront accepts from viewers: TLSv1.2_2021 with "
        "frontend.domain and its certificate, TLSv1 with CloudFront's own",
    ),
    Output(
        layer=Layer.MONITORING,
        name="dashboard_name",
        value="{naming.dashboard}",
        description="Name of the dashboard",
        needs="monitoring.dashboard",
    ),
)

# How release 1.0 named what later layers read, after ``cross-stack-output-``. A checkout of it
# still plans against the states that this one applies. To be removed in 3.0.
FORMER_OUTPUTS = {
    "aws_s3_bucketaccess_logsarn": "access_logs_bucket_arn",
    "aws_s3_bucketaccess_logsbucket": "access_logs_bucket_name",
    "aws_dynamodb_tablecachearn": "cache_table_arn",
    "aws_dynamodb_tablecachename": "cache_table_name",
    **{
        f"aws_s3_bucket{bucket.id}{attribute}": f"{bucket.id}_bucket_{what}"
        for bucket in (STATIC_WEBSITE, GEOJSON)
        for attribute, what in (("bucket", "name"), ("bucket_regional_domain_name", "host"))
    },
    "aws_cloudfront_origin_access_identityorigin_access_identitycloudfront_access_identity_path": (
        "origin_access_identity_path"
    ),
    "aws_cloudfront_origin_access_controlorigin_access_controlid": "origin_access_control_id",
    "aws_lambda_functionreasoningfunction_name": "function_name",
    "aws_lambda_function_urlreasoning_urlurl_id": "function_url_id",
    "aws_lambda_aliasreasoning_aliasname": "function_alias",
    "aws_cloudfront_distributiondistributionid": "distribution_id",
}

# The function's environment variables; one whose value is empty is left out.
VARIABLES = {
    "PARAMETER_PREFIX": "{naming.parameters}",
    "GEMINI_SECRET_ID": "{naming.gemini_secret}",
    # Not a parameter: who may change one must not be able to redirect the API key.
    "GEMINI_HOSTS": "{settings.gemini.host_list}",
    "CORS_ORIGINS": "{settings.function.cors_origin_list}",
    "BROWSER_SECONDS": "{settings.cache.browser_seconds}",
    "EDGE_SECONDS": "{settings.cache.edge_seconds}",
    "STALE_WHILE_REVALIDATE_SECONDS": "{settings.cache.stale_while_revalidate_seconds}",
    "CONSISTENT_READS": "{settings.cache.consistent_reads:d}",
}

# How long a process of the function keeps an answer and the parameters in memory.
ANSWER_MEMORY_SECONDS = 60
PARAMETER_MEMORY_SECONDS = 300


# --- Metrics ---------------------------------------------------------------------------------

Resource = Literal["table", "function", "bucket", "distribution"]

FIVE_MINUTES = 300
FIFTEEN_MINUTES = 900
ONE_HOUR = 3600
ONE_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A CloudWatch metric with the statistic that fits it; dimension values are templates.

    ``topic`` groups it in ``ops metrics``. Sources: "DynamoDB metrics and dimensions", "Amazon S3
    metrics and dimensions", "Lambda function metrics" and "CloudFront metrics" of the AWS
    documentation; the function emits its own in its log (embedded metric format).
    """

    topic: str
    resource: Resource
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    statistic: str = "Sum"
    period_seconds: int = FIVE_MINUTES
    region: str | None = None

    def of(self, name: str) -> Metric:
        """Return the metric of the resource called ``name``."""
        filled = {key: value.format(name) for key, value in self.dimensions.items()}
        return dataclasses.replace(self, dimensions=filled)

    def at(self, statistic: str) -> Metric:
        """Return the metric with another statistic."""
        return dataclasses.replace(self, statistic=statistic)

    def every(self, seconds: int) -> Metric:
        """Return the metric with another period."""
        return dataclasses.replace(self, period_seconds=seconds)

    @property
    def is_percentile(self) -> bool:
        """Whether the statistic is a percentile, such as p99."""
        return self.statistic.startswith("p")

    @property
    def needs_request_metrics(self) -> bool:
        """Whether S3 measures it only with a request metrics configuration."""
        return "FilterId" in self.dimensions


def _table(name: str, unit: str, statistic: str = "Sum", **dimensions: str) -> Metric:
    return Metric(
        topic="table",
        resource="table",
        namespace="AWS/DynamoDB",
        name=name,
        dimensions={"TableName": "{}", **dimensions},
        unit=unit,
        statistic=statistic,
    )


def _function(name: str, unit: str, statistic: str = "Sum") -> Metric:
    return Metric(
        topic="function",
        resource="function",
        namespace="AWS/Lambda",
        name=name,
        dimensions={"FunctionName": "{}"},
        unit=unit,
        statistic=statistic,
    )


def _emitted(
    name: str, unit: str = "answers", statistic: str = "Sum", period_seconds: int = FIVE_MINUTES
) -> Metric:
    return Metric(
        topic="answers",
        resource="function",
        namespace=PROJECT,
        name=name,
        dimensions={"FunctionName": "{}"},
        unit=unit,
        statistic=statistic,
        period_seconds=period_seconds,
    )


def _requests(name: str, unit: str) -> Metric:
    return Metric(
        topic="requests",
        resource="bucket",
        namespace="AWS/S3",
        name=name,
        dimensions={"BucketName": "{}", "FilterId": REQUEST_METRICS},
        unit=unit,
    )


def _stored_daily(name: str, storage: str, unit: str) -> Metric:
    return Metric(
        topic="data",
        resource="bucket",
        namespace="AWS/S3",
        name=name,
        dimensions={"BucketName": "{}", "StorageType": storage},
        unit=unit,
        statistic="Average",
        period_seconds=ONE_DAY,
    )


def _distribution(name: str, unit: str, statistic: str) -> Metric:
    return Metric(
        topic="site",
        resource="distribution",
        namespace="AWS/CloudFront",
        name=name,
        dimensions={"DistributionId": "{}", "Region": "Global"},
        unit=unit,
        statistic=statistic,
        region=EDGE_REGION,
    )


# What the function calls. Operators also query, which nobody waits for.
OPERATIONS = ("GetItem", "PutItem", "UpdateItem")

HIT = _emitted("CacheHit")
MISS = _emitted("CacheMiss")
STALE = _emitted("CacheStale")
COALESCED = _emitted("CacheCoalesced")
CACHE_READ_FAILURE = _emitted("CacheReadFailure", "errors")
CACHE_WRITE_FAILURE = _emitted("CacheWriteFailure", "errors")
UPSTREAM_ERROR = _emitted("UpstreamError", "errors")
UPSTREAM_LATENCY = _emitted("UpstreamLatency", "ms", "p95")
TOKENS_IN = _emitted("TokensIn", "tokens")
TOKENS_OUT = _emitted("TokensOut", "tokens")
TOKENS_THOUGHT = _emitted("TokensThought", "tokens")
# An hour, so that an alarm does not go off and on between two calls.
BUDGET_USED = _emitted("GeminiBudgetUsed", "percent", "Maximum", ONE_HOUR)
INVOCATIONS = _function("Invocations", "calls")
ERRORS = _function("Errors", "errors")
THROTTLES = _function("Throttles", "calls")
DURATION = _function("Duration", "ms", "p95")
CONCURRENCY = _function("ConcurrentExecutions", "calls", "Maximum")
READ_THROTTLES = _table("ReadThrottleEvents", "requests")
WRITE_THROTTLES = _table("WriteThrottleEvents", "requests")
INDEX_THROTTLES = tuple(
    _table(one.name, "requests", GlobalSecondaryIndexName=INDEX)
    for one in (READ_THROTTLES, WRITE_THROTTLES)
)
READ_UNITS = _table("ConsumedReadCapacityUnits", "units")
WRITE_UNITS = _table("ConsumedWriteCapacityUnits", "units")
LATENCY = {
    operation: _table("SuccessfulRequestLatency", "ms", "p99", Operation=operation)
    for operation in OPERATIONS
}
SYSTEM_ERRORS = {
    operation: _table("SystemErrors", "errors", Operation=operation) for operation in OPERATIONS
}
REQUESTS = _requests("AllRequests", "requests")
REQUESTS_REFUSED = _requests("4xxErrors", "errors")
REQUESTS_FAILED = _requests("5xxErrors", "errors")
BUCKET_SIZE = _stored_daily("BucketSizeBytes", "StandardStorage", "bytes")
OBJECT_COUNT = _stored_daily("NumberOfObjects", "AllStorageTypes", "objects")
SITE_REQUESTS = _distribution("Requests", "requests", "Sum")
SITE_4XX = _distribution("4xxErrorRate", "percent", "Average")
SITE_5XX = _distribution("5xxErrorRate", "percent", "Average")

# Each valid question is exactly one of these. All but misses are answered from the cache, and their
# share is the hit ratio.
ANSWERS = (HIT, MISS, STALE, COALESCED)
EMITTED = (
    *ANSWERS,
    CACHE_READ_FAILURE,
    CACHE_WRITE_FAILURE,
    UPSTREAM_ERROR,
    UPSTREAM_LATENCY,
    TOKENS_IN,
    TOKENS_OUT,
    TOKENS_THOUGHT,
    BUDGET_USED,
)
# `ops metrics` shows them in this order, CloudFront's apart.
METRICS = (
    *EMITTED,
    INVOCATIONS,
    ERRORS,
    THROTTLES,
    DURATION,
    READ_THROTTLES,
    WRITE_THROTTLES,
    *INDEX_THROTTLES,
    READ_UNITS,
    WRITE_UNITS,
    *LATENCY.values(),
    *SYSTEM_ERRORS.values(),
    BUCKET_SIZE,
    OBJECT_COUNT,
    REQUESTS,
    REQUESTS_REFUSED,
    REQUESTS_FAILED,
    CONCURRENCY,
    SITE_REQUESTS,
    SITE_4XX,
    SITE_5XX,
)


# --- Alarms ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm: a value above ``threshold`` for ``periods`` periods in a row.

    The value is the sum of ``metrics``, or what percentage of the sum of ``percent_of`` it is. A
    percentage or a percentile of few samples is noise: below ``at_least`` samples the value is 0.

    ``id`` ends the alarm's name; ``{}`` in it stands for a bucket. ``threshold`` is an attribute of
    ``[monitoring]`` or a number. ``runbook`` is the anchor of its section in docs/runbook.md.
    """

    id: str
    metrics: tuple[Metric, ...]
    threshold: str | int
    description: str
    runbook: str
    percent_of: tuple[Metric, ...] = ()
    at_least: int = 0
    periods: int = 1

    def __post_init__(self) -> None:
        """Reject a row that would give an alarm without data, or one on noise."""
        kinds = {(one.resource, one.period_seconds) for one in (*self.metrics, *self.percent_of)}
        if len(kinds) != 1:
            raise ValueError(f"alarm {self.id}: its metrics need one resource and one period")
        percentile = any(metric.is_percentile for metric in self.metrics)
        if percentile and (len(self.metrics) > 1 or self.percent_of):
            raise ValueError(f"alarm {self.id}: percentiles cannot be added up or divided")
        if (percentile or bool(self.percent_of)) != bool(self.at_least):
            raise ValueError(
                f"alarm {self.id}: a percentile or a percentage needs at_least, a sum has none"
            )

    @property
    def resource(self) -> Resource:
        """What the alarm watches."""
        return self.metrics[0].resource

    @property
    def samples(self) -> tuple[Metric, ...]:
        """The metrics whose sum must reach ``at_least``; none for a sum."""
        if not self.at_least:
            return ()
        return self.percent_of or (self.metrics[0].at("SampleCount"),)

    @property
    def needs_request_metrics(self) -> bool:
        """Whether S3 must be configured to measure what the alarm watches."""
        return any(metric.needs_request_metrics for metric in self.metrics)

    def of(self, name: str, key: str = "") -> Alarm:
        """Return the alarm on the resource called ``name``; ``key`` is a bucket's."""
        return dataclasses.replace(
            self,
            id=self.id.format(key),
            metrics=tuple(metric.of(name) for metric in self.metrics),
            percent_of=tuple(metric.of(name) for metric in self.percent_of),
        )


ALARMS = (
    Alarm(
        id="table-throttled",
        metrics=(READ_THROTTLES, WRITE_THROTTLES),
        threshold="throttled_requests",
        description="DynamoDB throttles requests to the cache table: raise its capacity",
        runbook="the-table-throttles",
    ),
    Alarm(
        id="index-throttled",
        metrics=INDEX_THROTTLES,
        threshold="throttled_requests",
        description="DynamoDB throttles requests to the cache index: raise its capacity",
        runbook="the-table-throttles",
    ),
    *(
        Alarm(
            id=f"table-slow-{operation.lower()}",
            # Two periods, because p99 of few samples is the slowest one.
            metrics=(LATENCY[operation].every(FIFTEEN_MINUTES),),
            at_least=20,
            threshold="slow_table_ms",
            description=f"p99 latency of {operation} on the table has been high for half an hour",
            runbook="the-table-is-slow",
            periods=2,
        )
        for operation in OPERATIONS
    ),
    # For a missing object S3 returns 403 or 404, so a crawler alone causes errors. Behind the cache
    # of CloudFront, five minutes often have too few requests, of S3 as of the function.
    Alarm(
        id="{}-refused",
        metrics=(REQUESTS_REFUSED.every(FIFTEEN_MINUTES),),
        percent_of=(REQUESTS.every(FIFTEEN_MINUTES),),
        at_least=20,
        threshold="refused_percent",
        description="S3 answers with 4xx: objects are missing, or CloudFront lacks access",
        runbook="s3-refuses-requests",
        periods=2,
    ),
    Alarm(
        id="{}-failing",
        metrics=(REQUESTS_FAILED,),
        threshold=0,
        description="S3 answers with 5xx: follow the AWS Health Dashboard",
        runbook="s3-fails",
    ),
    Alarm(
        id="function-errors",
        metrics=(ERRORS.every(ONE_HOUR),),
        percent_of=(INVOCATIONS.every(ONE_HOUR),),
        at_least=20,
        threshold="function_error_percent",
        description="Invocations of the cache Lambda fail: read its log",
        runbook="the-function-fails",
    ),
    Alarm(
        id="function-slow",
        metrics=(DURATION.every(FIFTEEN_MINUTES),),
        at_least=20,
        threshold="slow_function_ms",
        description="p95 duration of the cache Lambda is close to its timeout: is Gemini slow?",
        runbook="the-function-is-slow",
    ),
    Alarm(
        id="function-throttled",
        metrics=(THROTTLES,),
        threshold=0,
        description="Lambda throttles invocations: raise the reserved or the account's concurrency",
        runbook="the-function-is-throttled",
    ),
    Alarm(
        id="gemini-failing",
        metrics=(UPSTREAM_ERROR,),
        threshold="upstream_errors",
        description="Calls to Gemini fail: check the API key, the quota and Google's status page",
        runbook="gemini-fails",
    ),
    # The percentage is rounded down, and an alarm is on above its threshold.
    Alarm(
        id="gemini-budget-low",
        metrics=(BUDGET_USED,),
        threshold=79,
        description="80 % of today's Gemini calls are used: check the traffic, or raise the budget",
        runbook="geminis-budget-is-used-up",
    ),
    Alarm(
        id="gemini-budget-used-up",
        metrics=(BUDGET_USED,),
        threshold=99,
        description="Today's Gemini calls are used up: new questions get a 503 until midnight UTC",
        runbook="geminis-budget-is-used-up",
    ),
    Alarm(
        id="cache-failing",
        metrics=(CACHE_READ_FAILURE, CACHE_WRITE_FAILURE),
        threshold="cache_failures",
        description="Cache reads or writes fail: uncached questions get a 503 or cost a call",
        runbook="cache-reads-or-writes-fail",
    ),
    # The misses are watched, because an alarm is on above its threshold.
    Alarm(
        id="cache-hit-ratio-low",
        metrics=(MISS.every(ONE_HOUR),),
        percent_of=tuple(metric.every(ONE_HOUR) for metric in ANSWERS),
        at_least=50,
        threshold="high_miss_percent",
        description="The hit ratio of the cache is low: many questions cost a call to Gemini",
        runbook="the-hit-ratio-is-low",
        periods=2,
    ),
    Alarm(
        id="site-failing",
        metrics=(SITE_5XX,),
        threshold="failing_site_percent",
        description="CloudFront answers with 5xx: check the API first",
        runbook="the-site-fails",
        periods=2,
    ),
)


# --- What can be adopted ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Adoptable:
    """A resource that Terraform can import instead of creating it.

    ``setting`` below ``[adopt]`` asks for it: it is true, lists ``part``, or gives the id. ``id``
    is a template of the id in AWS; source: "Import" on the resource's page in the provider's
    documentation.
    """

    setting: str
    layer: Layer
    address: str
    id: str
    part: str = ""


def _bucket_parts(bucket: Bucket) -> tuple[Adoptable, ...]:
    return tuple(
        Adoptable(
            setting=bucket.adopt,
            layer=bucket.layer,
            address=f"{BUCKET_PARTS[part]}.{bucket.id}{_part_suffix(part)}",
            id=f"{{naming.buckets[{bucket.id}]}}",
            part=part,
        )
        for part in bucket.parts
        if bucket.adopt
    )


def _part_suffix(part: str) -> str:
    return "" if part == "bucket" else f"_{part.replace('-', '_')}"


TABLE_ADDRESS = "aws_dynamodb_table.cache"

ADOPTABLE = (
    Adoptable(
        setting="gemini_secret",
        layer=Layer.BASE,
        address="aws_secretsmanager_secret.gemini_api_key",
        id="{setting}",
    ),
    Adoptable(
        setting="cache_table",
        layer=Layer.STORAGE,
        address=TABLE_ADDRESS,
        id="{naming.cache_table}",
    ),
    *(part for bucket in BUCKETS for part in _bucket_parts(bucket)),
    Adoptable(
        setting="origin_access_control",
        layer=Layer.STORAGE,
        address="aws_cloudfront_origin_access_control.origin_access_control",
        id="{setting}",
    ),
    Adoptable(
        setting="origin_access_identity",
        layer=Layer.STORAGE,
        address="aws_cloudfront_origin_access_identity.origin_access_identity",
        id="{setting}",
    ),
    Adoptable(
        setting="execution_role",
        layer=Layer.COMPUTE,
        address="aws_iam_role.reasoning_role",
        id="{naming.execution_role}",
    ),
    Adoptable(
        setting="log_group",
        layer=Layer.COMPUTE,
        address="aws_cloudwatch_log_group.reasoning_log",
        id="{naming.log_group}",
    ),
    Adoptable(
        setting="function",
        layer=Layer.COMPUTE,
        address="aws_lambda_function.reasoning",
        id="{naming.function}",
    ),
    Adoptable(
        setting="function_url",
        layer=Layer.COMPUTE,
        address="aws_lambda_function_url.reasoning_url",
        id="{naming.function}",
    ),
    Adoptable(
        setting="firewall_log_group",
        layer=Layer.FRONTEND,
        address="aws_cloudwatch_log_group.firewall_log",
        id="{naming.firewall_log}",
    ),
)
