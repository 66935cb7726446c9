"""A Lambda function with its log group, its own role and a signed URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdktf import AssetType, TerraformAsset
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
)
from cdktf_cdktf_provider_aws.lambda_function_url import LambdaFunctionUrl
from cdktf_cdktf_provider_aws.lambda_provisioned_concurrency_config import (
    LambdaProvisionedConcurrencyConfig,
)

from modules.iam import Statement
from modules.packaging import Package
from modules.resources.code_signing import SignedPackageConfig, add_signed_package
from modules.resources.service_role import ServiceRoleConfig, add_service_role
from modules.settings import FunctionSettings
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class SignedFunctionConfig:
    """A Python function. ``statements`` are all that it may do, apart from writing its own log.

    ``retain`` keeps its log group when the stack is destroyed.
    ``log_key_arn`` and ``variables_key_arn`` are KMS keys of its log group and its environment
    variables; its role needs no right on either, because CloudWatch Logs uses the one itself, and
    Lambda grants the role the use of the other.
    """

    package: Package
    handler: str
    description: str
    settings: FunctionSettings
    environment: Mapping[str, str]
    statements: Sequence[Statement]
    retain: bool
    permissions_boundary: str | None
    log_key_arn: str | None
    variables_key_arn: str | None


@dataclass(frozen=True, kw_only=True)
class SignedFunction:
    """A function; ``url_id`` is the first label of its URL's host name."""

    name: str
    arn: str
    alias: str | None
    url: str
    url_id: str


def add_signed_function(
    stack: LayerStack, id_: str, config: SignedFunctionConfig
) -> SignedFunction:
    """Add a function that only callers with AWS credentials reach, through its URL."""
    naming, settings = stack.naming, config.settings
    # Lambda would create the group on the first invocation: unmanaged, without retention.
    log_group = CloudwatchLogGroup(
        stack,
        f"{id_}_log",
        name=naming.log_group,
        retention_in_days=settings.log_retention_days,
        kms_key_id=config.log_key_arn,
        skip_destroy=config.retain or None,
    )
    role = add_service_role(
        stack,
        id_,
        ServiceRoleConfig(
            name=naming.execution_role,
            description="Execution role of the cache Lambda",
            service="lambda",
            trust_sid="AllowLambda",
            policy_name=naming.execution_policy,
            statements=[
                *config.statements,
                Statement(
                    sid="WriteOwnLog",
                    actions=("logs:CreateLogStream", "logs:PutLogEvents"),
                    resources=(stack.arn("logs", f"log-group:{naming.log_group}:*"),),
                ),
                *([_trace()] if settings.tracing else []),
            ],
            permissions_boundary=config.permissions_boundary,
        ),
    )
    package = TerraformAsset(
        stack, f"{id_}_package", path=str(config.package.path), type=AssetType.FILE
    )
    signed = None
    if settings.code_signing:
        signed = add_signed_package(
            stack,
            f"{id_}_package",
            SignedPackageConfig(
                path=package.path,
                sha256=config.package.sha256,
                folder=naming.function,
                settings=settings.code_signing,
            ),
        )
    function = LambdaFunction(
        stack,
        id_,
        function_name=naming.function,
        description=config.description,
        role=role.arn,
        runtime="python3.13",
        architectures=["arm64"],
        handler=config.handler,
        filename=None if signed else package.path,
        # Lambda reports the hash of the signed package, which is not known in advance.
        source_code_hash=None if signed else config.package.sha256,
        s3_bucket=signed.bucket if signed else None,
        s3_key=signed.key if signed else None,
        code_signing_config_arn=signed.config_arn if signed else None,
        memory_size=settings.memory_mb,
        timeout=settings.timeout_seconds,
        environment=LambdaFunctionEnvironment(variables=config.environment),
        kms_key_arn=config.variables_key_arn,
        logging_config=LambdaFunctionLoggingConfig(log_format="Text", log_group=log_group.name),
        tracing_config=LambdaFunctionTracingConfig(
            mode="Active" if settings.tracing else "PassThrough"
        ),
        publish=settings.alias is not None or None,
        reserved_concurrent_executions=settings.reserved_concurrency,
        # Its first call must already be allowed to write its log.
        depends_on=[role.rights],
    )
    alias = _add_alias(stack, id_, function, settings)
    url = LambdaFunctionUrl(
        stack,
        f"{id_}_url",
        function_name=function.function_name,
        qualifier=alias,
        authorization_type="AWS_IAM",
    )
    return SignedFunction(
        name=function.function_name,
        arn=function.arn,
        alias=alias,
        url=url.function_url,
        url_id=url.url_id,
    )


def _add_alias(
    stack: LayerStack, id_: str, function: LambdaFunction, settings: FunctionSettings
) -> str | None:
    """Add the alias that the URL calls, with the instances it keeps warm; return its name."""
    if settings.alias is None:
        return None
    alias = LambdaAlias(
        stack,
        f"{id_}_alias",
        name=settings.alias,
        description="Target of the function URL",
        function_name=function.function_name,
        function_version=function.version,
    )
    if settings.provisioned_concurrency:
        LambdaProvisionedConcurrencyConfig(
            stack,
            f"{id_}_warm",
            function_name=function.function_name,
            qualifier=alias.name,
            provisioned_concurrent_executions=settings.provisioned_concurrency,
        )
    return alias.name


def _trace() -> Statement:
    return Statement(
        sid="SendTraces",
        actions=("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        resources=("*",),  # these two actions support no resource
    )
