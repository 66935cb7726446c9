"""Builds every name, Parameter Store path and tag.

The names are a contract with everything that finds the resources by name: docs/architecture.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from modules.catalogue import BUCKETS, PROJECT, Bucket, Layer, Parameter
from modules.problems import Problem

APPLICATION = "CO2 Anomaly Analysis"

_LONGEST_BUCKET = 63
_LONGEST_ROLE_OR_FUNCTION = 64


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of one environment; ``bucket_suffix`` makes the global bucket names unique."""

    environment: str
    bucket_suffix: str | None = None

    @property
    def cache_table(self) -> str:
        """DynamoDB table of the cached answers."""
        return self._name("cache")

    def restored_cache_table(self, time: datetime) -> str:
        """Return the name of the table that the cache is restored into as of a time."""
        return f"{self.restored_cache_table_beginning}{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    @property
    def restored_cache_table_beginning(self) -> str:
        """Prefix of the names of all restored tables."""
        return f"{self.cache_table}-restored-"

    def bucket(self, bucket: Bucket) -> str:
        """Return the name of a bucket of the catalogue."""
        return self._bucket(bucket.name)

    @property
    def buckets(self) -> dict[str, str]:
        """The names of the buckets, by their ids in the catalogue."""
        return {bucket.id: self.bucket(bucket) for bucket in BUCKETS}

    @property
    def state_bucket(self) -> str:
        """Bucket of the Terraform state, unless the settings name one."""
        return self._bucket("terraform-state")

    @property
    def function(self) -> str:
        """The cache Lambda."""
        return self._name("reasoning-function")

    @property
    def execution_role(self) -> str:
        """Role that the cache Lambda runs as."""
        return self._name("lambda-execution-role")

    @property
    def execution_policy(self) -> str:
        """Inline policy of that role."""
        return self._name("lambda-execution-policy")

    @property
    def log_group(self) -> str:
        """Log group of the cache Lambda, by AWS Lambda's own convention."""
        return f"/aws/lambda/{self.function}"

    @property
    def gemini_secret(self) -> str:
        """Secret that holds the Gemini API key."""
        return self._name("gemini-api-key")

    @property
    def origin_access_control(self) -> str:
        """Origin access control of the buckets."""
        return self._name("s3")

    def scaling_policy(self, what: str, access: str) -> str:
        """Return the name of the scaling policy of the table's or index's reads or writes."""
        return self._name(f"cache-{what}-{access.lower()}-scaling")

    def edge(self, part: str) -> str:
        """Return the name of a function, policy or access control of the distribution."""
        return self._name(part)

    @property
    def firewall(self) -> str:
        """Web ACL in front of the distribution."""
        return self._name("firewall")

    @property
    def distribution_logs(self) -> str:
        """Source and destination of the delivery of the distribution's access logs."""
        return self._name("distribution-logs")

    @property
    def alarm_topic(self) -> str:
        """SNS topic of alarms and budget warnings."""
        return self._name("alarms")

    @property
    def alarm_key(self) -> str:
        """Alias of the KMS key of that topic."""
        return f"alias/{self.alarm_topic}"

    def alarm(self, what: str) -> str:
        """Return the name of an alarm."""
        return self._name(what)

    @property
    def dashboard(self) -> str:
        """Dashboard for the operators."""
        return self._name("overview")

    @property
    def budget(self) -> str:
        """Monthly budget."""
        return self._name("monthly")

    def replica(self, bucket: str) -> str:
        """Return the name of the replica of ``bucket`` in another Region."""
        return f"{bucket}-replica"

    @property
    def replication_role(self) -> str:
        """Role of S3 replication."""
        return self._name("s3-replication-role")

    @property
    def replication_policy(self) -> str:
        """Inline policy of that role."""
        return self._name("s3-replication-policy")

    @property
    def parameters(self) -> str:
        """Root of the environment's Parameter Store paths."""
        return f"/{PROJECT}/{self.environment}"

    def parameter(self, parameter: Parameter) -> str:
        """Return the path of a parameter of the catalogue."""
        return f"{self.parameters}/{parameter.path}"

    def stack(self, layer: Layer) -> str:
        """Return the name of a stack and of its folder below ``cdktf.out/stacks``."""
        return f"{self.environment}-{layer.key}"

    def state_key(self, layer: Layer) -> str:
        """Return the key of a layer's state in the state bucket."""
        return f"{self.environment}/{layer.key}/terraform.tfstate"

    def state_file(self, directory: str, layer: Layer) -> str:
        """Return the path of a layer's state file, relative to its stack folder in the checkout."""
        return from_stack(f"{directory}/{self.environment}/{layer.key}.tfstate")

    def workspace(self, layer: Layer) -> str:
        """Return the name of a layer's HCP Terraform workspace."""
        return self._name(layer.key)

    def tags(self, layer: Layer) -> dict[str, str]:
        """Return the default tags of a layer."""
        return {
            "Project": PROJECT,
            "Environment": self.environment,
            "Application": APPLICATION,
            "ManagedBy": "terraform",
            "Layer": layer.tag,
        }

    def problems(self) -> Iterator[Problem]:
        """Yield a problem for each name that AWS would reject."""
        copies = (self.replica(self.bucket(one)) for one in BUCKETS if one.replicated)
        for bucket in (*self.buckets.values(), self.state_bucket, *copies):
            if len(bucket) > _LONGEST_BUCKET:
                yield Problem(
                    field="buckets.suffix",
                    value=self.bucket_suffix,
                    reason=(
                        f'the bucket name "{bucket}" would have {len(bucket)} characters; '
                        f"S3 allows {_LONGEST_BUCKET}"
                    ),
                    remedy="shorten the suffix or the environment's name",
                )
        for name in (self.function, self.execution_role, self.edge("security-headers")):
            if len(name) > _LONGEST_ROLE_OR_FUNCTION:
                yield Problem(
                    field="the environment's name",
                    value=self.environment,
                    reason=f'"{name}" would be over {_LONGEST_ROLE_OR_FUNCTION} characters',
                    remedy="shorten the file's name",
                )
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.environment):
            yield Problem(
                field="the environment's name",
                value=self.environment,
                reason="it is part of bucket names: lower-case letters, digits and single hyphens",
                remedy='rename the file, for example to "dev.toml"',
            )

    def _name(self, resource: str) -> str:
        return f"{PROJECT}-{self.environment}-{resource}"

    def _bucket(self, resource: str) -> str:
        name = self._name(resource)
        return f"{name}-{self.bucket_suffix}" if self.bucket_suffix else name


def from_stack(path: str) -> str:
    """Return the path of a file of the checkout, relative to a stack folder in it."""
    return f"../../../{path}"
