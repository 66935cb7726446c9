"""A Lambda function with its log group, its own role and a signed URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdktf import AssetType, TerraformAsset
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
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

from modules.packaging import Package
from modules.policy import Statement, policy, service
from modules.settings import FunctionSettings
from modules.stack import LayerStack


class SignedFunction:
    """A Python function that only callers with AWS credentials reach, through its URL.

    ``statements`` are all that it may do, apart from writing its own log.
    """

    def __init__(
        self,
        stack: LayerStack,
        id_: str,
        *,
        package: Package,
        handler: str,
        description: str,
        settings: FunctionSettings,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
    ) -> None:
        naming = stack.naming
        # Without it Lambda creates the group on the first call: unmanaged, and kept for ever.
        log_group = CloudwatchLogGroup(
            stack,
            f"{id_}_log",
            name=naming.log_group,
            retention_in_days=settings.log_retention_days,
        )
        role = IamRole(
            stack,
            f"{id_}_role",
            name=naming.execution_role,
            description="What the cache Lambda may do",
            assume_role_policy=policy(
                Statement(
                    sid="AllowLambda",
                    principals=service("lambda.amazonaws.com"),
                    actions=("sts:AssumeRole",),
                )
            ),
        )
        rights = IamRolePolicy(
            stack,
            f"{id_}_rights",
            name=naming.execution_policy,
            role=role.name,
            policy=policy(
                *statements,
                Statement(
                    sid="WriteOwnLog",
                    actions=("logs:CreateLogStream", "logs:PutLogEvents"),
                    resources=(stack.arn("logs", f"log-group:{naming.log_group}:*"),),
                ),
                *([_trace()] if settings.tracing else []),
            ),
        )
        asset = TerraformAsset(stack, f"{id_}_package", path=str(package.path), type=AssetType.FILE)
        function = LambdaFunction(
            stack,
            id_,
            function_name=naming.function,
            description=description,
            role=role.arn,
            runtime="python3.13",
            architectures=["arm64"],
            handler=handler,
            filename=asset.path,
            source_code_hash=package.sha256,
            memory_size=settings.memory_mb,
            timeout=settings.timeout_seconds,
            environment=LambdaFunctionEnvironment(variables=environment),
            logging_config=LambdaFunctionLoggingConfig(log_format="Text", log_group=log_group.name),
            tracing_config=LambdaFunctionTracingConfig(
                mode="Active" if settings.tracing else "PassThrough"
            ),
            publish=settings.alias is not None or None,
            reserved_concurrent_executions=settings.reserved_concurrency,
            # Its first call must already be allowed to write its log.
            depends_on=[rights],
        )
        alias = _add_alias(stack, id_, function, settings.alias) if settings.alias else None
        if alias and settings.provisioned_concurrency:
            LambdaProvisionedConcurrencyConfig(
                stack,
                f"{id_}_warm",
                function_name=function.function_name,
                qualifier=alias.name,
                provisioned_concurrent_executions=settings.provisioned_concurrency,
            )
        url = LambdaFunctionUrl(
            stack,
            f"{id_}_url",
            function_name=function.function_name,
            qualifier=alias.name if alias else None,
            authorization_type="AWS_IAM",
        )
        self.name = function.function_name
        self.alias = alias.name if alias else None
        self.arn = function.arn
        self.role_arn = role.arn
        self.url = url.function_url
        self.url_id = url.url_id


def _add_alias(stack: LayerStack, id_: str, function: LambdaFunction, name: str) -> LambdaAlias:
    return LambdaAlias(
        stack,
        f"{id_}_alias",
        name=name,
        description="What the URL calls",
        function_name=function.function_name,
        function_version=function.version,
    )


def _trace() -> Statement:
    return Statement(
        sid="SendTraces",
        actions=("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        resources=("*",),  # X-Ray knows no resource for these two.
    )
