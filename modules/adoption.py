"""Which resources are taken over instead of created, and under which id AWS knows them.

The ids are those of the provider's documentation, "Import" at the end of each resource's page.

Parameters are written over instead of imported: an imported one keeps its old value through every
apply, as long as Terraform states the new one as ``insecure_value`` (terraform-provider-aws issue
37733, open). Their values follow from the settings, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modules.naming import Layer, Naming
from modules.problems import Problem
from modules.settings import AdoptSettings, Settings

_BUCKET_PARTS = {
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


@dataclass(frozen=True)
class Import:
    """One import: the setting that asks for it, the resource's address, its id in AWS."""

    field: str
    layer: Layer
    to: str
    id: str


@dataclass(frozen=True)
class Overwrite:
    """A parameter to write over: its layer, the name of its resource there, its path."""

    layer: Layer
    name: str
    path: str


def imports(naming: Naming, adopt: AdoptSettings) -> Iterator[Import]:
    """Yield what ``adopt`` asks for."""
    yield from _of_base(naming, adopt)
    yield from _of_storage(naming, adopt)
    yield from _of_compute(naming, adopt)


def overwrites(naming: Naming, adopt: AdoptSettings) -> Iterator[Overwrite]:
    """Yield the parameters to write over; a layer names them after the end of their path."""
    for path in adopt.parameters:
        area, _, rest = path.removeprefix(f"{naming.parameters}/").partition("/")
        topic, _, name = rest.partition("/")
        layer, id_ = (Layer.STORAGE, name) if area == "storage" else (Layer.BASE, f"{topic}_{name}")
        yield Overwrite(layer, id_.replace("-", "_"), path)


def problems(naming: Naming, settings: Settings) -> Iterator[Problem]:
    """Yield what is to be adopted under a name, or from a place, that is not this environment's."""
    for path in settings.adopt.parameters:
        if not path.startswith(f"{naming.parameters}/"):
            yield Problem(
                field="adopt.parameters",
                value=path,
                reason="it is not one of this environment's",
                remedy=f"list paths below {naming.parameters}/",
            )
    if settings.adopt.gemini_secret:
        yield from _foreign_secret(settings.adopt.gemini_secret, naming, settings)


def _of_base(naming: Naming, adopt: AdoptSettings) -> Iterator[Import]:
    if secret := adopt.gemini_secret:
        to = "aws_secretsmanager_secret.gemini_api_key"
        yield Import("gemini_secret", Layer.BASE, to, secret)
    for part in adopt.access_log_bucket:
        to = _part("access_logs", part)
        yield Import("access_log_bucket", Layer.BASE, to, naming.access_log_bucket)


def _of_storage(naming: Naming, adopt: AdoptSettings) -> Iterator[Import]:
    if adopt.cache_table:
        yield Import("cache_table", Layer.STORAGE, "aws_dynamodb_table.cache", naming.cache_table)
    for part in adopt.static_website_bucket:
        to = _part("static_website", part)
        yield Import("static_website_bucket", Layer.STORAGE, to, naming.static_website_bucket)
    for part in adopt.geojson_bucket:
        to = _part("geojson", part)
        yield Import("geojson_bucket", Layer.STORAGE, to, naming.geojson_bucket)
    if control := adopt.origin_access_control:
        to = "aws_cloudfront_origin_access_control.origin_access_control"
        yield Import("origin_access_control", Layer.STORAGE, to, control)
    if identity := adopt.origin_access_identity:
        to = "aws_cloudfront_origin_access_identity.origin_access_identity"
        yield Import("origin_access_identity", Layer.STORAGE, to, identity)


def _of_compute(naming: Naming, adopt: AdoptSettings) -> Iterator[Import]:
    if adopt.execution_role:
        to = "aws_iam_role.reasoning_role"
        yield Import("execution_role", Layer.COMPUTE, to, naming.execution_role)
    if adopt.log_group:
        to = "aws_cloudwatch_log_group.reasoning_log"
        yield Import("log_group", Layer.COMPUTE, to, naming.log_group)
    if adopt.function:
        to = "aws_lambda_function.reasoning"
        yield Import("function", Layer.COMPUTE, to, naming.function)
    if adopt.function_url:
        to = "aws_lambda_function_url.reasoning_url"
        yield Import("function_url", Layer.COMPUTE, to, naming.function)


def _part(bucket: str, part: str) -> str:
    name = bucket if part == "bucket" else f"{bucket}_{part.replace('-', '_')}"
    return f"{_BUCKET_PARTS[part]}.{name}"


def _foreign_secret(arn: str, naming: Naming, settings: Settings) -> Iterator[Problem]:
    _, _, _, region, account, _, name = arn.split(":")
    expected = {
        "Region": (region, settings.region),
        "account": (account, settings.account_id or account),
        # Secrets Manager appends a hyphen and six characters.
        "name": (name[:-7], naming.gemini_secret),
    }
    for what, (found, wanted) in expected.items():
        if found != wanted:
            yield Problem(
                field="adopt.gemini_secret",
                value=arn,
                reason=f"its {what} is {found}, this environment's is {wanted}",
                remedy="adopt the secret of this environment, or let Terraform make it",
            )
