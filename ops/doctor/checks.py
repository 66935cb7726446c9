"""The checks of ``doctor``, from this machine outwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

from modules.catalogue import Layer
from ops.common.aws_errors import code_of
from ops.common.session import Session
from ops.doctor.finding import Finding
from ops.local.terraform.tools import find_tools
from ops.table.condition import differences, read

_ABSENT_BUCKET = frozenset({"404", "NoSuchBucket", "NotFound"})


class Checks:
    """The checks of one environment."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._target = session.target
        self._naming = session.target.naming
        self._settings = session.target.settings

    def tools(self) -> Iterator[Finding]:
        """Look for the programs that deploying needs."""
        found = find_tools(os.environ)
        told = f"Terraform {found.terraform_version}, Node {found.node_version}"
        yield Finding(what="tools", found=told)

    def account(self) -> Iterator[Finding]:
        """Compare the credentials' account with the settings'."""
        account = self._session.aws.account
        region = self._settings.region
        if self._target.endpoint:
            where = f"the local AWS at {self._target.endpoint}"
            yield Finding(what="account", found=where)
        elif self._settings.account_id:
            yield Finding(what="account", found=f"{account} in {region}, as the settings say")
        else:
            yield Finding(
                what="account",
                found=f"{account} in {region}; the settings name no account",
                remedy=f'write account_id = "{account}" into environments/{self._target.name}.toml'
                " if it is the right one",
            )

    def state(self) -> Iterator[Finding]:
        """Look at where Terraform keeps its state."""
        state = self._settings.state
        if state.s3 is None:
            where = "HCP Terraform" if state.hcp else "local files"
            yield Finding(what="state", found=f"in {where}")
            return
        bucket = state.s3.bucket or self._naming.state_bucket
        s3 = self._session.aws.client("s3")
        if not self._exists(bucket):
            yield Finding(
                what="state",
                found=f"there is no bucket {bucket}, or it is not yours",
                remedy="create it: README.md, Give the state a bucket",
            )
            return
        versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
        yield Finding(
            what="state",
            found=f"{bucket}, versioning {versioning or 'off'}".lower(),
            remedy=None
            if versioning == "Enabled"
            else f"aws s3api put-bucket-versioning --bucket {bucket} "
            "--versioning-configuration Status=Enabled",
        )

    def configuration(self) -> Iterator[Finding]:
        """Compare the function's parameters with the settings."""
        gemini = self._settings.gemini
        wanted = {
            ("gemini", "model"): gemini.model,
            ("gemini", "endpoint"): gemini.endpoint,
            ("gemini", "timeout-seconds"): str(gemini.timeout_seconds),
            ("cache", "ttl-days"): str(self._settings.cache.ttl_days),
        }
        paths = {self._naming.config_parameter(*key): value for key, value in wanted.items()}
        yield from self._compared(paths, Layer.BASE, "the settings say")

    def secret(self) -> Iterator[Finding]:
        """Ask whether the Gemini key has been put; its value is not read."""
        name = self._naming.gemini_secret
        described = self._session.aws.client("secretsmanager").describe_secret(SecretId=name)
        stages = [
            stage for stages in described.get("VersionIdsToStages", {}).values() for stage in stages
        ]
        there = "AWSCURRENT" in stages
        yield Finding(
            what="secret",
            found=f"{name} {'has a value' if there else 'has no value'}",
            remedy=None if there else "put it: README.md, Put the Gemini key",
        )

    def table(self) -> Iterator[Finding]:
        """Compare the table with the settings and with its parameters."""
        found = read(self._session.aws.client("dynamodb"), self._session.table)
        wrong = list(differences(found, self._target))
        yield Finding(what="table", found=f"{found.name}, {found.status.lower()}")
        for one in wrong:
            yield Finding(what="table", found=one, remedy=self._apply(Layer.STORAGE))
        paths = {
            "cache-table-name": found.name,
            "cache-table-arn": found.arn,
            "stream-arn": found.stream_arn or "",
        }
        yield from self._compared(
            {
                self._naming.storage_parameter("dynamodb", name): value
                for name, value in paths.items()
            },
            Layer.STORAGE,
            "the table has",
        )

    def buckets(self) -> Iterator[Finding]:
        """Compare the buckets with the settings and with their parameters."""
        s3 = self._session.aws.client("s3")
        for bucket, name in (
            (self._naming.static_website_bucket, "static-website-bucket"),
            (self._naming.geojson_bucket, "geojson-bucket"),
        ):
            if not self._exists(bucket):
                yield Finding(
                    what="bucket",
                    found=f"there is no bucket {bucket}, or it is not yours",
                    remedy=self._apply(Layer.STORAGE),
                )
                continue
            enabled = s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
            wanted = self._settings.buckets.versioning
            yield Finding(
                what="bucket",
                found=f"{bucket}, versioning {'on' if enabled else 'off'}",
                remedy=None if enabled == wanted else self._apply(Layer.STORAGE),
            )
            yield from self._compared(
                {
                    self._naming.storage_parameter("s3", f"{name}-name"): bucket,
                    self._naming.storage_parameter("s3", f"{name}-arn"): self._arn(bucket),
                },
                Layer.STORAGE,
                "the bucket has",
            )

    def function(self) -> Iterator[Finding]:
        """Look at the function's state."""
        found = self._session.aws.client("lambda").get_function_configuration(
            FunctionName=self._naming.function
        )
        state = found.get("State", "Active")
        reason = f": {found['StateReason']}" if found.get("StateReason") else ""
        yield Finding(
            what="function",
            found=f"{self._naming.function}, {state.lower()}{reason}",
            remedy=None if state in {"Active", "Inactive"} else self._apply(Layer.COMPUTE),
        )

    def _compared(self, wanted: dict[str, str], layer: Layer, whose: str) -> Iterator[Finding]:
        answer = self._session.aws.client("ssm").get_parameters(Names=list(wanted))
        found = {one["Name"]: str(one["Value"]) for one in answer["Parameters"]}
        for path, value in wanted.items():
            if found.get(path) != value:
                has = f"is {found[path]!r}" if path in found else "is missing"
                yield Finding(
                    what="parameter",
                    found=f"{path} {has}; {whose} {value!r}",
                    remedy=self._apply(layer),
                )
        if all(found.get(path) == value for path, value in wanted.items()):
            yield Finding(what="parameter", found=f"{len(wanted)} are as {whose}")

    def _exists(self, bucket: str) -> bool:
        try:
            self._session.aws.client("s3").head_bucket(Bucket=bucket)
        except Exception as error:
            if code_of(error) in _ABSENT_BUCKET:
                return False
            raise
        return True

    def _arn(self, bucket: str) -> str:
        region = self._settings.region
        partition = "aws-cn" if region.startswith("cn-") else "aws"
        return f"arn:{'aws-us-gov' if region.startswith('us-gov-') else partition}:s3:::{bucket}"

    def _apply(self, layer: Layer) -> str:
        if self._target.endpoint:
            return "make up"
        return f"npx cdktf diff {self._naming.stack(layer)}, then npx cdktf deploy"
