"""The checks of ``doctor``, from this machine outwards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace

from modules.catalogue import (
    ACCESS_LOGS,
    BUCKETS,
    DATA_BUCKETS,
    PARAMETERS,
    Layer,
    bucket_arn,
)
from modules.environments import Environment
from modules.owner_warnings import warnings
from modules.settings.function import UNRESERVED
from ops.common import function_code
from ops.common.aws_errors import error_code, if_exists
from ops.common.session import Session
from ops.doctor import alarms, bootstrapped
from ops.doctor.finding import Check, Finding
from ops.table import table_status
from ops.terraform.tools import find_tools

# "Concurrent executions" of Lambda, in Service Quotas.
_CONCURRENCY_QUOTA = "L-B99A9384"


def _tools(_: Session) -> Iterator[Finding]:
    """Find the programs that a deployment needs."""
    tools = find_tools(os.environ)
    yield Finding(found=f"Terraform {tools.terraform_version}, Node {tools.node_version}")


def _account(ops: Session) -> Iterator[Finding]:
    """Compare the credentials' account with the settings."""
    account, settings = ops.aws.account, ops.target.settings
    if ops.target.endpoint:
        yield Finding(found=f"the local AWS at {ops.target.endpoint}")
    elif settings.account_id:
        yield Finding(found=f"{account} in {settings.region}, as in the settings")
    else:
        yield Finding(
            found=f"{account} in {settings.region}; the settings have no account_id",
            remedy=f'if it is the right one, set account_id = "{account}" in '
            f"environments/{ops.target.name}.toml"
            if settings.retain
            else None,
            warning=True,
        )


def _settings(ops: Session) -> Iterator[Finding]:
    """Warn of what the environment's file leaves to fill in, as the synthesis does."""
    target = ops.target
    environment = Environment(naming=target.naming, settings=target.settings)
    found = warnings(environment)
    for one in found:
        yield Finding(
            found=f"{one.field}: {one.reason}",
            remedy=f"environments/{one.where}: {one.field}: {one.remedy}",
            warning=True,
        )
    if not found:
        yield Finding(found="nothing is left to fill in")


def _state(ops: Session) -> Iterator[Finding]:
    """Check the backend of the Terraform state."""
    state = ops.target.settings.state
    if state.s3 is None:
        yield Finding(found=f"in {'HCP Terraform' if state.hcp else 'local files'}")
        return
    bucket = state.s3.bucket or ops.target.naming.state_bucket
    if not _exists(ops, bucket):
        yield Finding(
            found=f"the bucket {bucket} does not exist, or is not yours",
            remedy=bootstrapped.remedy(ops)
            if ops.target.settings.creates_state_bucket
            else "create it, or let bootstrap create one: docs/getting-started-aws.md",
        )
        return
    versioning = _versioning(ops, bucket)
    yield Finding(
        found=f"{bucket}, versioning {'on' if versioning else 'off'}",
        remedy=None
        if versioning
        else f"aws s3api put-bucket-versioning --bucket {bucket} "
        "--versioning-configuration Status=Enabled",
    )


def _configuration(ops: Session) -> Iterator[Finding]:
    """Compare the parameters of the base layer with the settings."""
    return _parameters(ops, [Layer.BASE], vars(ops.target.settings))


def _secret(ops: Session) -> Iterator[Finding]:
    """Check that the function can read the Gemini key, and in which form it is stored."""
    function_code.make_importable()
    from reasoning.secret import FORM, parse_key  # noqa: PLC0415

    name = ops.target.naming.gemini_secret
    secrets = ops.aws.client("secretsmanager")
    stages = secrets.describe_secret(SecretId=name).get("VersionIdsToStages", {}).values()
    remedy = f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://KEY"
    if not any("AWSCURRENT" in one for one in stages):
        yield Finding(found=f"{name} has no value", remedy=remedy)
        return
    try:
        value = secrets.get_secret_value(SecretId=name).get("SecretString", "")
    except Exception as error:
        if error_code(error) != "AccessDeniedException":
            raise
        yield Finding(found=f"{name} has a value; these credentials may not read its form")
        return
    if not parse_key(value):
        yield Finding(found=f"{name} has neither the key alone nor {FORM}", remedy=remedy)
        return
    form = FORM if value.lstrip().startswith("{") else "the key alone"
    yield Finding(found=f"{name} has {form}")


def _table(ops: Session) -> Iterator[Finding]:
    """Compare the cache table with the settings."""
    found = table_status.read(ops.aws.client("dynamodb"), ops.table)
    yield Finding(found=f"{found.name}, {found.status.lower()}")
    for one in table_status.differences(found, ops.target):
        yield Finding(found=one, remedy=_deploy(ops, Layer.STORAGE))


def _buckets(ops: Session) -> Iterator[Finding]:
    """Compare the buckets with the settings."""
    settings = ops.target.settings.buckets
    for bucket in BUCKETS:
        if bucket is ACCESS_LOGS and not settings.access_logs_days:
            continue
        name, remedy = ops.target.naming.bucket(bucket), _deploy(ops, bucket.layer)
        if not _exists(ops, name):
            yield Finding(found=f"the bucket {name} does not exist, or is not yours", remedy=remedy)
            continue
        versioning = _versioning(ops, name)
        as_wanted = versioning == settings.versions(bucket)
        yield Finding(
            found=f"{name}, versioning {'on' if versioning else 'off'}",
            remedy=None if as_wanted else remedy,
        )


