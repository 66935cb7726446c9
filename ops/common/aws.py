"""boto3 clients for one environment, and the check that they reach the right account."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from ops.common.errors import RefusedError
from ops.common.local_address import ACCESS_KEY, SECRET_KEY
from ops.common.target import Target

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

_CONNECTIONS = 32
# botocore's session variables: (configuration file key, environment variable, default, converter).
_NO_USER_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Aws:
    """The environment's clients, each created on first use.

    The emulator gets fixed credentials and no proxy; the user's AWS settings are not read.

    Raises:
        RefusedError: An environment variable names another Region than the settings.

    """

    def __init__(self, target: Target) -> None:
        self._target = target
        if target.endpoint is None:
            _check_region(target)

    @cached_property
    def autoscaling(self) -> ApplicationAutoScalingClient:
        """Application Auto Scaling."""
        return self._session.client("application-autoscaling", endpoint_url=self._target.endpoint)

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """Amazon CloudWatch."""
        return self._session.client("cloudwatch", endpoint_url=self._target.endpoint)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Amazon DynamoDB."""
        return self._session.client("dynamodb", endpoint_url=self._target.endpoint)

    @cached_property
    def lambda_(self) -> LambdaClient:
        """AWS Lambda."""
        return self._session.client("lambda", endpoint_url=self._target.endpoint)

    @cached_property
    def s3(self) -> S3Client:
        """Amazon S3."""
        return self._session.client("s3", endpoint_url=self._target.endpoint)

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        """AWS Secrets Manager."""
        return self._session.client("secretsmanager", endpoint_url=self._target.endpoint)

    @cached_property
    def ssm(self) -> SSMClient:
        """AWS Systems Manager, for Parameter Store."""
        return self._session.client("ssm", endpoint_url=self._target.endpoint)

    @cached_property
    def sts(self) -> STSClient:
        """AWS Security Token Service."""
        return self._session.client("sts", endpoint_url=self._target.endpoint)

    @cached_property
    def account(self) -> str:
        """Account that the credentials belong to.

        Raises:
            RefusedError: The settings name another account.

        """
        account = self.sts.get_caller_identity()["Account"]
        wanted = self._target.settings.account_id
        if wanted and account != wanted:
            raise RefusedError(
                f"these credentials belong to account {account}, and {self._target.name} "
                f"is in {wanted}",
                remedy="choose the profile of that account: AWS_PROFILE=... python -m ops ...",
            )
        return account

    @cached_property
    def _session(self) -> boto3.Session:
        # Imported late: boto3 takes a quarter of a second, and --help does not need it.
        import boto3  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        local = self._target.endpoint is not None
        core = botocore.session.Session(session_vars=_NO_USER_SETTINGS if local else None)
        if local:
            core.set_credentials(ACCESS_KEY, SECRET_KEY)
        core.set_default_client_config(
            Config(
                retries={"mode": "standard", "total_max_attempts": 4},
                max_pool_connections=_CONNECTIONS,
                connect_timeout=10,
                proxies={} if local else None,
                s3={"addressing_style": "path"} if local else None,
            )
        )
        return boto3.Session(region_name=self._target.settings.region, botocore_session=core)


def _check_region(target: Target) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        found, wanted = os.environ.get(name), target.settings.region
        if found and found != wanted:
            raise RefusedError(
                f"{name} is {found}, and {target.name} is in {wanted}",
                remedy=f"unset {name}, or set it to {wanted}",
            )
