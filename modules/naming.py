"""Builds every name, Parameter Store path and tag.

The names are a contract with everything that finds the resources by name: docs/architecture.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from modules.catalogue import BUCKETS, PROJECT, Bucket, Layer, Parameter
from modules.problems import Problem

APPLICATION = "CO2 Anomaly Analysis"

# Of the deploy roles, their policies and the boundary, so that no pattern of the environment's own
# names covers them.
BOOTSTRAP_PATH = f"/{PROJECT}/bootstrap/"

_LONGEST_BUCKET = 63
_LONGEST_ROLE_OR_FUNCTION = 64
# AWS allows 50 tags of a resource; some are left to systems that add tags themselves.
_MOST_TAGS = 40


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of one environment; ``bucket_suffix`` makes the global bucket names unique."""

    environment: str
    bucket_suffix: str | None = None
    extra_tags: Mapping[str, str] = field(default_factory=dict)

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
    def state_key_alias(self) -> str:
        """Alias of the KMS key of that bucket."""
        return f"alias/{self._name('terraform-state')}"

    @property
    def saved_plans(self) -> str:
        """Key prefix of saved plans in the state bucket."""
        return f"{self.environment}/plans/"

    @property
    def plan_role(self) -> str:
        """Role that plans the environment's layers."""
        return self._name("plan-role")

    @property
    def apply_role(self) -> str:
        """Role that applies the environment's layers."""
        return self._name("apply-role")

    @property
    def boundary(self) -> str:
        """Managed policy that is the permissions boundary of the roles of those layers."""
        return self._name("boundary")

    def bootstrap_arn(
        self, kind: Literal["policy", "role"], name: str, *, partition: str, account_id: str
    ) -> str:
        """Return the ARN of a deploy role, or of the boundary or another of their policies."""
        return f"arn:{partition}:iam::{account_id}:{kind}{BOOTSTRAP_PATH}{name}"

    def deploy_policy(self, role: str, group: str) -> str:
        """Return the name of a managed policy of the ``plan`` or ``apply`` role."""
        return self._name(f"{role}-{group}")

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
    def data_key(self) -> str:
        """Alias of the environment's own KMS key."""
        return f"alias/{self._name('data')}"

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
    def firewall_log(self) -> str:
        """Log group of that web ACL; AWS WAF requires the prefix ``aws-waf-logs-``."""
        return f"aws-waf-logs-{PROJECT}-{self.environment}"

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
    def backup(self) -> str:
        """Vault, plan and selection of the backups; a vault's name has 50 characters at most."""
        return self._name("backup")

    @property
    def backup_role(self) -> str:
        """Role of AWS Backup."""
        return self._name("backup-role")

    @property
    def backup_policy(self) -> str:
        """Inline policy of that role."""
        return self._name("backup-policy")

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

    def state_lock(self, layer: Layer) -> str:
        """Return the key of the lock of a layer's state, which Terraform derives."""
        return f"{self.state_key(layer)}.tflock"

    def state_file(self, directory: str, layer: Layer) -> str:
        """Return the path of a layer's state file, relative to its stack folder in the checkout."""
        return from_stack(f"{directory}/{self.environment}/{layer.key}.tfstate")

    def workspace(self, layer: Layer) -> str:
        """Return the name of a layer's HCP Terraform workspace."""
        return self._name(layer.key)

    @property
    def workspaces(self) -> str:
        """Prefix of the names of all those workspaces."""
        return self._name("")

    @property
    def variable_set(self) -> str:
        """Variable set of those workspaces, which names the plan role and the apply role."""
        return self._name("aws-roles")

    def tags(self, layer: Layer) -> dict[str, str]:
        """Return the default tags of a layer."""
        return {
            "Project": PROJECT,
            "Environment": self.environment,
            "Application": APPLICATION,
            "ManagedBy": "terraform",
            "Layer": layer.tag,
            **self.extra_tags,
        }

    def problems(self) -> Iterator[Problem]:
        """Yield a problem for each name that AWS would reject."""
        copies = map(self.replica, self.buckets.values())
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
        yield from self._tag_problems()
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.environment):
            yield Problem(
                field="the environment's name",
                value=self.environment,
                reason="it is part of bucket names: lower-case letters, digits and single hyphens",
                remedy='rename the file, for example to "dev.toml"',
            )

    def _tag_problems(self) -> Iterator[Problem]:
        tags = replace(self, extra_tags={}).tags(Layer.BASE)
        # IAM ignores the case of tag keys, so two that differ by it are one.
        taken = {key.lower(): key for key in tags}
        for key, value in self.extra_tags.items():
            other = taken.setdefault(key.lower(), key)
            if other != key or other in tags:
                yield Problem(
                    field=f"tags.{key}",
                    value=value,
                    reason=f'there is a tag "{other}" already, and case makes no difference',
                    remedy="choose another key",
                )
        if len(taken) > _MOST_TAGS:
            yield Problem(
                field="tags",
                value=self.extra_tags,
                reason=f"with the {len(tags)} of this project there are {len(taken)} tags",
                remedy=f"set at most {_MOST_TAGS - len(tags)}",
            )

    def _name(self, resource: str) -> str:
        return f"{PROJECT}-{self.environment}-{resource}"

    def _bucket(self, resource: str) -> str:
        name = self._name(resource)
        return f"{name}-{self.bucket_suffix}" if self.bucket_suffix else name


def from_stack(path: str) -> str:
    """Return the path of a file of the checkout, relative to a stack folder in it."""
    return f"../../../{path}"