def _locations(ops: Session) -> Iterator[Finding]:
    """Compare the parameters of the other layers with what was made, as far as it is known."""
    target = ops.target
    buckets = {bucket.id: target.naming.bucket(bucket) for bucket in DATA_BUCKETS}
    built = {
        "cache_table": table_status.read(ops.aws.client("dynamodb"), ops.table),
        "buckets": {
            id_: SimpleNamespace(name=name, arn=bucket_arn(target.settings.region, name))
            for id_, name in buckets.items()
        },
    }
    others = [layer for layer in target.settings.layers if layer is not Layer.BASE]
    return _parameters(ops, others, {"naming": target.naming, **built})


def _function(ops: Session) -> Iterator[Finding]:
    """Check the state of the cache Lambda."""
    name = ops.target.naming.function
    found = ops.aws.client("lambda").get_function_configuration(FunctionName=name)
    state = found.get("State", "Active")
    reason = f": {found['StateReason']}" if found.get("StateReason") else ""
    yield Finding(
        found=f"{name}, {state.lower()}{reason}",
        remedy=None if state in {"Active", "Inactive"} else _deploy(ops, Layer.COMPUTE),
    )


def _concurrency(ops: Session) -> Iterator[Finding]:
    """Compare the account's quota with the concurrency that the settings reserve."""
    if ops.target.endpoint:
        return  # The emulator's quota is not AWS's.
    settings, name = ops.target.settings.function, ops.target.naming.function
    functions = ops.aws.client("lambda")
    try:
        limit = functions.get_account_settings()["AccountLimit"]
        deployed = if_exists(lambda: functions.get_function_concurrency(FunctionName=name))
    except Exception as error:
        if error_code(error) != "AccessDeniedException":
            raise
        yield Finding(
            found="these credentials may not read the account's quota",
            remedy="grant lambda:GetAccountSettings and lambda:GetFunctionConcurrency",
            warning=True,
        )
        return
    quota, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    # What this function has reserved already, it may reserve again.
    free += deployed.get("ReservedConcurrentExecutions", 0) if deployed else 0
    most = max(free - UNRESERVED, 0)
    wanted = settings.reserved_concurrency
    if wanted is None:
        yield Finding(
            found=f"a quota of {quota} calls; function.reserved_concurrency is unset, "
            f"and could be at most {most}"
        )
        return
    enough = wanted <= most
    # The other functions keep what they have reserved.
    needed = quota - free + UNRESERVED + wanted
    yield Finding(
        found=f"a quota of {quota} calls; function.reserved_concurrency is {wanted}, "
        f"and could be at most {most}",
        remedy=None
        if enough
        else "aws service-quotas request-service-quota-increase --service-code lambda "
        f"--quota-code {_CONCURRENCY_QUOTA} --desired-value {needed} "
        f"--region {ops.target.settings.region}, or remove function.reserved_concurrency",
    )
    if settings.account_concurrency != quota:
        yield Finding(
            found=f"function.account_concurrency is {settings.account_concurrency}, not {quota}",
            remedy=f"set function.account_concurrency = {quota}",
            warning=True,
        )


def _alarms(ops: Session) -> Iterator[Finding]:
    """Check that the alarms exist."""
    missing = alarms.missing(ops.aws.client("cloudwatch"), ops.target)
    for one in missing:
        yield Finding(found=one, remedy=_deploy(ops, Layer.MONITORING))
    if not missing:
        yield Finding(found=f"{len(alarms.expected(ops.target))} exist")


# The checks after that of the account need it.
CHECKS: Mapping[str, Check] = {
    "tools": _tools,
    "settings": _settings,
    "account": _account,
    "state": _state,
    "bootstrap": bootstrapped.check,
    "configuration": _configuration,
    "secret": _secret,
    "table": _table,
    "bucket": _buckets,
    "parameter": _locations,
    "function": _function,
    "concurrency": _concurrency,
    "alarm": _alarms,
}


def _parameters(
    ops: Session, layers: Sequence[Layer], values: Mapping[str, object]
) -> Iterator[Finding]:
    """Compare the parameters of layers with ``values``, the fields of the catalogue's templates."""
    naming = ops.target.naming
    pages = (
        ops.aws.client("ssm")
        .get_paginator("get_parameters_by_path")
        .paginate(Path=naming.parameters, Recursive=True)
    )
    found = {one["Name"]: one["Value"] for page in pages for one in page["Parameters"]}
    rows = [row for row in PARAMETERS if row.layer in layers and ops.target.settings.enables(row)]
    wrong = 0
    for row in rows:
        path = naming.parameter(row)
        operated = row.operated and attrgetter(row.operated)(ops.target.settings) is None
        try:
            expected = None if operated else row.value.format(**values)
        except KeyError:
            # The value is known to Terraform only.
            expected = None
        if path in found and expected in (None, found[path]):
            continue
        wrong += 1
        actual = repr(found[path]) if path in found else "missing"
        yield Finding(
            found=f"{path} is {actual}" + (f", not {expected!r}" if expected else ""),
            remedy=_deploy(ops, row.layer),
        )
    if not wrong:
        yield Finding(found=f"{len(rows)} are as expected")


def _exists(ops: Session, bucket: str) -> bool:
    return if_exists(lambda: ops.aws.client("s3").head_bucket(Bucket=bucket)) is not None


def _versioning(ops: Session, bucket: str) -> bool:
    return ops.aws.client("s3").get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def _deploy(ops: Session, layer: Layer) -> str:
    if ops.target.endpoint:
        return "make up"
    return f"npx cdktf diff {ops.target.naming.stack(layer)}, then npx cdktf deploy"
